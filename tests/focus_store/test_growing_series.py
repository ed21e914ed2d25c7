"""Curves of a live run are read once: later reads ask for the new points alone, and give the same curve."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete, insert

from focus_core.config import parse_config
from focus_store.repository import Repository
from focus_store.session import open_record
from focus_store.settings import Settings
from focus_store.tables import Attempt, MetricPoint, MetricSeries
from migrations.upgrade import migrate


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    settings = Settings.from_environment({"FOCUS_HOME": str(tmp_path)})
    migrate(settings.database_url)
    return open_record(settings)


def add_series(repository: Repository, experiment: str, attempt: int, resumed: int | None, number: int) -> None:
    with repository.writing() as session:
        start = {"started_at": repository.experiment(experiment).summary.created_at}
        row = {"experiment": experiment, "number": attempt, "worker": "w", "host": "h", "resumed_step": resumed}
        session.execute(insert(Attempt).values(**row, **start))
        plain = {"id": number, "experiment": experiment, "attempt": attempt, "key": "loss", "split": "train"}
        session.execute(insert(MetricSeries).values(**plain))


def add_points(repository: Repository, number: int, steps: range, *, kind: int = 0) -> None:
    rows = [{"series_id": number, "step": s, "value": None if kind else 1.0 / s, "kind": kind} for s in steps]
    with repository.writing() as session:
        session.execute(insert(MetricPoint), rows)


@pytest.fixture
def experiment(repository: Repository) -> str:
    return repository.create_experiment(parse_config("data: {dataset: quick}\n"), draft=True)


def test_a_second_read_asks_for_the_new_points_alone(repository: Repository, experiment: str) -> None:
    add_series(repository, experiment, 1, None, number=7)
    add_points(repository, 7, range(1, 101))
    assert repository.series(experiment, "loss", "train").step.tolist() == list(range(1, 101))
    with repository.writing() as session:  # what was read is not asked for again, so it is not missed
        session.execute(delete(MetricPoint).where(MetricPoint.step < 50))
    add_points(repository, 7, range(101, 103))
    found = repository.series(experiment, "loss", "train")
    np.testing.assert_array_equal(found.step, np.arange(1, 103))
    np.testing.assert_allclose(found.value, 1.0 / np.arange(1, 103))


def test_a_resumed_attempt_takes_over_what_was_read_before_it_began(repository: Repository, experiment: str) -> None:
    add_series(repository, experiment, 1, None, number=1)
    add_points(repository, 1, range(1, 21))
    assert len(repository.series(experiment, "loss", "train").step) == 20
    add_series(repository, experiment, 2, 10, number=2)
    add_points(repository, 2, range(11, 13), kind=1)
    found, fresh = (r.series(experiment, "loss", "train") for r in (repository, open_record(repository.settings)))
    assert found.attempt.tolist() == fresh.attempt.tolist() == [1] * 10 + [2] * 2
    assert json.dumps(found.value.tolist()) == json.dumps(fresh.value.tolist())
    assert np.isnan(found.value[10:]).all()
    assert found.step.tolist() == list(range(1, 13))
