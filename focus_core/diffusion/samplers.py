"""The samplers of a noise schedule as pure functions: from a denoiser, a schedule and noise to maps.

The denoiser is anything that gives ε(x, t), so that a test can use the exact one of a Gaussian.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from focus_core.catalogue.samplers import Given
from focus_core.diffusion.gaussian import eps_from_x0, x0_from_eps
from focus_core.diffusion.guidance import Denoiser
from focus_core.diffusion.method import Interval, Progress, Sampler
from focus_core.diffusion.noise import MapNoise
from focus_core.diffusion.ode import Denoise, Equation, clamped, noise_field
from focus_core.diffusion.schedule import NoiseSchedule
from focus_core.diffusion.spacing import discrete_times


@dataclass(frozen=True)
class Chain:
    """Input of a sampler with integer times: ε(x, t) on a noise schedule, and fresh noise for every step."""

    denoiser: Denoiser
    schedule: NoiseSchedule
    noise: MapNoise
    clamp: Interval | None = None
    progress: Progress | None = None


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
    spec, solve = sampler.fitting("diffusion")
    if spec.given is Given.CHAIN:
        return solve(Chain(denoiser, schedule, noise, clamp, progress), sampler)
    times = discrete_times(schedule, sampler.steps, sampler.spacing)
    sigmas = [*(schedule.sigma_list[t] for t in times), 0.0]
    evaluations = spec.expected_evaluations("diffusion", sampler.steps, schedule.timesteps)
    denoise = at_noise_levels(denoiser, schedule, times, evaluations, clamp, progress)
    x = noise.draw() / schedule.alpha_bar_list[times[0]] ** 0.5
    # The last step of a slope gives x̂₀ except for rounding, which beside a far larger x leaves no map.
    return clamped(solve(Equation(noise_field(denoise), sigmas, x, noise_levels=True), sampler), clamp)


def at_noise_levels(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    times: list[int],
    evaluations: int,
    clamp: Interval | None = None,
    progress: Progress | None = None,
) -> Denoise:
    """The same denoiser in terms of noise levels: x = x_t/√ᾱ = x₀ + σ_t ε, for the σ of these times."""
    time_of, done = {schedule.sigma_list[t]: t for t in times}, 0

    def denoise(x: Tensor, sigma: float) -> Tensor:
        nonlocal done
        t, done = time_of[sigma], done + 1
        scaled = schedule.alpha_bar_list[t] ** 0.5 * x
        x0 = clamped(x - sigma * denoiser(scaled, t), clamp)
        if progress is not None:
            progress(done, evaluations, x0)
        return x0

    return denoise


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
        x0 = clamped(x0_from_eps(x, denoiser(x, t), alpha_bar), clamp)
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
    times: Sequence[int],
    eta: float = 0.0,
    clamp: Interval | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """DDIM at exactly these falling times (Song et al. 2020, arXiv 2010.02502, eqs. 12 and 16); η = 0 adds no noise."""
    x, steps = noise.draw(), len(times)
    for i, t in enumerate(times):
        alpha_bar = schedule.alpha_bar_list[t]
        previous = schedule.alpha_bar_list[times[i + 1]] if i + 1 < steps else 1.0
        eps = denoiser(x, t)
        x0 = x0_from_eps(x, eps, alpha_bar)
        if clamp is not None:
            x0 = clamped(x0, clamp)
            eps = eps_from_x0(x, x0, alpha_bar)
        sigma = eta * ((1.0 - previous) / (1.0 - alpha_bar) * (1.0 - alpha_bar / previous)) ** 0.5
        x = previous**0.5 * x0 + max(0.0, 1.0 - previous - sigma**2) ** 0.5 * eps
        if sigma > 0.0:
            x = x + sigma * noise.draw()
        if progress is not None:
            progress(i + 1, steps, x0)
    return x
