"""Methods: what a network learns, and the path of its samplers from noise to a map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from focus_core.catalogue.noising import PREDICTIONS, WEIGHTINGS
from focus_core.catalogue.registry import Registry
from focus_core.catalogue.spacings import AUTO, SPACINGS, SpacingSpec

Words = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True)
class MethodSpec:
    """`loss` and `words` describe what is learned, from plain values of the method's `section`.

    `loss` is a title of an axis, as plotly's HTML: losses of different kinds have no meaningful ratio.
    """

    name: str
    title: str
    # Of the configuration: all of the method's own settings.
    section: str
    # Default if a configuration names no sampler.
    sampler: str
    loss: Words
    words: Words
    # (configuration, state, device) → Method, and (configuration, dataset, transform, simulations) → state.
    build: str
    measure: str | None = None
    # Timestep schedules that its samplers may use, and the default.
    spacings: tuple[str, ...] = SPACINGS.names
    own_spacing: str = "even"
    # Its times are the integer times of a noise schedule.
    on_schedule: bool = False
    # Its noise levels fall to zero, where a field (x − D)/σ is 0/0.
    ends_at_zero: bool = True

    @property
    def offered_spacings(self) -> tuple[str, ...]:
        return (AUTO, *self.spacings)

    def spacing(self, name: str) -> SpacingSpec:
        return SPACINGS[self.own_spacing if name == AUTO else name]

    def spacing_refusal(self, name: str) -> str | None:
        """Why a timestep schedule is unavailable, as text after the name of the setting; None if it is available."""
        if name in self.offered_spacings:
            return None
        return f"{name} is not available for method {self.name}; use {', '.join(self.offered_spacings)}"


def _denoising_loss(section: Mapping[str, Any]) -> str:
    symbol = PREDICTIONS.get(str(section.get("prediction")), PREDICTIONS.first).symbol
    weighting = WEIGHTINGS.get(str(section.get("weighting")), WEIGHTINGS.first)
    return f"{'' if weighting.cap is None else 'weighted '}MSE of {symbol}"


def _denoising_words(section: Mapping[str, Any]) -> str:
    weighting = WEIGHTINGS[section["weighting"]]
    weighted = "" if weighting.cap is None else f", {weighting.title}"
    return (
        f"diffusion, {section['timesteps']} steps, {section['schedule']} schedule, "
        f"{section['prediction']}-prediction{weighted}"
    )


def _edm_loss(section: Mapping[str, Any]) -> str:
    return "MSE of the Wiener residual" if section.get("spectral", False) else "weighted MSE of <i>x</i>₀"


def _edm_words(section: Mapping[str, Any]) -> str:
    return f"EDM, {'spectral' if section['spectral'] else 'scalar'} preconditioning"


METHODS: Registry[MethodSpec] = Registry(
    MethodSpec(
        "diffusion",
        "Denoising diffusion",
        section="diffusion",
        sampler="ddim",
        loss=_denoising_loss,
        words=_denoising_words,
        build="focus_core.diffusion.methods:denoising",
        on_schedule=True,
    ),
    MethodSpec(
        "flow",
        "Flow matching",
        section="flow_matching",
        sampler="heun",
        loss=lambda section: "MSE of the velocity",
        words=lambda section: "flow matching on straight paths",
        build="focus_core.diffusion.methods:flow_matching",
        # At the start of a flow there is noise alone and ln σ is infinite, so steps cannot be uniform in it.
        spacings=("even", "quadratic"),
        ends_at_zero=False,
    ),
    MethodSpec(
        "edm",
        "EDM",
        section="edm",
        sampler="heun",
        loss=_edm_loss,
        words=_edm_words,
        build="focus_core.diffusion.methods:edm",
        measure="focus_core.diffusion.methods:measure_prior",
        own_spacing="karras",
    ),
)

if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = Literal[METHODS.names]


def method_of(config: Mapping[str, Any]) -> MethodSpec:
    """From a configuration as plain values; one from before there were several methods has the first."""
    return METHODS.get(str(config.get("method")), METHODS.first)


def schedule_length(config: Mapping[str, Any]) -> int:
    """Times of the noise schedule of a configuration as plain values; one from before they were a setting has 1000."""
    return int(config.get("diffusion", {}).get("timesteps", 1000))
