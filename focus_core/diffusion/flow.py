"""Conditional flow matching on straight paths (Lipman et al. 2022, arXiv 2210.02747)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from focus_core.diffusion.guidance import guided
from focus_core.diffusion.method import Interval, Progress, Sampler, Start
from focus_core.diffusion.noise import MapNoise
from focus_core.diffusion.ode import Equation, Field, Slope, clamped, reporting
from focus_core.diffusion.spacing import flow_times

# Networks embed times of about this range.
_NETWORK_TIME = 1000.0


@dataclass(frozen=True)
class StraightPath:
    """x_t = t x₁ + σ_t ε with σ_t = σ_max + (σ_min − σ_max) t, from noise at t = 0 to the map x₁ at t = 1.

    With σ_max = 1 this is the optimal-transport path of arXiv 2210.02747, eq. 22.
    """

    sigma_min: float = 1e-4
    sigma_max: float = 1.0

    @property
    def narrowing(self) -> float:
        """−dσ_t/dt."""
        return self.sigma_max - self.sigma_min

    def sigma(self, t: float) -> float:
        return self.sigma_max - self.narrowing * t

    def position(self, x1: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        t = t[:, None, None, None]
        return t * x1 + (self.sigma_max - self.narrowing * t) * eps

    def velocity(self, x1: Tensor, eps: Tensor) -> Tensor:
        """dx_t/dt = x₁ − (σ_max − σ_min) ε (eq. 23)."""
        return x1 - self.narrowing * eps

    def x1_from_velocity(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        """Both equations above, solved for x₁."""
        return (self.narrowing * x + self.sigma(t) * v) / self.sigma_max

    def velocity_from_x1(self, x: Tensor, x1: Tensor, t: float) -> Tensor:
        """The velocity towards a given x₁; σ_t must not be 0."""
        return self.velocity(x1, (x - t * x1) / self.sigma(t))


@dataclass(frozen=True)
class FlowMatching:
    """The network learns the velocity of `path` at uniform t."""

    path: StraightPath

    @property
    def start(self) -> Start:
        return "zero"

    def draw_times(self, n: int, device: torch.device) -> Tensor:
        return torch.rand(n, device=device)

    def even_times(self, n: int) -> NDArray[Any]:
        return ((np.arange(n) + 0.5) / n).astype(np.float32)

    def loss(
        self, network: nn.Module, x0: Tensor, condition: Tensor, t: Tensor, eps: Tensor, drop: Tensor | None = None
    ) -> Tensor:
        """(v_θ(x_t, t) − dx_t/dt)² (eq. 14); the map, x₁ in the paper, is passed as x0."""
        predicted = network(self.path.position(x0, t, eps), _NETWORK_TIME * t, condition, drop)
        return (predicted - self.path.velocity(x0, eps)).square().mean(dim=(1, 2, 3))

    def evaluations(self, sampler: Sampler) -> int:
        return sampler.spec.expected_evaluations("flow", sampler.steps, 0)

    @torch.no_grad()
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
        spec, solve = sampler.fitting("flow")
        x = self.path.sigma_max * noise.draw()
        field = self._field(network, condition, guidance, clamp)
        if spec.chooses_steps:
            equation = Equation(field, (0.0, 1.0), x, ends_at_zero=False, progress=progress)
        else:
            told = reporting(field, self.evaluations(sampler), progress)
            equation = Equation(told, flow_times(sampler.steps, sampler.spacing), x, ends_at_zero=False)
        return clamped(solve(equation, sampler), clamp)

    def state(self) -> dict[str, Any]:
        return {}

    def _field(self, network: nn.Module, condition: Tensor, guidance: float, clamp: Interval | None) -> Field:
        def velocity(x: Tensor, t: Tensor, condition: Tensor, drop: Tensor | None = None) -> Tensor:
            predicted: Tensor = network(x, _NETWORK_TIME * t, condition, drop)
            return predicted

        predict = guided(velocity, condition, guidance)

        def field(x: Tensor, t: float) -> Slope:
            v = predict(x, float(t))
            x1 = self.path.x1_from_velocity(x, v, t)
            if clamp is not None:
                x1 = x1.clamp(*clamp)
                if self.path.sigma(t) > 0.0:
                    v = self.path.velocity_from_x1(x, x1, t)
            return Slope(v, x1)

        return field
