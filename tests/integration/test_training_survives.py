"""Real workers, real training: success, pause and resume, lost and doubled messages, killed workers and trainers."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from page_alone import html, open_page
from sqlalchemy import func, select
from stacks import ON_FILES, ON_SERVERS
from waiting import patience

from dashboard.parts.frame import state_markup
from dashboard.record.connection import laboratory as state_of_laboratory
from focus_core.config.experiment import ExperimentConfig
from focus_core.errors import UserError
from focus_core.run_files import JOURNAL
from focus_store.contracts import DesiredState, JobStatus, SampleSpec, Status
from focus_store.database.session import database_now
from focus_store.database.tables import Checkpoint, Experiment, Figure, MetricPoint, MetricSeries
from focus_store.journal.ingest import CURVES
from focus_store.queue import SAMPLE, TRAIN
from worker.processes import kill, running_in

MakeConfig = Callable[..., ExperimentConfig]


def journal(laboratory: Any, experiment_id: str) -> list[dict[str, Any]]:
    path = laboratory.settings.run_folder(experiment_id) / JOURNAL
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def assert_record_equals_journal(laboratory: Any, experiment_id: str) -> list[dict[str, Any]]:
    """Point by point and attempt by attempt: nothing lost, nothing doubled, nothing invented."""
    events = journal(laboratory, experiment_id)
    assert [event["seq"] for event in events] == list(range(len(events)))
    expected = {
        (event["attempt"], *name, event["step"]): event[field]
        for event in events
        for field, name in CURVES.get(event["kind"], {}).items()
        if event.get(field) is not None
    }
    query = select(
        MetricSeries.attempt, MetricSeries.key, MetricSeries.split, MetricPoint.step, MetricPoint.value
    ).join(MetricPoint, MetricPoint.series_id == MetricSeries.id)
    with laboratory.record.database.reading() as session:
        found = {(a, k, s, step): value for a, k, s, step, value in session.execute(query)}
        n_points = session.scalar(select(func.count()).select_from(MetricPoint))
        checkpoints = {(c.attempt, c.role, c.step, c.sha256) for c in session.scalars(select(Checkpoint))}
        figures = {f.epoch for f in session.scalars(select(Figure))}
    assert found == expected
    assert n_points == len(expected)
    saved = [event for event in events if event["kind"] == "checkpoint"]
    assert checkpoints == {(c["attempt"], c["role"], c["step"], c["sha256"]) for c in saved}
    assert figures == {event["epoch"] for event in events if event["kind"] == "figure"}
    return events


def assert_one_curve(laboratory: Any, experiment_id: str, steps: int) -> None:
    """The curve that a person sees has every step once, and the attempts in order."""
    curve = laboratory.record.curves.series(experiment_id, "loss", "train")
    np.testing.assert_array_equal(curve.step, np.arange(1, steps + 1))
    assert np.all(np.diff(curve.attempt) >= 0)
    assert np.all(np.isfinite(curve.value))


def test_a_run_trains_to_its_end_and_is_sampled(laboratory: Any, tiny_config: MakeConfig) -> None:
    laboratory.worker(TRAIN)
    laboratory.worker(SAMPLE)
    record = laboratory.record
    run = record.experiments.create(tiny_config(num_epochs=2, sample_every=1))
    laboratory.await_condition(lambda: laboratory.summary(run).ended_at, "the end of the run")
    summary = laboratory.summary(run)
    assert (summary.status, summary.message, summary.attempts) == (Status.SUCCEEDED, None, 1), laboratory.logs()
    assert (summary.epoch, summary.step) == (2, 12)
    assert_record_equals_journal(laboratory, run)
    assert_one_curve(laboratory, run, 12)
    detail = record.experiments.get(run)
    assert {checkpoint.role for checkpoint in detail.checkpoints} == {"best", "last"}
    assert detail.parameter_space is not None
    assert (detail.grid, detail.box_size) == (16, 16.0)
    assert detail.truth_arrays is not None
    assert "epoch 2/2" in detail.log_tail
    assert record.figures.epochs(run) == [1, 2]
    moves = [
        (event.before, event.after) for event in reversed(record.experiments.events(run)) if event.kind == "status"
    ]
    assert moves == [(None, "queued"), ("queued", "starting"), ("starting", "running"), ("running", "succeeded")]

    spec = SampleSpec(run, (0.3, 0.05, 0.7, 1.0, 0.8, -1.0), n=3, seed=5, steps=2)
    request = record.samples.request(spec)
    assert record.samples.request(spec) == request, "a request under way answers its twin"
    row = laboratory.await_condition(lambda: _ended(record.samples.get(request)), "the sample")
    assert (row.status, row.message, row.progress) == (JobStatus.SUCCEEDED, None, 1.0)
    assert record.samples.request(spec) == request, "a request that is done answers its twin"
    arrays = record.artifacts.arrays(row.result)
    assert set(arrays) == {"maps", "params", "param_names", "box_size", "seed", "checkpoint_sha256"}
    assert (arrays["maps"].shape, arrays["params"].shape) == ((3, 16, 16), (3, 6))
    best = next(checkpoint for checkpoint in detail.checkpoints if checkpoint.role == "best")
    assert str(arrays["checkpoint_sha256"]) == best.sha256
    power = row.measured["power_spectrum"].arrays
    assert power["generated"].shape == (3, len(power["k"]))
    expected = _independent_power(arrays["maps"][0], 16.0, power["n_modes"])
    np.testing.assert_allclose(power["generated"][0], expected, rtol=1e-5)
    assert all(record.artifacts.read(tile)[8:12] == b"WEBP" for tile in row.tiles)
    assert len(row.tiles) == 3

    with pytest.raises(UserError, match="steps: 200 are too many; DDIM takes 50 or fewer"):
        record.samples.request(SampleSpec(run, spec.theta, n=1, seed=5, steps=200))
    (laboratory.settings.run_folder(run) / "checkpoints" / "checkpoint_last.pt").unlink()
    other = record.samples.request(SampleSpec(run, spec.theta, n=1, seed=5, steps=2, checkpoint="last"))
    row = laboratory.await_condition(lambda: _ended(record.samples.get(other)), "the failure")
    assert row.status is JobStatus.FAILED
    assert "checkpoint_last.pt" in row.message


@ON_SERVERS
def test_a_run_is_paused_and_resumed_from_its_checkpoint(laboratory: Any, tiny_config: MakeConfig) -> None:
    worker = laboratory.worker(TRAIN)
    record = laboratory.record
    run = record.experiments.create(tiny_config(num_epochs=20))
    for _ in range(3):  # messages that come more than once start nothing more than once
        assert record.queue.publisher.publish(TRAIN, run)
    laboratory.await_condition(lambda: laboratory.summary(run).epoch >= 1, "the first epoch")
    laboratory.remember_family(worker)
    record.experiments.request(run, DesiredState.PAUSE)
    laboratory.await_condition(lambda: laboratory.summary(run).status is Status.PAUSED, "the pause")
    stopped_at = laboratory.summary(run).step
    assert running_in(laboratory.settings.run_folder(run), "--exp-dir") == []
    record.experiments.resume(run)
    laboratory.await_condition(lambda: laboratory.summary(run).status is Status.SUCCEEDED, "the end of the run")
    events = assert_record_equals_journal(laboratory, run)
    starts = [event for event in events if event["kind"] == "run_started"]
    assert [event["step"] for event in starts] == [0, stopped_at]
    assert laboratory.summary(run).attempts == 2
    assert_one_curve(laboratory, run, 120)


@ON_FILES
def test_a_worker_that_shuts_down_hands_its_run_back_to_the_queue(
    laboratory: Any, tiny_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = laboratory.worker(TRAIN)
    record = laboratory.record
    with monkeypatch.context() as patch:  # a message that was never sent: the reaper sends it
        patch.setattr(record.queue.publisher, "publish", lambda lane, row_id: False)
        run = record.experiments.create(tiny_config(num_epochs=20))
    laboratory.await_condition(lambda: laboratory.summary(run).epoch >= 1, "the first epoch")
    laboratory.remember_family(worker)
    worker.send_signal(signal.SIGTERM)
    worker.wait(patience())
    assert laboratory.summary(run).status is Status.QUEUED
    assert laboratory.left() == []
    assert record.laboratory.state().workers == (), "a worker that ends in order signs off"
    laboratory.worker(TRAIN)
    laboratory.await_condition(lambda: laboratory.summary(run).status is Status.SUCCEEDED, "the end of the run")
    assert_record_equals_journal(laboratory, run)
    assert_one_curve(laboratory, run, 120)


def test_two_killed_workers_and_a_killed_trainer_lose_nothing(laboratory: Any, tiny_config: MakeConfig) -> None:
    record, settings = laboratory.record, laboratory.settings
    run = record.experiments.create(tiny_config(num_epochs=60))
    epoch = 0
    for kills in range(1, 4):
        worker = laboratory.worker(TRAIN)
        laboratory.await_condition(
            lambda reached=epoch: (
                laboratory.summary(run).epoch > reached and laboratory.summary(run).status is Status.RUNNING
            ),
            f"progress beyond epoch {epoch}",
        )
        laboratory.remember_family(worker)
        epoch = laboratory.summary(run).epoch
        assert epoch < 60, "the run ended before its worker could be killed"
        with record.database.reading() as session:
            killed_at = database_now(session)
        if kills < 3:
            worker.kill()
            worker.wait()
        else:
            kill(running_in(settings.run_folder(run), "--exp-dir"))
        laboratory.await_condition(
            lambda wanted=kills: len(crashes(laboratory, run)) >= wanted, "the crash to be shown"
        )
        crash = crashes(laboratory, run)[0]
        assert crash.before == Status.RUNNING
        # The promise of the record, by the database's own clock.
        assert (crash.time - killed_at).total_seconds() <= 2 * settings.lease_seconds
    laboratory.await_condition(lambda: laboratory.summary(run).status is Status.SUCCEEDED, "the end of the run")

    events = assert_record_equals_journal(laboratory, run)
    starts = [event for event in events if event["kind"] == "run_started"]
    assert len(starts) >= 4
    assert all(event["step"] > 0 for event in starts[1:]), "every later attempt resumed from a checkpoint"
    assert_one_curve(laboratory, run, 360)
    reasons = [attempt.reason for attempt in record.experiments.get(run).attempts]
    assert reasons.count("crashed") >= 3
    assert reasons[-1] == "finished"
    laboratory.await_condition(lambda: running_in(settings.run_folder(run), "--exp-dir") == [], "the last trainer")
    worker.terminate()
    worker.wait()
    assert laboratory.left() == []


@ON_FILES
def test_what_a_trainer_writes_after_its_worker_was_killed_is_read_although_nobody_goes_on(
    laboratory: Any, tiny_config: MakeConfig
) -> None:
    record, folder = laboratory.record, laboratory.settings.run_folder
    run = record.experiments.create(tiny_config(num_epochs=200))
    worker = laboratory.worker(TRAIN)
    laboratory.await_condition(lambda: laboratory.summary(run).epoch >= 1, "the first epoch")
    laboratory.remember_family(worker)
    record.experiments.request(run, DesiredState.CANCEL)
    kill([p for p in laboratory.seen.values() if p.pid not in {t.pid for t in running_in(folder(run), "--exp-dir")}])
    worker.wait()
    laboratory.await_condition(lambda: laboratory.summary(run).status is Status.CANCELLED, "the stop")
    laboratory.await_condition(lambda: running_in(folder(run), "--exp-dir") == [], "the end of the trainer")
    size = (folder(run) / JOURNAL).stat().st_size
    laboratory.await_condition(lambda: _bytes_read(laboratory, run) == size, "the journal's last lines")
    events = assert_record_equals_journal(laboratory, run)
    assert events[-1]["step"] == laboratory.summary(run).step
    assert laboratory.summary(run).attempts == 1, "nobody went on with it"


def _bytes_read(laboratory: Any, run: str) -> int:
    with laboratory.record.database.reading() as session:
        return int(session.get_one(Experiment, run).journal_offset)


def crashes(laboratory: Any, run: str) -> list[Any]:
    return [event for event in laboratory.record.experiments.events(run) if event.after == Status.CRASHED]


def _ended(row: Any) -> Any:
    return row if row.status in (JobStatus.SUCCEEDED, JobStatus.FAILED) else None


def _independent_power(image: np.ndarray[Any, Any], box: float, n_modes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """P(k) by a loop over the modes of the full plane."""
    n = len(image)
    delta = image.astype(np.float64) / image.mean(dtype=np.float64) - 1.0
    transform = np.abs(np.fft.fft2(delta)) ** 2
    sums = np.zeros(n // 2 + 1)
    for i in range(n):
        for j in range(n):
            ring = round(math.hypot(min(i, n - i), min(j, n - j)))
            if 1 <= ring <= n // 2:
                sums[ring] += transform[i, j]
    return np.asarray(sums[1:] / n_modes * box**2 / n**4)


@ON_FILES
def test_a_worker_that_was_killed_is_silent_on_the_page_and_the_header_green_no_more(
    laboratory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in laboratory.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FOCUS_LEASE_SECONDS", "3600")  # the page's, so that the worker is not lost before it is silent
    worker = laboratory.worker(TRAIN)
    laboratory.await_condition(lambda: 'data-life="live"' in html(open_page("workers")), "the worker's card")
    laboratory.await_condition(lambda: 'class="focus-dot"' in state_markup(state_of_laboratory()), "a green header")
    laboratory.remember_family(worker)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    laboratory.await_condition(lambda: 'data-life="silent"' in html(open_page("workers")), "its silence to be shown")
    assert 'data-life="live"' not in html(open_page("workers"))
    header = state_markup(state_of_laboratory())
    assert 'class="focus-dot off"' in header
    assert "1 worker, silent for" in header
