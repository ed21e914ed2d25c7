"""One curve of a run, combined from the points of its attempts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session
from tsdownsample import MinMaxLTTBDownsampler

from focus_store.database.tables import Attempt, MetricSeries
from focus_store.journal.growing import GrowingSeries, StepsAndValues, read_points


def curve(
    session: Session, experiment_id: str, key: str, split: str, growing: GrowingSeries | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """(steps, values, attempts) of one curve, as `Curves.series` describes it; `growing` caches what was read."""
    query = select(Attempt.number, Attempt.resumed_step).where(Attempt.experiment == experiment_id)
    starts = {row.number: row.resumed_step for row in session.execute(query)}
    series = session.execute(
        select(MetricSeries.id, MetricSeries.attempt).where(
            MetricSeries.experiment == experiment_id, MetricSeries.key == key, MetricSeries.split == split
        )
    ).all()
    parts: dict[int, StepsAndValues] = {}
    for series_id, attempt in series:
        if growing is None:
            parts[attempt] = read_points(session, series_id)
        else:
            parts[attempt] = growing.read(session, series_id, (experiment_id, attempt, key, split))
    return owned(parts, starts)


def owned(
    parts: dict[int, StepsAndValues], starts: dict[int, int | None]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """(steps, values, attempts) of one curve, without the steps that later attempts own."""
    kept = []
    for attempt in sorted(parts):
        step, value = parts[attempt]
        later = [start for number, start in starts.items() if number > attempt and start is not None]
        if later:
            end = int(np.searchsorted(step, min(later), side="right"))
            step, value = step[:end], value[:end]
        kept.append((step, value, np.full(len(step), attempt, dtype=np.int64)))
    if not kept:
        return np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)
    step, value, attempts = (np.concatenate(column) for column in zip(*kept, strict=True))
    order = np.argsort(step, kind="stable")
    return step[order], value[order], attempts[order]


def downsample(step: NDArray[np.int64], value: NDArray[np.float64], max_points: int) -> NDArray[np.int64]:
    """Indices of at most `max_points` points that keep peaks, first and last."""
    if max_points < 3:
        return np.array([0, len(step) - 1][: max(max_points, 1)], dtype=np.int64)
    # The algorithm compares values, which fails for NaN; as zeros they are extremes of a loss, and are kept.
    finite = np.where(np.isfinite(value), value, 0.0)
    chosen = MinMaxLTTBDownsampler().downsample(step, finite, n_out=max_points)
    return np.unique(chosen.astype(np.int64))
