"""The columns of the list about a run's newest evaluation: one is shown, all are exported."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from dashboard.look.verdicts import counts, deviation, short_counts, verdict_look
from dashboard.views.experiments.column import Column, Value, text
from focus_core.evaluated import FAIL, PASS, WARN, Evaluated
from focus_store.contracts import ExperimentSummary

_NOTE = (
    "The newest evaluation: mean P(k) of generated maps against the simulations, in its worst band, ± its standard "
    "error, then how many statistics pass (✓), are near the limit (△) and fail (✗)"
)
_NONE = "not evaluated"
_WORDS = {FAIL: "some fail", WARN: "some near the limit", PASS: "all pass"}


def _of(read: Callable[[Evaluated], Any]) -> Value:
    """None for a run that was not evaluated."""
    return lambda row: None if row.evaluation is None else read(row.evaluation)


def _order(found: Evaluated) -> float | None:
    return None if found.deviation is None else abs(found.deviation)


def _verdict(found: Evaluated) -> str:
    return verdict_look(found.verdict).words


def _words(row: ExperimentSummary) -> Collection[str]:
    return (_NONE if row.evaluation is None else _WORDS.get(row.evaluation.worst, "nothing measured"),)


EVALUATION = (
    Column(
        "evaluation",
        "Evaluation",
        order=_of(_order),
        cell=_of(lambda found: f"{deviation(found)}  {short_counts(found)}"),
        look=text("Evaluation", 148, right=True, note=_NOTE),
        export=_of(lambda found: found.ratio),
        unit="mean P(k), generated / simulated, worst band",
        filtered=_words,
    ),
    Column("evaluation-error", "Evaluation, standard error", export=_of(lambda found: found.error)),
    Column("evaluation-floor", "Evaluation, floor", export=_of(lambda found: found.floor)),
    Column("evaluation-band", "Evaluation, worst band", export=_of(lambda found: found.band or None)),
    Column("evaluation-verdict", "Evaluation, verdict of mean P(k)", export=_of(_verdict)),
    Column("verdicts", "Evaluation, statistics", export=_of(counts)),
)
