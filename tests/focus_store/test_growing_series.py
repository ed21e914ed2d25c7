"""Curves of a live run are read once: later reads ask for the new points alone, and give the same curve."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete, insert

from focus_core.config.experiment import parse_config
from focus_store.database.tables import Attempt, MetricPoint, MetricSeries
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate


@pytest.fixture
def record(tmp_path: Path) -> Record:
    settings = Settings.from_environment({"FOCUS_HOME": str(tmp_path)})
    migrate(settings.database_url)
    return open_record(settings)


def add_series(record: Record, experiment: str, attempt: int, resumed: int | None, number: int) -> None:
    with record.database.writing() as session:
        start = {"started_at": record.experiments.get(experiment).summary.created_at}
        row = {"experiment": experiment, "number": attempt, "worker": "w", "host": "h", "resumed_step": resumed}
        session.execute(insert(Attempt).values(**row, **start))
        plain = {"id": number, "experiment": experiment, "attempt": attempt, "key": "loss", "split": "train"}
        session.execute(insert(MetricSeries).values(**plain))


def add_points(record: Record, number: int, steps: range, *, kind: int = 0) -> None:
    rows = [{"series_id": number, "step": s, "value": None if kind else 1.0 / s, "kind": kind} for s in steps]
    with record.database.writing() as session:
        session.execute(insert(MetricPoint), rows)


@pytest.fixture
def experiment(record: Record) -> str:
    return record.experiments.create(parse_config("data: {dataset: quick}\n"), draft=True)


def test_a_second_read_asks_for_the_new_points_alone(record: Record, experiment: str) -> None:
    add_series(record, experiment, 1, None, number=7)
    add_points(record, 7, range(1, 101))
    assert record.curves.series(experiment, "loss", "train").step.tolist() == list(range(1, 101))
    with record.database.writing() as session:  # what was read is not asked for again, so it is not missed
        session.execute(delete(MetricPoint).where(MetricPoint.step < 50))
    add_points(record, 7, range(101, 103))
    found = record.curves.series(experiment, "loss", "train")
    np.testing.assert_array_equal(found.step, np.arange(1, 103))
    np.testing.assert_allclose(found.value, 1.0 / np.arange(1, 103))


def test_a_resumed_attempt_takes_over_what_was_read_before_it_began(record: Record, experiment: str) -> None:
    add_series(record, experiment, 1, None, number=1)
    add_points(record, 1, range(1, 21))
    assert len(record.curves.series(experiment, "loss", "train").step) == 20
    add_series(record, experiment, 2, 10, number=2)
    add_points(record, 2, range(11, 13), kind=1)
    found, fresh = (r.curves.series(experiment, "loss", "train") for r in (record, open_record(record.settings)))
    assert found.attempt.tolist() == fresh.attempt.tolist() == [1] * 10 + [2] * 2
    assert json.dumps(found.value.tolist()) == json.dumps(fresh.value.tolist())
    assert np.isnan(found.value[10:]).all()
    assert found.step.tolist() == list(range(1, 13))
