"""The result of an evaluation, read from summary.json or evaluation.json without torch.

Lists, heads, comparisons and sentences use this, so that they describe one evaluation in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.catalogue.statistics import QUOTED

FloatArray = NDArray[np.float64]
# As in a report, from the best to the worst.
PASS, WARN, FAIL, NOT_MEASURED = "pass", "warn", "fail", "not measured"


@dataclass(frozen=True)
class Score:
    """A number of a statistic in the statistic's own unit; None if it was not measured.

    `left_out` (n,) is the same number without each of the n simulations in turn; None if it was not kept.
    """

    label: str
    value: float | None
    error: float | None
    floor: float | None
    verdict: str
    left_out: FloatArray | None = None


@dataclass(frozen=True)
class ScoredStatistic:
    """One statistic: its worst number, the reason for the verdict, and all its numbers by their labels."""

    name: str
    title: str
    unit: str
    level: float
    ideal: float
    worst: Score
    reason: str
    entries: Mapping[str, Score]


@dataclass(frozen=True)
class Evaluated:
    """An evaluation in short, as the record keeps it with the run: mean P(k) in its worst band of those that
    count, and how many statistics have each verdict. `ratio` is generated over simulated."""

    ratio: float | None
    error: float | None
    floor: float | None
    band: str
    verdict: str
    passed: int
    warned: int
    failed: int
    unmeasured: int
    simulations: int
    maps: int
    checkpoint: str | None

    @property
    def deviation(self) -> float | None:
        return None if self.ratio is None else self.ratio - 1.0

    @property
    def measured(self) -> int:
        return self.passed + self.warned + self.failed

    @property
    def worst(self) -> str:
        """Verdict of the worst statistic."""
        counts = {FAIL: self.failed, WARN: self.warned, PASS: self.passed}
        return next((verdict for verdict, count in counts.items() if count), NOT_MEASURED)


def read_statistics(found: Mapping[str, Any]) -> tuple[ScoredStatistic, ...]:
    left_out = found.get("left_out", {})  # older ones have none
    return tuple(_statistic(each, left_out.get(each["name"], {})) for each in found["statistics"])


def read_short(found: Mapping[str, Any]) -> Evaluated:
    statistics = found["statistics"]
    quoted: Mapping[str, Any] = next((each for each in statistics if each["name"] == QUOTED.name), {})
    count = {verdict: sum(each["verdict"] == verdict for each in statistics) for verdict in (PASS, WARN, FAIL)}
    settings = found["settings"]
    return Evaluated(
        ratio=quoted.get("value"),
        error=quoted.get("error"),
        floor=quoted.get("floor"),
        band=quoted.get("worst") or "",
        verdict=quoted.get("verdict", NOT_MEASURED),
        passed=count[PASS],
        warned=count[WARN],
        failed=count[FAIL],
        unmeasured=len(statistics) - sum(count.values()),
        simulations=int(settings.get("simulations") or 0),
        maps=int(settings.get("maps") or 0),
        checkpoint=settings.get("checkpoint_sha256"),
    )


def of_list(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the list of experiments shows of it, by the columns of the record."""
    return {"evaluation": asdict(read_short(found))}


def from_list(plain: Mapping[str, Any] | None) -> Evaluated | None:
    """The same from the record; fields of a later version are left out."""
    if plain is None:
        return None
    return Evaluated(**{field.name: plain[field.name] for field in fields(Evaluated)})


def _statistic(plain: Mapping[str, Any], left_out: Mapping[str, Any]) -> ScoredStatistic:
    entries = {str(each["label"]): _score(each, str(each["label"]), left_out) for each in plain["bands"]}
    label = plain["worst"] or ""
    worst = entries.get(label) or _score(plain, label, left_out)
    named = {name: str(plain[name]) for name in ("name", "title", "unit", "reason")}
    return ScoredStatistic(**named, level=plain["level"], ideal=plain["ideal"], worst=worst, entries=entries)


def _score(plain: Mapping[str, Any], label: str, left_out: Mapping[str, Any]) -> Score:
    kept = left_out.get(label)
    numbers = {name: plain[name] for name in ("value", "error", "floor")}
    alone = None if kept is None else np.array(kept, dtype=np.float64)
    return Score(label, **numbers, verdict=str(plain["verdict"]), left_out=alone)
