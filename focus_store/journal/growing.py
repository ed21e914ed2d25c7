"""Series that only grow, kept in memory, so that a live page reads only the new points.

A series belongs to one attempt and its steps only increase, so what was read once stays valid. Reading 10⁵ points
from SQLite takes about 0.1 s; reading the ten new ones takes almost none.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from focus_store.database.tables import MetricPoint

# How `metric_point.kind` marks values that are not numbers.
NOT_NUMBERS = {1: np.nan, 2: np.inf, 3: -np.inf}
MOST_POINTS = 4_000_000  # 64 MB; the least recently read series is dropped first
StepsAndValues = tuple[NDArray[np.int64], NDArray[np.float64]]
Owner = tuple[str, int, str, str]  # experiment, attempt, key, split: ids of series may be reused, these are not


class GrowingSeries:
    """Safe to share between threads. Arrays that it returns are never written to."""

    def __init__(self, most_points: int = MOST_POINTS) -> None:
        self._most = most_points
        self._known: OrderedDict[Owner, StepsAndValues] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, session: Session, series_id: int, owner: Owner) -> StepsAndValues:
        """(steps, values) of a whole series."""
        with self._lock:
            known = self._known.get(owner)
        after = int(known[0][-1]) if known is not None and known[0].size else None
        step, value = read_points(session, series_id, after=after)
        if known is not None:
            step, value = np.concatenate([known[0], step]), np.concatenate([known[1], value])
        with self._lock:
            self._known[owner] = (step, value)
            self._known.move_to_end(owner)
            while len(self._known) > 1 and sum(len(steps) for steps, _ in self._known.values()) > self._most:
                self._known.popitem(last=False)
        return step, value


def read_points(session: Session, series_id: int, *, after: int | None = None) -> StepsAndValues:
    """(steps, values) of a series, optionally only after a step; NaN and infinities as such."""
    columns = MetricPoint
    query = select(columns.step, columns.value, columns.kind).where(columns.series_id == series_id)
    if after is not None:
        query = query.where(columns.step > after)
    result: Any = session.connection().execute(query.order_by(columns.step))
    rows = result.cursor.fetchall()  # the driver's own tuples: half the time of SQLAlchemy's rows
    result.close()
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)  # steps are exact up to 2⁵³; NULL becomes NaN
    value = np.ascontiguousarray(table[:, 1])
    for kind, meant in NOT_NUMBERS.items():
        value[table[:, 2] == kind] = meant
    return table[:, 0].astype(np.int64), value
