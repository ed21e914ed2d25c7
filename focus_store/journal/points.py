"""Every point of an experiment, in one order, and a digest that is equal for two records with the same points."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from focus_store.database.tables import MetricPoint, MetricSeries

_ROWS_AT_A_TIME = 10_000


class Point(NamedTuple):
    """One value. `kind` is 0 for a number; 1, 2, 3 for NaN, +∞, −∞, whose `value` is None."""

    attempt: int
    key: str
    split: str
    step: int
    value: float | None
    kind: int


def points(session: Session, experiment_id: str) -> Iterator[Point]:
    """Curve by curve and step by step; the curves by attempt, key and split, whatever the database's collation."""
    query = select(MetricSeries.attempt, MetricSeries.key, MetricSeries.split, MetricSeries.id)
    series = session.execute(query.where(MetricSeries.experiment == experiment_id)).all()
    for attempt, key, split, series_id in sorted((a, k, s, i) for a, k, s, i in series):
        values = select(MetricPoint.step, MetricPoint.value, MetricPoint.kind).where(MetricPoint.series_id == series_id)
        rows = session.execute(values.order_by(MetricPoint.step), execution_options={"yield_per": _ROWS_AT_A_TIME})
        for step, value, kind in rows:
            yield Point(attempt, key, split, step, value, kind)


def points_digest(session: Session, experiment_id: str) -> str:
    """sha256 over every point, to the last bit of every value."""
    digest = hashlib.sha256()
    for p in points(session, experiment_id):
        value = "" if p.value is None else p.value.hex()
        digest.update(f"{p.attempt}\t{p.key}\t{p.split}\t{p.step}\t{value}\t{p.kind}\n".encode())
    return digest.hexdigest()
