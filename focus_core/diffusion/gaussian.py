"""The forward process q(x_t | x_0), and the conversions between a map x₀, its noise ε and its velocity v."""

from __future__ import annotations

import torch
from torch import Tensor

from focus_core.diffusion.schedule import NoiseSchedule


class ForwardProcess:
    """√ᾱ and √(1 − ᾱ) of a schedule, on the device of the maps."""

    def __init__(self, schedule: NoiseSchedule, device: torch.device | str = "cpu") -> None:
        self.timesteps = schedule.timesteps
        self.signal = schedule.alpha_bar.sqrt().float().to(device)
        self.noise = (1.0 - schedule.alpha_bar).sqrt().float().to(device)

    def q_sample(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """x_t = √ᾱ_t x₀ + √(1 − ᾱ_t) ε (Ho et al. 2020, eq. 4). x0, eps (B, c, N, N); t (B,)."""
        return self.signal[t][:, None, None, None] * x0 + self.noise[t][:, None, None, None] * eps

    def velocity(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """v = √ᾱ_t ε − √(1 − ᾱ_t) x₀ (Salimans & Ho 2022, arXiv 2202.00512, appendix D)."""
        return self.signal[t][:, None, None, None] * eps - self.noise[t][:, None, None, None] * x0

    def signal_to_noise(self, t: Tensor) -> Tensor:
        """SNR = ᾱ_t/(1 − ᾱ_t), (B,)."""
        return (self.signal[t] / self.noise[t]).square()


def x0_from_eps(x: Tensor, eps: Tensor, alpha_bar: float) -> Tensor:
    """x̂₀ = (x_t − √(1 − ᾱ) ε) / √ᾱ."""
    return (x - (1.0 - alpha_bar) ** 0.5 * eps) / alpha_bar**0.5


def eps_from_x0(x: Tensor, x0: Tensor, alpha_bar: float) -> Tensor:
    """ε = (x_t − √ᾱ x̂₀) / √(1 − ᾱ): the noise that corresponds to a given x̂₀."""
    return (x - alpha_bar**0.5 * x0) / (1.0 - alpha_bar) ** 0.5


def eps_from_v(x: Tensor, v: Tensor, alpha_bar: float) -> Tensor:
    """ε = √ᾱ v + √(1 − ᾱ) x_t."""
    return alpha_bar**0.5 * v + (1.0 - alpha_bar) ** 0.5 * x
