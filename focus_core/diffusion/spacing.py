"""Timestep schedules. Fewer steps need better positions: most of a map is decided at small noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

from focus_core.catalogue.methods import METHODS
from focus_core.catalogue.spacings import SPACINGS
from focus_core.diffusion.schedule import NoiseSchedule
from focus_core.errors import UserError

# The ρ of Karras et al. (2022) if a method has none of its own.
RHO = 7.0


def ddim_times(timesteps: int, steps: int) -> list[int]:
    """τ_i = round((T − 1)(1 − i/(S − 1))), i = 0 … S − 1, from T − 1 down to 0; T − 1 alone for S = 1.

    Halves are rounded up, so that no two of the S ≤ T times coincide.
    """
    if not 1 <= steps <= timesteps:
        raise UserError(f"steps: {steps}; a sampler takes between 1 and the schedule's {timesteps}.")
    if steps == 1:
        return [timesteps - 1]
    last, gaps = timesteps - 1, steps - 1
    return [(2 * last * (gaps - i) + gaps) // (2 * gaps) for i in range(steps)]


def discrete_times(schedule: NoiseSchedule, steps: int, spacing: str) -> list[int]:
    """`steps` distinct times of a schedule, falling from T − 1 to 0, as uniform in `spacing` as whole numbers allow."""
    timesteps, spec = schedule.timesteps, METHODS["diffusion"].spacing(spacing)
    even, power = ddim_times(timesteps, steps), spec.exponent(RHO)
    if steps == 1 or (power == 1.0 and not spec.in_noise):
        return even
    if spec.in_noise:
        sigmas = sigma_steps(steps, schedule.sigma_list[0], schedule.sigma_list[-1], spacing)[:-1]
        wanted = [_nearest(schedule.sigma_list, sigma) for sigma in sigmas]
    else:
        wanted = [round((timesteps - 1) * (1.0 - i / (steps - 1)) ** power) for i in range(steps)]
    return _distinct(wanted, timesteps)


def sigma_steps(steps: int, low: float, high: float, spacing: str, rho: float = RHO) -> list[float]:
    """`steps` noise levels from `high` to `low`, followed by 0 (arXiv 2206.00364, eq. 5)."""
    if steps == 1:
        return [high, 0.0]
    share, power = [i / (steps - 1) for i in range(steps)], SPACINGS[spacing].exponent(rho)
    if math.isinf(power):
        return [*(math.exp(math.log(high) + s * math.log(low / high)) for s in share), 0.0]
    ends = high ** (1.0 / power), low ** (1.0 / power)
    return [*((ends[0] + s * (ends[1] - ends[0])) ** power for s in share), 0.0]


def flow_times(steps: int, spacing: str) -> list[float]:
    """`steps` + 1 times from 0, all noise, to 1, the map; quadratic ones are denser near the map."""
    power = METHODS["flow"].spacing(spacing).exponent(1.0)
    return [1.0 - (1.0 - i / steps) ** power for i in range(steps + 1)]


def _nearest(rising: Sequence[float], value: float) -> int:
    return min(range(len(rising)), key=lambda i: abs(math.log(rising[i] / value)))


def _distinct(wanted: Sequence[int], timesteps: int) -> list[int]:
    """The falling times nearest to those wanted, all distinct and ending at 0."""
    times: list[int] = []
    for i, t in enumerate(wanted):
        highest = times[-1] - 1 if times else timesteps - 1
        times.append(max(min(t, highest), len(wanted) - 1 - i))
    times[0], times[-1] = timesteps - 1, 0
    return times
