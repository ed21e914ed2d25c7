"""Timestep schedules of samplers: the fewer the steps, the more their positions matter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from focus_core.catalogue.registry import Registry

# A configuration's word for the method's own schedule.
AUTO = "auto"


@dataclass(frozen=True)
class SpacingSpec:
    """`power`: steps are uniform in time^(1/power), or in σ^(1/power) if `in_noise`; None is the method's own ρ."""

    name: str
    power: float | None
    in_noise: bool

    def exponent(self, rho: float) -> float:
        """Infinite for steps that are uniform in the logarithm."""
        return rho if self.power is None else self.power


SPACINGS: Registry[SpacingSpec] = Registry(
    SpacingSpec("even", 1.0, in_noise=False),
    SpacingSpec("quadratic", 2.0, in_noise=False),
    SpacingSpec("log_snr", math.inf, in_noise=True),
    SpacingSpec("karras", None, in_noise=True),
)

if TYPE_CHECKING:
    SpacingName = str
else:
    SpacingName = Literal[(AUTO, *SPACINGS)]
