"""Samplers: how maps are drawn, for which methods, with how many network evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Literal

from focus_core.catalogue.methods import METHODS, MethodSpec, method_of, schedule_length
from focus_core.catalogue.registry import Registry

# More than any sampler benefits from; the times of all steps are a list in memory before the first step.
MOST_STEPS = 10_000
# Progress of a solver that decides itself how many evaluations it takes: per cent.
EVALUATIONS_SUPPOSED = 100
# Steps at which a benchmark compares samplers, by default.
BENCHMARK_EVALUATIONS = (5, 10, 20, 50, 100, 250, 1000)


class Given(Enum):
    """First argument of a solver, before the settings `focus_core.diffusion.method.Sampler`."""

    EQUATION = auto()  # dx/dt = f(x, t) and the times of all steps, `focus_core.diffusion.ode.Equation`
    WHOLE_EQUATION = auto()  # the same with its two ends only: the solver chooses its own steps
    CHAIN = auto()  # the noise schedule, its denoiser and fresh noise, `focus_core.diffusion.samplers.Chain`


@dataclass(frozen=True)
class SamplerSpec:
    """`solver` is the path of a function (what is `given`, settings) → maps.

    `steps_key` is the setting with its steps; None if it takes `every_time` of the schedule, or chooses them.
    """

    name: str
    title: str
    methods: tuple[str, ...]
    solver: str
    given: Given = Given.EQUATION
    steps_key: str | None = "num_steps"
    # Network evaluations per step, and in the last step where noise levels end at zero.
    per_step: int = 1
    at_last_step: int | None = None
    # Whether it adds fresh noise, and which setting determines how much.
    adds_noise: bool = False
    noise_key: str | None = None
    # How a page describes its steps.
    note: str = ""

    @property
    def chooses_steps(self) -> bool:
        """Its steps serve a whole batch: a map must be drawn alone, since it must not depend on its neighbours."""
        return self.given is Given.WHOLE_EQUATION

    @property
    def every_time(self) -> bool:
        """It takes each step of the noise schedule."""
        return self.steps_key is None and not self.chooses_steps

    @property
    def settings(self) -> tuple[str, ...]:
        """The keys of the sampling section that apply to it."""
        if self.chooses_steps:
            return ("tolerance",)
        steps = () if self.steps_key is None else (self.steps_key, "spacing")
        return (*steps, *(() if self.noise_key is None else (self.noise_key,)))

    def draws_from(self, method: str) -> bool:
        return method in self.methods

    def configured_steps(self, sampling: Mapping[str, Any], timesteps: int) -> tuple[str, int]:
        """The key with its number of steps, and that number, from plain values of a configuration."""
        if self.every_time:
            return "timesteps", timesteps
        key = self.steps_key or "num_steps"
        return key, int(sampling[key])

    def most_steps(self, method: str, timesteps: int) -> int:
        """It takes each of a schedule's `timesteps` at most once."""
        if not METHODS[method].on_schedule:
            return MOST_STEPS
        return min(timesteps, MOST_STEPS) if self.steps_key == "num_steps" else timesteps

    def evaluations(self, method: str, steps: int, timesteps: int) -> int | None:
        """Network evaluations per map (one branch); None if the solver itself decides."""
        if self.chooses_steps:
            return None
        if self.every_time:
            return timesteps
        return self.per_step * steps - self._saved(method)

    def expected_evaluations(self, method: str, steps: int, timesteps: int) -> int:
        return self.evaluations(method, steps, timesteps) or EVALUATIONS_SUPPOSED

    def steps_within(self, method: str, evaluations: int) -> int:
        """The largest number of steps that needs no more evaluations than these."""
        return (evaluations + self._saved(method)) // self.per_step

    def _saved(self, method: str) -> int:
        if self.at_last_step is None or not METHODS[method].ends_at_zero:
            return 0
        return self.per_step - self.at_last_step

    def steps_refusal(self, method: str, steps: int, timesteps: int) -> str | None:
        """Why it cannot take so many steps, as text after the name of the setting; None if it can."""
        most = self.most_steps(method, timesteps)
        if steps < 1:
            return f"{steps} is not a number of steps; {self.title} takes 1 or more"
        if steps <= most:
            return None
        limit = ", all of diffusion.timesteps" if METHODS[method].on_schedule and most == timesteps else ""
        return f"{steps} are too many; {self.title} takes {most:,} or fewer{limit}"

    def given_steps_refusal(self, method: str, steps: int, timesteps: int) -> str | None:
        """The same for a number given explicitly for these maps: a number that would be ignored is refused."""
        if self.chooses_steps:
            return f"is {steps}, but {self.name} chooses its own; leave it out, or take another sampler"
        if self.every_time and steps != timesteps:
            return (
                f"is {steps}, but {self.name} takes all {timesteps} steps of the run's schedule; leave it out, or take "
                "another sampler"
            )
        return self.steps_refusal(method, steps, timesteps)


