"""The amount of noise at each time t = 0 … T − 1 (Ho et al. 2020, arXiv 2006.11239)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from focus_core.catalogue.by_path import load
from focus_core.catalogue.noising import NOISE_SCHEDULES
from focus_core.config.experiment import DiffusionSection


@dataclass(frozen=True)
class NoiseSchedule:
    """`beta` (T,), float64 on the CPU: the variance that step t adds. Everything else follows from it.

    Kept in double precision, because √(1 − ᾱ) at small t is a difference of nearly equal numbers.
    """

    beta: Tensor

    @property
    def timesteps(self) -> int:
        return len(self.beta)

    @cached_property
    def alpha_bar(self) -> Tensor:
        """ᾱ_t = Π_{s ≤ t} (1 − β_s), shape (T,)."""
        return torch.cumprod(1.0 - self.beta, dim=0)

    @cached_property
    def alpha_bar_list(self) -> list[float]:
        """ᾱ as plain numbers, for the scalar arithmetic of samplers."""
        return [float(value) for value in self.alpha_bar]

    @cached_property
    def sigma_list(self) -> list[float]:
        """σ_t = √((1 − ᾱ_t)/ᾱ_t): the noise beside a map of unscaled signal, x_t/√ᾱ_t = x₀ + σ_t ε."""
        return [float(value) for value in ((1.0 - self.alpha_bar) / self.alpha_bar).sqrt()]


def make_schedule(section: DiffusionSection) -> NoiseSchedule:
    variances = load(NOISE_SCHEDULES[section.schedule].variances)
    return NoiseSchedule(variances(section.timesteps, section.beta_start, section.beta_end))


def linear_variances(steps: int, low: float, high: float) -> Tensor:
    return torch.linspace(low, high, steps, dtype=torch.float64)


def quadratic_variances(steps: int, low: float, high: float) -> Tensor:
    return torch.linspace(math.sqrt(low), math.sqrt(high), steps, dtype=torch.float64).square()


def cosine_variances(steps: int, low: float, high: float, offset: float = 0.008) -> Tensor:
    """ᾱ(t) = cos²(π/2 · (t/T + s)/(1 + s)), β capped at 0.999 (Nichol & Dhariwal 2021, eq. 17); sets its own ends."""
    t = torch.linspace(0.0, 1.0, steps + 1, dtype=torch.float64)
    alpha_bar = torch.cos((t + offset) / (1.0 + offset) * math.pi / 2.0).square()
    return (1.0 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999)
