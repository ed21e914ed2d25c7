"""The order of the list of experiments: a column of it, and which end comes first. What has no value comes last."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.theme import STATUS_LOOK
from dashboard.timing import experiment_seconds_left
from focus_store.contracts import ExperimentSummary

ASCENDING, DESCENDING = "up", "down"
DIRECTIONS = {ASCENDING: "↑", DESCENDING: "↓"}
NEWEST = "newest"


@dataclass(frozen=True)
class Order:
    """`value` is None where the list shows nothing; `first` is the direction that is meant if none is said."""

    title: str
    value: Callable[[ExperimentSummary], Any]
    first: str = ASCENDING


ORDERS = {
    NEWEST: Order("Created", lambda row: row.created_at, DESCENDING),
    "name": Order("Name", lambda row: row.name.casefold()),
    "status": Order("Status", lambda row: list(STATUS_LOOK).index(row.status)),
    "progress": Order("Progress", lambda row: row.progress or None, DESCENDING),
    "left": Order("Left", experiment_seconds_left),
    "loss": Order("Best loss", lambda row: row.best_val_loss),
    "error": Order("P(k) error", lambda row: row.power_error),
    "parameters": Order("Parameters", lambda row: row.parameters or None, DESCENDING),
    "dataset": Order("Dataset", lambda row: row.dataset.casefold() or None),
    "time": Order("Time", lambda row: row.seconds_trained or None, DESCENDING),
}


def ordered(rows: Sequence[ExperimentSummary], order: str, direction: str) -> list[ExperimentSummary]:
    """Equal values keep the order that they came in."""
    value = ORDERS[order].value
    told = [(value(row), row) for row in rows]
    known = [pair for pair in told if not _is_empty(pair[0])]
    known.sort(key=lambda pair: pair[0], reverse=direction == DESCENDING)
    return [row for _, row in known] + [row for found, row in told if _is_empty(found)]


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
