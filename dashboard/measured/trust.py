"""Evaluations beside the runs that they belong to."""

from __future__ import annotations

from dashboard.look.verdicts import counts, deviation, evaluated_at
from dashboard.look.words import estimated_from, with_error
from focus_store.contracts import ExperimentDetail, ExperimentSummary

OLDER = "an older checkpoint"


def is_of_older_checkpoint(detail: ExperimentDetail, evaluated: str | None) -> bool:
    """Whether training has since written a better one; `evaluated` is the sha256 of the evaluated checkpoint."""
    best = next((c.sha256 for c in detail.checkpoints if c.role == "best"), None)
    return best not in (None, evaluated)


def trust_sentence(detail: ExperimentDetail) -> str:
    """How far maps of a run can be trusted: from its evaluation, otherwise estimated from its latest epoch's maps."""
    row, found = detail.summary, detail.summary.evaluation
    if found is not None:
        whose = f" of {OLDER}" if is_of_older_checkpoint(detail, found.checkpoint) else ""
        band = f", {found.band}" if found.band else ""
        mean = f"mean P(k) is off by {deviation(found)} in its worst band{band}; " if found.ratio is not None else ""
        return f"Evaluated{whose} with {evaluated_at(found)}: {mean}statistics: {counts(found)}."
    guess = power_words(row)
    return f"Not evaluated yet. {guess}." if guess else "Not evaluated yet."


def power_words(row: ExperimentSummary) -> str | None:
    """The P(k) error of a run and its source, in a clause; None if it is unknown."""
    if row.evaluation is not None and row.evaluation.ratio is not None:
        return f"mean P(k) off by {deviation(row.evaluation)} in its worst band, evaluated"
    if row.power_error is None:
        return None
    error = with_error(row.power_error, row.power_uncertainty)
    return f"P(k) error {error}, {estimated_from(row.power_maps, row.power_simulations)}"