_SOLVERS = "focus_core.diffusion.solvers"

# In the order of colours and lists. The default of a method is in its own entry.
SAMPLERS: Registry[SamplerSpec] = Registry(
    SamplerSpec(
        "ddpm",
        "DDPM",
        ("diffusion",),
        f"{_SOLVERS}:ddpm",
        Given.CHAIN,
        steps_key=None,
        adds_noise=True,
        note="DDPM takes every step of the schedule.",
    ),
    SamplerSpec(
        "ddim",
        "DDIM",
        ("diffusion",),
        f"{_SOLVERS}:ddim",
        Given.CHAIN,
        steps_key="ddim_timesteps",
        adds_noise=True,
        noise_key="eta",
        note="DDIM at 50 is quick and a few per cent low in small-scale power; quote its P(k) at 250 or more.",
    ),
    SamplerSpec(
        "heun",
        "Heun",
        ("diffusion", "flow", "edm"),
        f"{_SOLVERS}:heun",
        per_step=2,
        at_last_step=1,
        note="Heun evaluates the network twice per step.",
    ),
    SamplerSpec("dpmpp_2m", "DPM-Solver++(2M)", ("diffusion", "edm"), f"{_SOLVERS}:two_step"),
    SamplerSpec("euler", "Euler", ("flow", "edm"), f"{_SOLVERS}:euler"),
    SamplerSpec(
        "adaptive",
        "adaptive ODE",
        ("flow", "edm"),
        f"{_SOLVERS}:adaptive",
        Given.WHOLE_EQUATION,
        steps_key=None,
        note="The adaptive solver takes as many as it needs.",
    ),
)

if TYPE_CHECKING:
    SamplerName = str
else:
    SamplerName = Literal[SAMPLERS.names]


def samplers_of(method: str) -> tuple[str, ...]:
    """Those that are available for a method, its default first; none for an unknown method."""
    if method not in METHODS:
        return ()
    own = METHODS[method].sampler
    fitting = [spec.name for spec in SAMPLERS.values() if spec.draws_from(method)]
    return tuple(sorted(fitting, key=lambda name: name != own))


def own_sampler(method: MethodSpec) -> SamplerSpec:
    return SAMPLERS[method.sampler]


def sampler_refusal(name: str, method: str) -> str | None:
    """Why a sampler is not available for this method, as text after the name of the setting; None if it is."""
    if name in SAMPLERS and SAMPLERS[name].draws_from(method):
        return None
    return f"{name} is not available for method {method}; use {', '.join(samplers_of(method)) or 'another run'}"


def drawing_refusal(config: Mapping[str, Any], sampler: str | None, steps: int | None) -> tuple[str, str] | None:
    """Why a run cannot draw with the given settings, before any of its files is read.

    From its configuration as plain values; None stands for the run's own. Returns the wrong setting, `sampler` or
    `steps`, and the text after its name; None if both fit.
    """
    if sampler is None and steps is None:
        return None
    method, timesteps, sampling = method_of(config), schedule_length(config), config.get("sampling", {})
    name = sampler or str(sampling.get("method", method.sampler))
    refusal = sampler_refusal(name, method.name)
    if refusal is not None:
        return "sampler", refusal
    spec = SAMPLERS[name]
    if steps is not None:
        refusal = spec.given_steps_refusal(method.name, steps, timesteps)
    elif spec.steps_key in sampling:
        refusal = spec.steps_refusal(method.name, int(sampling[spec.steps_key]), timesteps)
    return None if refusal is None else ("steps", refusal)


def sampler_title(name: str) -> str:
    """A record may name one that this version does not know."""
    return SAMPLERS[name].title if name in SAMPLERS else name


def sampler_lines() -> tuple[str, ...]:
    """The lines of a figure of samplers: a sampler with noise by a setting has one without and one with it."""
    noisy = (noisy_title(spec, 1.0) for spec in SAMPLERS.values() if spec.noise_key)
    return (*(spec.title for spec in SAMPLERS.values()), *noisy)


def noisy_title(spec: SamplerSpec, eta: float) -> str:
    return f"{spec.title}, η = {eta:g}" if spec.noise_key and eta > 0.0 else spec.title
