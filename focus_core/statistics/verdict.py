"""From a number with its error to a verdict: pass, warn, fail or not measured.

With d = |value − ideal| and s = √(error² + floor²), where the floor is the score of a perfect emulator with so few
simulations:

    pass  if d ≤ max(level, 2 s)        fail  if d > level + 3 s        warn  otherwise.

A value consistent with the floor passes, and the reason says how many simulations would be needed to decide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Values as a report writes them; from the worst on, so that the order of members is that of severity."""

    FAIL = "fail"
    WARN = "warn"
    PASS = "pass"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Judgement:
    """One entry of a report. Value, error, floor and level are in the unit of the statistic; None if not measured.

    `reason` says why there is no number, or that there are too few simulations to decide; otherwise it is empty.
    """

    value: float | None
    error: float | None
    floor: float | None
    level: float
    ideal: float
    verdict: Verdict
    reason: str = ""

    @property
    def excess(self) -> float:
        """d/max(level, 2 s): the deviation relative to the passing limit; zero if there is no number."""
        if self.value is None or self.error is None or self.floor is None:
            return 0.0
        deviation, allowed = abs(self.value - self.ideal), max(self.level, 2 * math.hypot(self.error, self.floor))
        return deviation / allowed if allowed > 0 else math.inf if deviation > 0 else 0.0


def judge(
    value: float | None,
    error: float | None,
    floor: float | None,
    level: float,
    ideal: float,
    n_simulations: int | None = None,
    reason: str = "",
) -> Judgement:
    """The verdict of a value against its ideal; `reason` is required for a value that is None.

    A value, error or floor that is not finite counts as not measured too.
    """
    if not (math.isfinite(level) and level >= 0 and math.isfinite(ideal)):
        raise ValueError(f"level {level} and ideal {ideal} must be finite, and a level not negative")
    if value is None:
        if not reason:
            raise ValueError("what is not measured needs its reason")
        return _not_measured(level, ideal, reason)
    if not math.isfinite(value):
        return _not_measured(level, ideal, f"its value is not a finite number ({value}).")
    if error is None or not math.isfinite(error):
        return _not_measured(level, ideal, f"its error is not a finite number ({error}).")
    if floor is None or not math.isfinite(floor):
        return _not_measured(level, ideal, f"its floor is not a finite number ({floor}).")
    if error < 0 or floor < 0:
        raise ValueError(f"error {error} and floor {floor} must not be negative")
    deviation, s = abs(value - ideal), math.hypot(error, floor)
    verdict = _verdict(deviation, s, level)
    untold = verdict is Verdict.PASS and deviation > level
    return Judgement(value, error, floor, level, ideal, verdict, _untold(s, level, n_simulations) if untold else "")


def worst(judgements: Sequence[Judgement]) -> Judgement:
    """The most severe of a statistic's entries, and among these the one with the largest excess."""
    if not judgements:
        raise ValueError("a statistic has one entry or more")
    severity = list(Verdict)
    return min(judgements, key=lambda each: (severity.index(each.verdict), -each.excess))


def simulations_to_tell(s: float, level: float, n_simulations: int) -> int | None:
    """Number of simulations for which 2 s equals the level, if s falls as 1/√n; None if the level is zero."""
    return max(n_simulations, math.ceil(n_simulations * (2 * s / level) ** 2)) if level > 0 else None


def _not_measured(level: float, ideal: float, reason: str) -> Judgement:
    return Judgement(None, None, None, level, ideal, Verdict.NOT_MEASURED, reason)


def _verdict(deviation: float, s: float, level: float) -> Verdict:
    if deviation <= max(level, 2 * s):
        return Verdict.PASS
    return Verdict.FAIL if deviation > level + 3 * s else Verdict.WARN


def _untold(s: float, level: float, n_simulations: int | None) -> str:
    if n_simulations is None:
        return "the deviation exceeds the level but not twice its uncertainty."
    needed = simulations_to_tell(s, level, n_simulations)
    told = f"; {needed} would tell" if needed is not None else ""
    return f"{n_simulations} simulations cannot tell the deviation from that of a perfect emulator{told}."
