"""Solvers of dx/dt = f(x, t) from noise to maps, as pure functions of a field and its times.

In terms of noise levels x = x₀ + σ ε the field is f = (x − D(x; σ))/σ (Karras et al. 2022, arXiv 2206.00364,
eq. 3 with s = 1), where D is the expected map, and the times fall from σ_max to 0. A flow's field is its velocity, and
its times rise from 0 to 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from focus_core.diffusion.method import Interval, Progress

# x̂₀ = D(x; σ) of maps that are all at the same noise level.
Denoise = Callable[[Tensor, float], Tensor]


@dataclass(frozen=True)
class Slope:
    """dx/dt at a point, and the map x̂₀ expected from there; both of the shape of x."""

    dx: Tensor
    x0: Tensor


Field = Callable[[Tensor, float], Slope]


@dataclass(frozen=True)
class Equation:
    """The equation that a method passes to a solver: dx/dt = field(x, t) from x at the first of the times to the last.

    A solver that chooses its own steps gets the two ends only, and reports its own progress.
    """

    field: Field
    times: Sequence[float]
    x: Tensor
    # The last time is σ = 0, where the field is 0/0, or stands for it: that step needs only its first slope.
    ends_at_zero: bool = True
    # t is σ and x = x₀ + σ ε.
    noise_levels: bool = False
    progress: Progress | None = None


# For the adaptive solver. Where little changes at first, as at large noise, it would grow its step until it skipped
# the part of the path where maps form, without noticing: modes were 60 % wrong at a tolerance of 0.001.
LEAST_STEPS = 10


def noise_field(denoise: Denoise) -> Field:
    """dx/dσ = (x − D(x; σ))/σ."""

    def field(x: Tensor, sigma: float) -> Slope:
        x0 = denoise(x, sigma)
        return Slope((x - x0) / sigma, x0)

    return field


def noise_levels_in_logarithm(denoise: Denoise) -> Field:
    """The same equation for y = x/√(1 + σ²) and s = ln σ: y and dy/ds are of order one at every noise level.

    dy/ds = (x/(1 + σ²) − D(x; σ))/√(1 + σ²), from dx/ds = x − D.
    """

    def field(y: Tensor, s: float) -> Slope:
        variance = 1.0 + math.exp(2.0 * s)
        x = math.sqrt(variance) * y
        x0 = denoise(x, math.exp(s))
        return Slope((x / variance - x0) / math.sqrt(variance), x0)

    return field


def reporting(field: Field, total: int, progress: Progress | None) -> Field:
    """The same field, reporting each evaluation."""
    if progress is None:
        return field
    done = 0

    def told(x: Tensor, t: float) -> Slope:
        nonlocal done
        slope, done = field(x, t), done + 1
        progress(done, total, slope.x0)
        return slope

    return told


def euler(field: Field, times: Sequence[float], x: Tensor) -> Tensor:
    """One evaluation per step; `times` has one entry more than there are steps."""
    for t, following in itertools.pairwise(times):
        x = x + (following - t) * field(x, t).dx
    return x


def heun(field: Field, times: Sequence[float], x: Tensor, ends_at_zero: bool = True) -> Tensor:
    """Second order, the mean of the slopes at both ends of a step (arXiv 2206.00364, algorithm 1).

    `ends_at_zero`: the last time is σ = 0, where the field is 0/0; that step is Euler's, as in the paper.
    """
    for i, (t, following) in enumerate(itertools.pairwise(times)):
        step, first = following - t, field(x, t).dx
        ahead = x + step * first
        if ends_at_zero and i == len(times) - 2:
            return ahead
        x = x + step * (first + field(ahead, following).dx) / 2.0
    return x


def dpmpp_2m(denoise: Denoise, sigmas: Sequence[float], x: Tensor) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095, algorithm 2) with α = 1, so λ = −ln σ; the last σ is 0.

    The first step has no history and the last no finite λ: both are of first order.
    """
    past, past_h = None, 0.0
    for sigma, following in itertools.pairwise(sigmas):
        x0 = denoise(x, sigma)
        if following == 0.0:
            return x0  # e^(−h) = 0, and D would need h
        h = math.log(sigma / following)
        D = x0
        if past is not None:
            r = past_h / h
            D = (1.0 + 0.5 / r) * x0 - 0.5 / r * past
        x = following / sigma * x - math.expm1(-h) * D
        past, past_h = x0, h
    return x


def two_step(field: Field, times: Sequence[float], x: Tensor) -> Tensor:
    """Second-order Adams–Bashforth: one evaluation per step, extrapolated from the last two slopes.

    The first step has no history, and the last is Euler's, as in `heun`.
    """
    past, past_step = None, 0.0
    for i, (t, following) in enumerate(itertools.pairwise(times)):
        step, slope = following - t, field(x, t).dx
        if past is None or i == len(times) - 2:
            x = x + step * slope
        else:
            ratio = step / past_step
            x = x + step * ((1.0 + ratio / 2.0) * slope - ratio / 2.0 * past)
        past, past_step = slope, step
    return x


def adaptive(
    field: Field, first: float, last: float, x: Tensor, tolerance: float, progress: Progress | None = None
) -> Tensor:
    """Fifth-order Dormand–Prince with adaptive steps (torchdiffeq).

    The step is common to all of x: pass one map, or maps will depend on their neighbours. Progress is reported in per
    cent of the path.
    """
    # Imported here because only this sampler needs it.
    from torchdiffeq import odeint

    furthest = 0

    def right_hand_side(t: Tensor, x: Tensor) -> Tensor:
        nonlocal furthest
        slope = field(x, float(t))
        way = round(100 * (float(t) - first) / (last - first))
        if progress is not None and way > furthest:
            furthest = min(way, 100)
            progress(furthest, 100, slope.x0)
        return slope.dx

    ends = torch.tensor([first, last], dtype=torch.float64 if x.dtype == torch.float64 else torch.float32)
    drawn: Tensor = odeint(
        right_hand_side,
        x,
        ends.to(x.device),
        rtol=tolerance,
        atol=tolerance,
        method="dopri5",
        options={"max_step": abs(last - first) / LEAST_STEPS},
    )[-1]
    return drawn


def clamped(x0: Tensor, clamp: Interval | None) -> Tensor:
    return x0 if clamp is None else x0.clamp(*clamp)
