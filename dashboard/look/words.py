"""Numbers formatted for reading: durations, sizes, ages, counts. Plain text; a real minus sign."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass

DASH = "–"


@dataclass(frozen=True)
class Amount:
    """A value and its unit, separately, because a readout sets the unit in small type."""

    value: str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.value} {self.unit}".strip()


NOTHING = Amount(DASH)


def duration(seconds: float | None) -> Amount:
    """ "12 s", "3.5 min", "1 h 50 min", "2 d 4 h"."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 1:
        return Amount(f"{1000 * seconds:.0f}", "ms")
    if seconds < 99.5:
        return Amount(f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}", "s")
    minutes = round(seconds / 60)
    if minutes < 60:
        return Amount(f"{minutes}", "min")
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return Amount(f"{hours} h {minutes}", "min")
    days, hours = divmod(hours, 24)
    return Amount(f"{days} d {hours}", "h")


def size(number: float | None) -> Amount:
    """Bytes in powers of 1000, three digits."""
    return _scaled(number, ("B", "kB", "MB", "GB", "TB"))


def work(operations: float | None) -> Amount:
    """Floating-point operations in powers of 1000, three digits."""
    return _scaled(operations, ("FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"))


def _scaled(number: float | None, units: Sequence[str]) -> Amount:
    if number is None:
        return NOTHING
    for unit in units[:-1]:
        if number < 999.5:
            return Amount(f"{number:.3g}", unit)
        number /= 1000
    return Amount(f"{number:.3g}", units[-1])


def short_count(number: int | None) -> str:
    """ "37.3 M", "146 M", "9.6 k"."""
    if number is None:
        return DASH
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.3g} {unit}"
    return str(number)


def count(number: int | None) -> str:
    return DASH if number is None else f"{number:,}"


def number(value: float | None, digits: int = 3) -> str:
    """ "0.0148"; a dash for an unknown value."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:.{digits}g}".replace("-", "−")


def decimals(value: float, places: int) -> str:
    return f"{value:.{places}f}".replace("-", "−")


def per_cent(fraction: float | None) -> Amount:
    if fraction is None or not math.isfinite(fraction):
        return NOTHING
    value = 100 * fraction
    if value >= 1000:
        return Amount(f"×{fraction + 1:.3g}")
    return Amount(f"{value:.1f}" if value < 10 else f"{value:.0f}", "%")


# For a P(k) error in a record of an older version, whose arrays do not contain it either.
UNCOUNTED = "error not known"


def with_error(fraction: float | None, uncertainty: float | None) -> Amount:
    """ "12 ± 3 %" of an error and its standard error; "12 ± ? %" if the latter is unknown."""
    amount = per_cent(fraction)
    if fraction is None or amount is NOTHING:
        return amount
    if uncertainty is None or not math.isfinite(uncertainty):
        return Amount(f"{amount.value} ± ?", amount.unit)
    if not amount.unit:
        return Amount(f"{amount.value} ± {uncertainty:.2g}")
    spread = 100 * uncertainty
    return Amount(f"{amount.value} ± {spread:.1f}" if spread < 9.95 else f"{amount.value} ± {spread:.0f}", amount.unit)


def signed_with_error(fraction: float, uncertainty: float | None) -> Amount:
    """ "+35 ± 4.1 %", "−12 ± 3.0 %"; power too high by a factor of ten or more as a ratio, "×13.9 ± 2"."""
    amount = with_error(abs(fraction), uncertainty)
    if amount.value.startswith("×"):
        return amount
    return Amount(f"{'+' if fraction >= 0 else '−'}{amount.value}", amount.unit)


def estimated_from(maps: int | None, simulations: int | None) -> str:
    """What the P(k) error of an epoch's few maps is estimated from, where an evaluation would be more precise."""
    return f"estimate from {of_maps(maps, simulations)}"


def of_maps(maps: int | None, simulations: int | None) -> str:
    """What a P(k) error was measured on: "12 maps of 4 simulations". Older journals do not count them."""
    if maps is None or simulations is None:
        return f"maps of one epoch, {UNCOUNTED}"
    return f"{maps} maps of {simulations} simulation{'' if simulations == 1 else 's'}"


def age(seconds: float | None) -> str:
    """ "3 s ago"."""
    if seconds is None:
        return DASH
    return f"{duration(max(round(seconds), 1))} ago".replace(".0 s", " s")


def clock(moment: datetime.datetime) -> str:
    """Time of day in the machine's time zone, with the weekday when it is not today."""
    local, today = moment.astimezone(), datetime.datetime.now().astimezone().date()
    return local.strftime("%H:%M") if local.date() == today else local.strftime("%a %H:%M")


def date_and_time(moment: datetime.datetime | None) -> str:
    return DASH if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M")
