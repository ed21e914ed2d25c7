"""Where the steps of a sampler lie. Fewer steps need better places: most of a map is decided at small noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

from focus_core.diffusion.schedule import NoiseSchedule
from focus_core.errors import UserError

# The ρ of Karras et al. (2022) where a method has none of its own.
RHO = 7.0


def ddim_times(timesteps: int, steps: int, key: str = "ddim_timesteps", name: str = "DDIM") -> list[int]:
    """τ_i = round((T − 1)(1 − i/(S − 1))), i = 0 … S − 1, from T − 1 down to 0; T − 1 alone for S = 1.

    Halves are rounded up, so that no two of the S ≤ T times coincide.
    """
    if not 1 <= steps <= timesteps:
        raise UserError(f"sampling.{key}: {steps} steps; {name} takes between 1 and the schedule's {timesteps}.")
    if steps == 1:
        return [timesteps - 1]
    last, gaps = timesteps - 1, steps - 1
    return [(2 * last * (gaps - i) + gaps) // (2 * gaps) for i in range(steps)]


def discrete_times(
    schedule: NoiseSchedule, steps: int, spacing: str, key: str = "num_steps", name: str = "the sampler"
) -> list[int]:
    """`steps` distinct times of a schedule, falling from T − 1 to 0, as even as whole numbers can be in `spacing`."""
    timesteps = schedule.timesteps
    even = ddim_times(timesteps, steps, key, name)
    if spacing in ("auto", "even") or steps == 1:
        return even
    if spacing == "quadratic":
        targets = [(timesteps - 1) * (1.0 - i / (steps - 1)) ** 2 for i in range(steps)]
        wanted = [round(target) for target in targets]
    else:
        sigmas = sigma_steps(steps, schedule.sigma_list[0], schedule.sigma_list[-1], spacing, RHO)[:-1]
        wanted = [_nearest(schedule.sigma_list, sigma) for sigma in sigmas]
    return _distinct(wanted, timesteps)


def sigma_steps(steps: int, low: float, high: float, spacing: str, rho: float = RHO) -> list[float]:
    """`steps` noise levels from `high` to `low`, and 0 after them (arXiv 2206.00364, eq. 5)."""
    if steps == 1:
        return [high, 0.0]
    share = [i / (steps - 1) for i in range(steps)]
    if spacing == "log_snr":
        return [*(math.exp(math.log(high) + s * math.log(low / high)) for s in share), 0.0]
    power = {"even": 1.0, "quadratic": 2.0}.get(spacing, rho)
    ends = high ** (1.0 / power), low ** (1.0 / power)
    return [*((ends[0] + s * (ends[1] - ends[0])) ** power for s in share), 0.0]


def flow_times(steps: int, spacing: str) -> list[float]:
    """`steps` + 1 times from 0, all noise, to 1, the map; quadratic ones lie denser near the map."""
    power = 2.0 if spacing == "quadratic" else 1.0
    return [1.0 - (1.0 - i / steps) ** power for i in range(steps + 1)]


def _nearest(rising: Sequence[float], value: float) -> int:
    return min(range(len(rising)), key=lambda i: abs(math.log(rising[i] / value)))


def _distinct(wanted: Sequence[int], timesteps: int) -> list[int]:
    """The falling times nearest to those wanted of which no two coincide and the last is 0."""
    times: list[int] = []
    for i, t in enumerate(wanted):
        highest = times[-1] - 1 if times else timesteps - 1
        times.append(max(min(t, highest), len(wanted) - 1 - i))
    times[0], times[-1] = timesteps - 1, 0
    return times
