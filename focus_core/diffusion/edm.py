"""Denoising at continuous noise levels with preconditioning (Karras et al. 2022, arXiv 2206.00364).

    D(x; σ, θ) = E + c_out F(c_in x; c_noise, θ)

E is what a Gaussian prior expects of the map (c_skip x in the paper), c_out the rms of what it leaves unknown, so
that the network F has a target of unit variance at every noise level. With a white prior this is the paper's; with a
spectral one E is a Wiener filter mode by mode, and the network learns only the non-Gaussian part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor, nn

from focus_core.catalogue.methods import METHODS
from focus_core.config.methods import EDMSection
from focus_core.diffusion.guidance import guided
from focus_core.diffusion.method import Interval, Progress, Sampler, Start
from focus_core.diffusion.noise import MapNoise
from focus_core.diffusion.ode import (
    Denoise,
    Equation,
    Slope,
    clamped,
    noise_field,
    noise_levels_in_logarithm,
    reporting,
)
from focus_core.diffusion.prior import Gaussian, Prior
from focus_core.diffusion.spacing import sigma_steps

# Networks embed times of hundreds, c_noise = ln(σ)/4 spans less than three.
_NETWORK_TIME = 100.0


@dataclass(frozen=True)
class EDM:
    """The method's own time is σ. Frozen: its numbers belong to the weights."""

    section: EDMSection
    prior: Prior

    @property
    def start(self) -> Start:
        return "zero"

    def draw_times(self, n: int, device: torch.device) -> Tensor:
        """ln σ ~ N(P_mean, P_std²)."""
        return (self.section.P_mean + self.section.P_std * torch.randn(n, device=device)).exp()

    def even_times(self, n: int) -> NDArray[Any]:
        quantiles = ndtri((np.arange(n) + 0.5) / n)
        return np.exp(self.section.P_mean + self.section.P_std * quantiles).astype(np.float32)

    def loss(
        self, network: nn.Module, x0: Tensor, condition: Tensor, t: Tensor, eps: Tensor, drop: Tensor | None = None
    ) -> Tensor:
        """λ(σ) (D − x₀)² with λ = 1/c_out² (eqs. 2 and 8), written as the network's own error; t is σ."""
        field, sigma = self.prior.at(condition, drop), t
        x = x0 + sigma[:, None, None, None] * eps
        target = (x0 - field.expected(x, sigma)) / field.unknown(sigma)[:, None, None, None]
        predicted = self._network(network, x, sigma, field.spread(sigma), condition, drop)
        return (predicted - target).square().mean(dim=(1, 2, 3))

    def denoise(
        self, network: nn.Module, x: Tensor, sigma: Tensor, condition: Tensor, drop: Tensor | None = None
    ) -> Tensor:
        """D(x; σ, θ), eq. 7. x (B, c, N, N), sigma (B,)."""
        field = self.prior.at(condition, drop)
        predicted = self._network(network, x, sigma, field.spread(sigma), condition, drop)
        return field.expected(x, sigma) + field.unknown(sigma)[:, None, None, None] * predicted

    def evaluations(self, sampler: Sampler) -> int:
        return sampler.spec.expected_evaluations("edm", sampler.steps, 0)

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
        predict = guided(lambda *arguments: self.denoise(network, *arguments), condition, guidance)

        def denoise(x: Tensor, sigma: float) -> Tensor:
            return clamped(predict(x, float(sigma)), clamp)

        if self.section.spectral:
            x = self._solve_whitened(denoise, self.prior.at(condition), sampler, noise.draw(), progress)
        else:
            x = self._solve(denoise, sampler, noise.draw(), progress)
        return clamped(x, clamp)

    def _solve(self, denoise: Denoise, sampler: Sampler, white: Tensor, progress: Progress | None) -> Tensor:
        """dx/dσ = (x − D)/σ from x = σ_max ε, as in the paper: σ_data is small beside σ_max."""
        spec, solve = sampler.fitting("edm")
        section, x = self.section, self.section.sigma_max * white
        if spec.chooses_steps:
            y = x / math.sqrt(1.0 + section.sigma_max**2)
            y = solve(Equation(noise_levels_in_logarithm(denoise), self._ends(), y, progress=progress), sampler)
            return denoise(y * math.sqrt(1.0 + section.sigma_min**2), section.sigma_min)
        field = reporting(noise_field(denoise), self.evaluations(sampler), progress)
        return solve(Equation(field, self._noise_levels(sampler), x, noise_levels=True), sampler)

    def _solve_whitened(
        self, denoise: Denoise, gaussian: Gaussian, sampler: Sampler, white: Tensor, progress: Progress | None
    ) -> Tensor:
        """The same equation for the whitened y = (x − μ)/√(p + σ²), mode by mode, in s = ln σ.

            dy/ds = −(D − E)/√(p + σ²)

        A Gaussian field does not move in y at all, so steps are spent on what the network has learned. For small σ the
        slope is proportional to σ: the last step, to σ = 0, is as long as one unit of s.
        """

        def field(y: Tensor, s: float) -> Slope:
            sigma = math.exp(s)
            x = gaussian.seen(y, sigma)
            x0 = denoise(x, sigma)
            expected = gaussian.expected(x, torch.full((len(x),), sigma, device=x.device))
            return Slope(gaussian.whitened(expected - x0, sigma), x0)

        spec, solve = sampler.fitting("edm")
        if spec.chooses_steps:
            return gaussian.seen(solve(Equation(field, self._ends(), white, progress=progress), sampler), 0.0)
        times = [math.log(sigma) for sigma in self._noise_levels(sampler)[:-1]]
        times.append(times[-1] - 1.0)
        told = reporting(field, self.evaluations(sampler), progress)
        return gaussian.seen(solve(Equation(told, times, white), sampler), 0.0)

    def _ends(self) -> tuple[float, float]:
        """ln σ, for a solver that chooses its own steps."""
        return math.log(self.section.sigma_max), math.log(self.section.sigma_min)

    def _noise_levels(self, sampler: Sampler) -> list[float]:
        section, spacing = self.section, METHODS["edm"].spacing(sampler.spacing).name
        return sigma_steps(sampler.steps, section.sigma_min, section.sigma_max, spacing, section.rho)

    def state(self) -> dict[str, Any]:
        return {"prior": self.prior.state()}

    @staticmethod
    def _network(
        network: nn.Module, x: Tensor, sigma: Tensor, spread: Tensor, condition: Tensor, drop: Tensor | None
    ) -> Tensor:
        """F(c_in x; c_noise, θ)."""
        c_noise = sigma.log() / 4.0
        predicted: Tensor = network(x / spread[:, None, None, None], _NETWORK_TIME * c_noise, condition, drop)
        return predicted
