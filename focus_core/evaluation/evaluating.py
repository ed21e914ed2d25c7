"""All statistics of one set of maps, each with its verdict, and those of the two rivals beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from focus_core.catalogue.statistics import STATISTICS, Needs, Statistic
from focus_core.errors import UserError
from focus_core.evaluation.ground import Ground, load
from focus_core.evaluation.rivals import rival_maps
from focus_core.evaluation.scoring import Outcome
from focus_core.statistics.fields import FloatArray
from focus_core.statistics.verdict import Judgement, Verdict, judge, worst

Summary = Callable[[Ground, float], Outcome]


@dataclass(frozen=True)
class Result:
    """`outcome` is None where nothing was measured: `judgement.reason` then says why."""

    statistic: Statistic
    judgement: Judgement
    outcome: Outcome | None
    rivals: Mapping[str, Judgement] = field(default_factory=dict)


def evaluate(ground: Ground, names: Sequence[str] = tuple(STATISTICS), with_rivals: bool = True) -> list[Result]:
    """Each of the named statistics in turn. One that cannot be measured gives its reason and stops no other."""
    rivals = _rivals(ground) if with_rivals else {}
    return [_one(STATISTICS[name], ground, rivals) for name in names]


def nothing(reason: str, names: Sequence[str] = tuple(STATISTICS)) -> list[Result]:
    """All statistics, for maps that do not exist."""
    return [_unmeasured(STATISTICS[name], reason) for name in names]


def _one(statistic: Statistic, ground: Ground, rivals: Mapping[str, Ground]) -> Result:
    found = _measure(statistic, ground)
    if isinstance(found, str):
        return _unmeasured(statistic, found)
    beside = {}
    for name, rival in rivals.items():
        other = None if Needs.RUN in statistic.needs else _measure(statistic, rival)
        if isinstance(other, Outcome):
            beside[name] = verdict_of(other)
    return Result(statistic, verdict_of(found), found, beside)


def verdict_of(outcome: Outcome) -> Judgement:
    """The worst of the entries that count; an unmeasured one only if none could be measured."""
    counted = [entry.judgement for entry in outcome.entries if entry.judged]
    measured = [each for each in counted if each.verdict is not Verdict.NOT_MEASURED]
    return worst(measured or counted)


def _measure(statistic: Statistic, ground: Ground) -> Outcome | str:
    """The outcome, or a sentence with the reason for its absence."""
    reasons = (
        ground.without_unit if Needs.PHYSICAL in statistic.needs else "",
        ground.other_grid if Needs.SAME_GRID in statistic.needs else "",
    )
    for reason in filter(None, reasons):
        return reason
    ground.tell(statistic.name)
    if not statistic.summary:
        return "this version of FOCUS does not measure it."
    summary: Summary = load(statistic.summary)
    try:
        # Ratios to a map without power, for example, are infinite: reported as not measured.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return summary(ground, statistic.level)
    except UserError as error:
        return str(error)


def _rivals(ground: Ground) -> dict[str, Ground]:
    if ground.without_unit or ground.other_grid:
        return {}
    try:
        maps: Mapping[str, FloatArray] = rival_maps(ground)
    except UserError:
        return {}  # every statistic reports itself that the simulations give nothing at these θ
    return {name: ground.with_maps(values) for name, values in maps.items()}


def _unmeasured(statistic: Statistic, reason: str) -> Result:
    empty = judge(None, None, None, statistic.level, statistic.ideal, reason=reason)
    return Result(statistic, empty, None)
