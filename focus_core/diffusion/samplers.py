"""DDPM and DDIM as pure functions: a denoiser, a schedule and noise in, maps out.

The denoiser is anything that gives ε(x, t), so that a test can put the exact one of a Gaussian in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from focus_core.diffusion.gaussian import eps_from_x0, x0_from_eps
from focus_core.diffusion.guidance import Denoiser
from focus_core.diffusion.noise import MapNoise
from focus_core.diffusion.schedule import NoiseSchedule
from focus_core.errors import UserError

# (steps done, steps in all, x̂₀ of the last step).
Progress = Callable[[int, int, Tensor], None]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Sampler:
    """What to draw with. `steps` is DDIM's S; DDPM always takes all T. `eta` is DDIM's η."""

    method: str = "ddim"
    steps: int = 50
    eta: float = 0.0

    def evaluations(self, timesteps: int) -> int:
        """Network evaluations of one map."""
        return timesteps if self.method == "ddpm" else self.steps


@torch.no_grad()
def sample(
    sampler: Sampler,
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    noise: MapNoise,
    clamp: Interval | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Draw one map for each stream of `noise`, (B, c, N, N)."""
    if sampler.method == "ddpm":
        return ddpm(denoiser, schedule, noise, clamp, progress)
    if sampler.method == "ddim":
        return ddim(denoiser, schedule, noise, sampler.steps, sampler.eta, clamp, progress)
    raise UserError(f"sampling.method: {sampler.method} belongs to flow matching; a diffusion model has ddpm and ddim.")


def ddpm(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    noise: MapNoise,
    clamp: Interval | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Ancestral sampling over all T steps with the posterior variance β̃ (Ho et al. 2020, eqs. 6 and 7)."""
    x = noise.draw()
    for t in reversed(range(schedule.timesteps)):
        alpha_bar = schedule.alpha_bar_list[t]
        previous = schedule.alpha_bar_list[t - 1] if t > 0 else 1.0
        beta = 1.0 - alpha_bar / previous
        x0 = _clamped(x0_from_eps(x, denoiser(x, t), alpha_bar), clamp)
        mean = previous**0.5 * beta / (1.0 - alpha_bar) * x0
        mean = mean + (1.0 - beta) ** 0.5 * (1.0 - previous) / (1.0 - alpha_bar) * x
        beta_tilde = (1.0 - previous) / (1.0 - alpha_bar) * beta
        x = mean + beta_tilde**0.5 * noise.draw() if t > 0 else mean
        if progress is not None:
            progress(schedule.timesteps - t, schedule.timesteps, x0)
    return x


def ddim(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    noise: MapNoise,
    steps: int,
    eta: float = 0.0,
    clamp: Interval | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """DDIM in exactly `steps` evaluations (Song et al. 2020, arXiv 2010.02502, eqs. 12 and 16); η = 0 adds no noise."""
    times = ddim_times(schedule.timesteps, steps)
    x = noise.draw()
    for i, t in enumerate(times):
        alpha_bar = schedule.alpha_bar_list[t]
        previous = schedule.alpha_bar_list[times[i + 1]] if i + 1 < steps else 1.0
        eps = denoiser(x, t)
        x0 = x0_from_eps(x, eps, alpha_bar)
        if clamp is not None:
            x0 = _clamped(x0, clamp)
            eps = eps_from_x0(x, x0, alpha_bar)
        sigma = eta * ((1.0 - previous) / (1.0 - alpha_bar) * (1.0 - alpha_bar / previous)) ** 0.5
        x = previous**0.5 * x0 + max(0.0, 1.0 - previous - sigma**2) ** 0.5 * eps
        if sigma > 0.0:
            x = x + sigma * noise.draw()
        if progress is not None:
            progress(i + 1, steps, x0)
    return x


def ddim_times(timesteps: int, steps: int) -> list[int]:
    """τ_i = round((T − 1)(1 − i/(S − 1))), i = 0 … S − 1, from T − 1 down to 0; T − 1 alone for S = 1.

    Halves are rounded up, so that no two of the S ≤ T times coincide.
    """
    if not 1 <= steps <= timesteps:
        raise UserError(f"sampling.ddim_timesteps: {steps} steps; DDIM takes between 1 and the schedule's {timesteps}.")
    if steps == 1:
        return [timesteps - 1]
    last, gaps = timesteps - 1, steps - 1
    return [(2 * last * (gaps - i) + gaps) // (2 * gaps) for i in range(steps)]


def _clamped(x0: Tensor, clamp: Interval | None) -> Tensor:
    return x0 if clamp is None else x0.clamp(*clamp)
