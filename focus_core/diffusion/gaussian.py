"""The forward process q(x_t | x_0) and the loss that teaches a network to predict its noise ε."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from focus_core.diffusion.schedule import NoiseSchedule


class ForwardProcess:
    """√ᾱ and √(1 − ᾱ) of a schedule, ready on the device where maps are."""

    def __init__(self, schedule: NoiseSchedule, device: torch.device | str = "cpu") -> None:
        self.timesteps = schedule.timesteps
        self.signal = schedule.alpha_bar.sqrt().float().to(device)
        self.noise = (1.0 - schedule.alpha_bar).sqrt().float().to(device)

    def q_sample(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """x_t = √ᾱ_t x₀ + √(1 − ᾱ_t) ε (Ho et al. 2020, eq. 4). x0, eps (B, c, N, N); t (B,)."""
        return self.signal[t][:, None, None, None] * x0 + self.noise[t][:, None, None, None] * eps

    def squared_error(
        self, network: nn.Module, x0: Tensor, condition: Tensor, t: Tensor, eps: Tensor, drop: Tensor | None = None
    ) -> Tensor:
        """Mean over pixels of (ε − ε_θ(x_t, t, θ))² for each map, shape (B,) (Ho et al. 2020, eq. 14)."""
        predicted = network(self.q_sample(x0, t, eps), t, condition, drop)
        return (predicted - eps).square().mean(dim=(1, 2, 3))


def x0_from_eps(x: Tensor, eps: Tensor, alpha_bar: float) -> Tensor:
    """x̂₀ = (x_t − √(1 − ᾱ) ε) / √ᾱ."""
    return (x - (1.0 - alpha_bar) ** 0.5 * eps) / alpha_bar**0.5


def eps_from_x0(x: Tensor, x0: Tensor, alpha_bar: float) -> Tensor:
    """ε = (x_t − √ᾱ x̂₀) / √(1 − ᾱ): the noise that goes with a given x̂₀."""
    return (x - alpha_bar**0.5 * x0) / (1.0 - alpha_bar) ** 0.5
