"""Evaluations of several runs side by side: their pairing, differences of two, and the table as a file. No Streamlit.

Maps of two runs at the same θ and with the same seeds are compared with the same simulations, so that the scatter of
these cancels in a difference. Its error is then that of the difference, simulation by simulation (jackknife: Efron &
Stein 1981); for evaluations that are not paired it is the combined error of both.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from dashboard.look.verdicts import verdict_look
from dashboard.views.compare.comparison import Compared
from focus_core.evaluated import Score, ScoredStatistic, read_statistics


@dataclass(frozen=True)
class EvaluatedRun:
    """A run of the set and its newest evaluation; None if it was not evaluated."""

    run: Compared
    found: Mapping[str, Any] | None

    @cached_property
    def statistics(self) -> Mapping[str, ScoredStatistic]:
        return {} if self.found is None else {each.name: each for each in read_statistics(self.found)}

    @property
    def settings(self) -> Mapping[str, Any]:
        return {} if self.found is None else self.found["settings"]

    @property
    def keeps_simulations(self) -> bool:
        """Whether any number is there without each simulation in turn; older evaluations have none."""
        return self.found is not None and bool(self.found.get("left_out"))


@dataclass(frozen=True)
class Difference:
    """Difference of two values of one number, the second subtracted, with its standard error."""

    value: float
    error: float
    paired: bool


# What must be equal for two evaluations to be paired, and the explanation if it is not. θ are those of the part, so
# that a different part or number of θ is reported first.
_SAME = (
    ("data_digest", "they are of other data"),
    ("split", "they are of other parts of the data"),
    ("simulations", "they are at other numbers of θ"),
    ("theta", "they are at other θ"),
    ("maps", "they are of other numbers of maps"),
    ("seeds", "their maps have other seeds"),
    ("reference_simulations", "they are held against other numbers of simulations"),
)


def unpaired(one: EvaluatedRun, other: EvaluatedRun) -> str | None:
    """Why two evaluations are not paired; None where they are."""
    for name, words in _SAME:
        mine, theirs = one.settings.get(name), other.settings.get(name)
        if mine is None or mine != theirs:
            told = mine is not None and theirs is not None and not isinstance(mine, dict) and len(str(mine)) < 20
            return f"{words} ({mine} and {theirs})" if told else words
    if not all(each.keeps_simulations for each in (one, other)):
        return "one of them did not keep its numbers without each simulation; evaluate it again"
    return None


def difference(score: Score | None, base: Score | None, paired: bool) -> Difference | None:
    """None if one of the two was not measured."""
    if score is None or base is None or score.value is None or base.value is None:
        return None
    value = score.value - base.value
    mine, theirs = score.left_out, base.left_out
    if paired and mine is not None and theirs is not None and mine.shape == theirs.shape:
        apart, n = mine - theirs, len(mine)
        if np.isfinite(apart).all():
            return Difference(value, math.sqrt((n - 1) / n * float(np.square(apart - apart.mean()).sum())), True)
    return Difference(value, math.hypot(score.error or 0.0, base.error or 0.0), False)


@dataclass(frozen=True)
class Cell:
    """The column of one run: its worst number, and the difference at the baseline's worst number."""

    score: Score | None
    difference: Difference | None = None
    at: str = ""


@dataclass(frozen=True)
class ComparedStatistic:
    statistic: ScoredStatistic
    cells: tuple[Cell, ...]


def rows(runs: Sequence[EvaluatedRun], baseline: int) -> list[ComparedStatistic]:
    """One row per statistic that any of the runs has, one cell per run."""
    names = dict.fromkeys(name for each in runs for name in each.statistics)
    base = runs[baseline]
    paired = [unpaired(each, base) is None for each in runs]
    found = []
    for name in names:
        reference = base.statistics.get(name)
        cells = []
        for i, each in enumerate(runs):
            mine = each.statistics.get(name)
            apart, at = None, ""
            if i != baseline and mine is not None and reference is not None:
                at = reference.worst.label
                apart = difference(mine.entries.get(at), reference.entries.get(at), paired[i])
            cells.append(Cell(None if mine is None else mine.worst, apart, at))
        statistic = reference or next(each.statistics[name] for each in runs if name in each.statistics)
        found.append(ComparedStatistic(statistic, tuple(cells)))
    return found


def pairing_sentences(runs: Sequence[EvaluatedRun], baseline: int) -> list[str]:
    """How to read the differences to the baseline, run by run where they are not paired."""
    base = runs[baseline]
    others = [each for i, each in enumerate(runs) if i != baseline and each.found is not None]
    if base.found is None:
        return [f"{base.run.short} was not evaluated, so there is nothing to take differences to."] if others else []
    said = []
    why = [(each.run.short, unpaired(each, base)) for each in others]
    pairs = [name for name, reason in why if reason is None]
    if pairs:
        said.append(
            f"Differences of {' and '.join(pairs)} to {base.run.short} are paired by θ and seed: what the simulations "
            "scatter cancels in them."
        )
    for name, reason in why:
        if reason is not None:
            said.append(
                f"{name} and {base.run.short} are not paired, for {reason}: the error of a difference is that of both."
            )
    return said


def evaluations_csv(runs: Sequence[EvaluatedRun], baseline: int) -> str:
    """One line per run and number of a statistic, with its difference to the same number of the baseline."""
    head = ["experiment", "name", "statistic", "number", "unit", "value", "error", "floor", "level", "ideal", "verdict"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*head, "difference", "difference_error", "paired"])
    base = runs[baseline]
    for i, each in enumerate(runs):
        paired = unpaired(each, base) is None
        for name, statistic in each.statistics.items():
            reference = base.statistics.get(name)
            for label, score in (statistic.entries or {"": statistic.worst}).items():
                beside = None if reference is None or i == baseline else reference.entries.get(label)
                apart = difference(score, beside, paired)
                numbers = (score.value, score.error, score.floor, statistic.level, statistic.ideal)
                verdict = verdict_look(score.verdict).words
                of_both = ("", "", "") if apart is None else (apart.value, apart.error, "yes" if apart.paired else "no")
                about = [each.run.id, each.run.name, name, label, statistic.unit]
                writer.writerow([*about, *("" if n is None else n for n in numbers), verdict, *of_both])
    return text.getvalue()
