"""Denoising at continuous noise levels with preconditioning (Karras et al. 2022, arXiv 2206.00364).

    D(x; σ, θ) = E + c_out F(c_in x; c_noise, θ)

E is what a Gaussian prior expects of the map (c_skip x in the paper), c_out the size of what it leaves unknown, so that
the network F has a target of unit variance at every noise level. With a white prior this is the paper's own; with a
spectral one E is a Wiener filter mode by mode, and the network learns only what a Gaussian field has not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor, nn

from focus_core.catalogue.samplers import evaluations
from focus_core.config_methods import EDMSection
from focus_core.diffusion.guidance import guided
from focus_core.diffusion.method import Interval, Progress, Sampler, Start
from focus_core.diffusion.noise import MapNoise
from focus_core.diffusion.ode import (
    Denoise,
    Field,
    Slope,
    adaptive,
    clamped,
    dpmpp_2m,
    euler,
    heun,
    noise_field,
    noise_levels_in_logarithm,
    reporting,
    two_step,
)
from focus_core.diffusion.prior import Gaussian, Prior
from focus_core.diffusion.spacing import sigma_steps
from focus_core.errors import UserError

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
        return evaluations("edm", sampler.method, sampler.steps, 0) or 100

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
        """dx/dσ = (x − D)/σ from x = σ_max ε, as the paper has it: σ_data is small beside σ_max."""
        section, x = self.section, self.section.sigma_max * white
        if sampler.method == "adaptive":
            ends = math.log(section.sigma_max), math.log(section.sigma_min)
            y = x / math.sqrt(1.0 + section.sigma_max**2)
            y = adaptive(noise_levels_in_logarithm(denoise), *ends, y, sampler.tolerance, progress)
            return denoise(y * math.sqrt(1.0 + section.sigma_min**2), section.sigma_min)
        sigmas = self._noise_levels(sampler)
        field = reporting(noise_field(denoise), self.evaluations(sampler), progress)
        if sampler.method == "heun":
            return heun(field, sigmas, x)
        if sampler.method == "euler":
            return euler(field, sigmas, x)
        if sampler.method == "dpmpp_2m":
            return dpmpp_2m(lambda x, sigma: field(x, sigma).x0, sigmas, x)
        raise _unfit(sampler)

    def _solve_whitened(
        self, denoise: Denoise, gaussian: Gaussian, sampler: Sampler, white: Tensor, progress: Progress | None
    ) -> Tensor:
        """The same equation for the whitened y = (x − μ)/√(p + σ²), mode by mode, in s = ln σ.

            dy/ds = −(D − E)/√(p + σ²)

        A Gaussian field does not move in y at all, so steps are spent on what the network has learned. For small σ the
        slope goes as σ: the last step, to σ = 0, is as long as one unit of s.
        """

        def field(y: Tensor, s: float) -> Slope:
            sigma = math.exp(s)
            x = gaussian.seen(y, sigma)
            x0 = denoise(x, sigma)
            expected = gaussian.expected(x, torch.full((len(x),), sigma, device=x.device))
            return Slope(gaussian.whitened(expected - x0, sigma), x0)

        if sampler.method == "adaptive":
            ends = math.log(self.section.sigma_max), math.log(self.section.sigma_min)
            return gaussian.seen(adaptive(field, *ends, white, sampler.tolerance, progress), 0.0)
        times = [math.log(sigma) for sigma in self._noise_levels(sampler)[:-1]]
        times.append(times[-1] - 1.0)
        solvers: dict[str, Callable[[Field, Sequence[float], Tensor], Tensor]] = {
            "heun": heun,
            "euler": euler,
            "dpmpp_2m": two_step,
        }
        if sampler.method not in solvers:
            raise _unfit(sampler)
        y = solvers[sampler.method](reporting(field, self.evaluations(sampler), progress), times, white)
        return gaussian.seen(y, 0.0)

    def _noise_levels(self, sampler: Sampler) -> list[float]:
        spacing, section = "karras" if sampler.spacing == "auto" else sampler.spacing, self.section
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


def _unfit(sampler: Sampler) -> UserError:
    return UserError(f"sampling.method: {sampler.method} does not draw from method edm; choose heun or dpmpp_2m.")
