"""The interface of a method: the training loop, validation, figures and sampling use only this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from focus_core.catalogue.by_path import load
from focus_core.catalogue.methods import METHODS
from focus_core.catalogue.samplers import SAMPLERS, SamplerSpec, sampler_refusal
from focus_core.config.methods import SamplingSection
from focus_core.diffusion.noise import MapNoise
from focus_core.errors import UserError

# (network evaluations done, in all, x̂₀ of the last one).
Progress = Callable[[int, int, Tensor], None]
Interval = tuple[float, float]
# (first argument of the solver, as given in the catalogue, the sampler) → maps (B, c, N, N).
Solver = Callable[[Any, "Sampler"], Tensor]

# Output of a network before it has learned anything: its input (ε ≈ x at late times), or nothing.
Start = Literal["input", "zero"]


@dataclass(frozen=True)
class Sampler:
    """How to draw: a sampler's name in the catalogue, and settings, some of which each sampler uses."""

    method: str = METHODS.first.sampler
    steps: int = 50
    eta: float = 0.0
    spacing: str = "auto"
    tolerance: float = 1e-3

    @classmethod
    def of(cls, section: SamplingSection, method: str | None = None, steps: int | None = None) -> Sampler:
        """From a configuration, with another sampler or number of steps if they are given."""
        name = method or section.method
        _, own = SAMPLERS[name].configured_steps(section.model_dump(), section.num_steps)
        return cls(name, steps or own, section.eta, section.spacing, section.tolerance)

    @property
    def spec(self) -> SamplerSpec:
        return SAMPLERS[self.method]

    def fitting(self, method: str) -> tuple[SamplerSpec, Solver]:
        """Its entry and its solver; UserError if it is not available for this method."""
        refusal = sampler_refusal(self.method, method)
        if refusal is not None:
            raise UserError(f"sampling.method: {refusal}.")
        solver: Solver = load(self.spec.solver)
        return self.spec, solver


class Method(Protocol):
    """x₀ (B, c, N, N) is a map, ε noise of its shape, t (B,) the method's own time, condition (B, d) θ in [−1, 1]."""

    @property
    def start(self) -> Start: ...

    def draw_times(self, n: int, device: torch.device) -> Tensor:
        """n random times, as in a training step, from torch's own generator."""
        ...

    def even_times(self, n: int) -> NDArray[Any]:
        """The quantiles (i + ½)/n of the same distribution, rising: the times of a validation."""
        ...

    def loss(
        self, network: nn.Module, x0: Tensor, condition: Tensor, t: Tensor, eps: Tensor, drop: Tensor | None = None
    ) -> Tensor:
        """Weighted squared error of each map, mean over its pixels, (B,). θ is dropped where `drop` (B,) is true."""
        ...

    def evaluations(self, sampler: Sampler) -> int:
        """Network evaluations per map; for the adaptive solver a hundred, which are per cent of its progress."""
        ...

    def sample(
        self,
        network: nn.Module,
        condition: Tensor,
        guidance: float,
        sampler: Sampler,
        noise: MapNoise,
        clamp: Interval | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """One map for each stream of `noise` and row of `condition`, (B, c, N, N)."""
        ...

    def state(self) -> dict[str, Any]:
        """Measurements on the training maps, as plain values and tensors; they belong to the weights."""
        ...
