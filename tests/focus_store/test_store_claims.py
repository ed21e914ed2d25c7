"""Who gets a row, how it is kept and lost, and that a message is only a nudge."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mortal import end_with_tests
from sqlalchemy import update
from waiting import await_condition, patience

from focus_core.config.experiment import ExperimentConfig
from focus_core.errors import UserError
from focus_store.contracts import JOB_TRANSITIONS, TRANSITIONS, Claim, DesiredState, JobStatus, Status, Wish
from focus_store.database.session import database_now
from focus_store.database.tables import Experiment, Job
from focus_store.database.transitions import move
from focus_store.queue import SAMPLE, TRAIN, message_folder
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings


def eventually(condition: Callable[[], object]) -> None:
    await_condition(condition, "what comes with time")


def now(record: Record) -> datetime.datetime:
    with record.database.reading() as session:
        return database_now(session)


def lease(record: Record, claim: Claim) -> tuple[datetime.datetime, datetime.datetime]:
    """When a claimed experiment's lease runs out, and when its worker was heard of last."""
    with record.database.reading() as session:
        row = session.get_one(Experiment, claim.id)
        assert row.lease_until is not None
        assert row.heartbeat_at is not None
        return row.lease_until, row.heartbeat_at


def status_of(record: Record, experiment_id: str) -> Status:
    return record.experiments.get(experiment_id).summary.status


def put_in(record: Record, experiment_id: str, status: str) -> None:
    with record.database.writing() as session:
        session.execute(update(Experiment).where(Experiment.id == experiment_id).values(status=status))


def _claim_when_all_are_ready(settings: Settings, row_id: str, barrier: object, results: object, i: int) -> None:
    end_with_tests()
    record = open_record(settings)
    record.experiments.change_token(row_id)  # connections are open before the race starts
    barrier.wait()  # type: ignore[attr-defined]
    claim = record.leases.claim_row("experiment", row_id, f"host:{i}")
    results.put(None if claim is None else (claim.token, claim.attempt))  # type: ignore[attr-defined]
    record.close()


class TestClaims:
    def test_of_eight_processes_that_claim_one_row_at_once_exactly_one_wins(
        self, record: Record, settings: Settings, config: ExperimentConfig
    ) -> None:
        row_id = record.experiments.create(config)
        record.close()
        context = multiprocessing.get_context("fork")  # no connection is open, and no thread runs
        barrier, results = context.Barrier(8), context.Queue()
        processes = [
            context.Process(target=_claim_when_all_are_ready, args=(settings, row_id, barrier, results, i))
            for i in range(8)
        ]
        for process in processes:
            process.start()
        answers = [results.get(timeout=patience()) for _ in processes]
        for process in processes:
            process.join()
        winners = [answer for answer in answers if answer is not None]
        assert len(winners) == 1
        assert winners[0][1] == 1
        assert record.experiments.get(row_id).summary.attempts == 1
        assert len(record.experiments.get(row_id).attempts) == 1

    def test_the_oldest_row_is_due_first_whether_training_or_job(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        first = record.experiments.create(config)
        second = record.jobs.request_simulation({"name": "quick"})
        third = record.experiments.create(config)
        claims = [record.leases.claim(TRAIN, "host:1") for _ in range(4)]
        assert [claim and claim.id for claim in claims] == [first, second, third, None]

    def test_a_higher_priority_goes_first(self, record: Record, config: ExperimentConfig) -> None:
        record.experiments.create(config)
        urgent = record.experiments.create(config)
        with record.database.writing() as session:
            session.execute(update(Experiment).where(Experiment.id == urgent).values(priority=5))
        claim = record.leases.claim(TRAIN, "host:1")
        assert claim is not None
        assert claim.id == urgent

    def test_an_experiment_behind_a_job_is_not_due_before_the_job_has_ended(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        job = record.jobs.request_simulation({"name": "quick"})
        experiment = record.experiments.create(config, after_job=job)
        claim = record.leases.claim(TRAIN, "host:1")
        assert claim is not None
        assert claim.id == job
        assert record.leases.claim(TRAIN, "host:2") is None
        record.leases.release(claim, JobStatus.SUCCEEDED, "finished")
        assert record.jobs.waiting_behind(job) == [experiment]
        assert record.leases.claim_row("experiment", experiment, "host:2") is not None

    def test_a_draft_is_never_due(self, record: Record, config: ExperimentConfig) -> None:
        draft = record.experiments.create(config, draft=True)
        assert record.leases.claim(TRAIN, "host:1") is None
        record.experiments.resume(draft)
        assert record.leases.claim(TRAIN, "host:1") is not None

    def test_a_worker_learns_of_wishes_when_it_renews_and_when_it_looks(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        row_id = record.experiments.create(config)
        claim = record.leases.claim(TRAIN, "host:1")
        assert claim is not None
        assert (record.leases.renew(claim), record.leases.wish(claim)) == (Wish.GO_ON, Wish.GO_ON)
        record.experiments.request(row_id, DesiredState.PAUSE)
        assert (record.leases.renew(claim), record.leases.wish(claim)) == (Wish.PAUSE, Wish.PAUSE)
        record.experiments.request(row_id, DesiredState.CANCEL)
        assert (record.leases.renew(claim), record.leases.wish(claim)) == (Wish.CANCEL, Wish.CANCEL)

    def test_a_lease_that_is_renewed_never_expires(self, record: Record, config: ExperimentConfig) -> None:
        record.experiments.create(config)
        claim = record.leases.claim(TRAIN, "host:1")
        assert claim is not None
        first, _ = lease(record, claim)
        with contextlib.closing(open_record(replace(record.settings, lease_seconds=600.0))) as patient:
            assert patient.leases.renew(claim) is Wish.GO_ON
        eventually(lambda: now(record) > first)
        assert record.leases.expire() == []
        until, heartbeat = lease(record, claim)
        assert (until - heartbeat).total_seconds() == pytest.approx(600.0)


class TestCrashes:
    def crash(self, record: Record) -> Claim:
        claim = record.leases.claim(TRAIN, "host:1")
        assert claim is not None
        eventually(record.leases.expire)
        return claim

    def test_a_lease_that_runs_out_is_shown_as_a_crash_and_queued_on_a_later_tick(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        row_id = record.experiments.create(config)
        self.crash(record)
        detail = record.experiments.get(row_id)
        assert detail.summary.status is Status.CRASHED
        assert "host:1" in (detail.summary.message or "")
        assert detail.attempts[0].reason == "crashed"
        with contextlib.closing(open_record(replace(record.settings, reap_seconds=600.0))) as patient:
            assert patient.leases.requeue_crashed() == [], "a person must be able to see the crash first"
        eventually(record.leases.requeue_crashed)
        assert status_of(record, row_id) is Status.QUEUED
        assert row_id in record.queue.republish()

    def test_the_worker_that_lost_its_lease_can_write_nothing_any_more(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        row_id = record.experiments.create(config)
        lost = self.crash(record)
        assert record.leases.renew(lost) is Wish.LOST
        assert record.leases.wish(lost) is Wish.LOST
        assert not record.leases.release(lost, Status.SUCCEEDED, "finished")
        assert status_of(record, row_id) is Status.CRASHED

    def test_after_max_retries_it_stays_crashed_until_a_person_resumes_it(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        row_id = record.experiments.create(config)
        for _ in range(record.settings.max_retries):
            self.crash(record)
            eventually(record.leases.requeue_crashed)
        self.crash(record)
        time.sleep(3 * record.settings.reap_seconds)
        assert record.leases.requeue_crashed() == []
        assert status_of(record, row_id) is Status.CRASHED
        record.experiments.resume(row_id)
        assert record.leases.claim(TRAIN, "host:1") is not None

    @pytest.mark.parametrize(
        ("wish", "rest"), [(DesiredState.PAUSE, Status.PAUSED), (DesiredState.CANCEL, Status.CANCELLED)]
    )
    def test_a_crash_after_a_wish_to_stop_ends_as_the_person_wished(
        self, record: Record, config: ExperimentConfig, wish: DesiredState, rest: Status
    ) -> None:
        row_id = record.experiments.create(config)
        assert record.leases.claim(TRAIN, "host:1") is not None
        record.experiments.request(row_id, wish)
        eventually(record.leases.expire)
        eventually(record.leases.requeue_crashed)
        assert status_of(record, row_id) is rest

    def test_a_job_and_a_sample_wait_again_and_fail_after_max_retries(self, record: Record) -> None:
        job = record.jobs.request_simulation({"name": "quick"})
        for _ in range(record.settings.max_retries):
            assert record.leases.claim(TRAIN, "host:1") is not None
            eventually(record.leases.expire)
            assert record.jobs.get(job).status is JobStatus.QUEUED
        assert record.leases.claim(TRAIN, "host:1") is not None
        eventually(record.leases.expire)
        assert record.jobs.get(job).status is JobStatus.FAILED

    def test_a_running_experiment_without_steps_is_stalled_and_keeps_its_lease(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        row_id = record.experiments.create(config)
        claim = record.leases.claim(TRAIN, "host:1")
        assert claim is not None
        assert record.leases.move(claim, Status.RUNNING)
        eventually(lambda: record.leases.renew(claim) is Wish.GO_ON and record.leases.mark_stalled())
        assert status_of(record, row_id) is Status.STALLED


class TestMessages:
    def messages(self, settings: Settings) -> int:
        return len(list(message_folder(settings).glob("*.msg")))

    def test_a_row_is_there_even_when_the_broker_is_not(
        self, settings: Settings, config: ExperimentConfig, tmp_path: Path
    ) -> None:
        settings.home.mkdir(exist_ok=True)
        settings.broker_folder.write_text("a file where the broker's folder should be")
        record = open_record(settings)
        row_id = record.experiments.create(config)
        assert status_of(record, row_id) is Status.QUEUED
        settings.broker_folder.unlink()
        assert row_id in record.queue.republish()
        assert self.messages(settings) == 1
        record.close()

    def test_a_message_that_was_just_sent_is_not_sent_again(
        self, record: Record, settings: Settings, config: ExperimentConfig
    ) -> None:
        row_id = record.experiments.create(config)
        with contextlib.closing(open_record(replace(record.settings, republish_seconds=600.0))) as patient:
            assert patient.queue.republish() == []
        eventually(record.queue.republish)
        assert self.messages(settings) == 2
        assert record.queue.republish(all_waiting=True) == [row_id]

    def test_messages_that_come_twice_start_it_once(self, record: Record, config: ExperimentConfig) -> None:
        row_id = record.experiments.create(config)
        for _ in range(3):
            record.queue.publish(TRAIN, row_id)
        claims = [record.leases.claim(TRAIN, f"host:{i}") for i in range(4)]
        assert [claim is not None for claim in claims] == [True, False, False, False]

    def test_a_message_carries_the_id_and_nothing_else(
        self, record: Record, settings: Settings, config: ExperimentConfig
    ) -> None:
        row_id = record.experiments.create(config)
        (file,) = message_folder(settings).glob("*.train.msg")
        text = file.read_text()
        assert '"task": "focus.train"' in text
        assert f"['{row_id}']" in text
        assert config.experiment.name not in text

    def test_no_half_written_message_is_ever_where_consumers_look(
        self, record: Record, settings: Settings, config: ExperimentConfig
    ) -> None:
        record.experiments.create(config)
        assert list((settings.broker_folder / "outbox").glob("*/*.msg")) == []
        assert self.messages(settings) == 1


class TestTransitions:
    def test_every_pair_of_states_moves_exactly_when_the_contract_has_it(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        row_id = record.experiments.create(config, draft=True)
        for before, after in itertools.product(Status, Status):
            put_in(record, row_id, before)
            token = record.experiments.change_token(row_id)
            moves = after in TRANSITIONS[before]
            with record.database.writing() as session:
                if moves:
                    assert move(session, Experiment, row_id, [before], after, "test") == before
                else:
                    with pytest.raises(ValueError, match="is not a transition"):
                        move(session, Experiment, row_id, [before], after, "test")
            assert status_of(record, row_id) is (after if moves else before)
            assert record.experiments.change_token(row_id) == token + moves
            newest = record.experiments.events(row_id)[0]
            assert ((newest.before, newest.after) == (before, after)) is moves

    def test_every_pair_of_job_states_too(self, record: Record) -> None:
        job = record.jobs.request_simulation({"name": "quick"})
        for before, after in itertools.product(JobStatus, JobStatus):
            with record.database.writing() as session:
                session.execute(update(Job).where(Job.id == job).values(status=before))
            with record.database.writing() as session:
                if after in JOB_TRANSITIONS[before]:
                    assert move(session, Job, job, [before], after, "test") == before
                else:
                    with pytest.raises(ValueError, match="is not a transition"):
                        move(session, Job, job, [before], after, "test")

    def test_a_state_that_changed_meanwhile_is_not_overwritten(self, record: Record, config: ExperimentConfig) -> None:
        row_id = record.experiments.create(config)
        record.experiments.request(row_id, DesiredState.CANCEL)
        with record.database.writing() as session:
            assert move(session, Experiment, row_id, [Status.QUEUED], Status.STARTING, "test") is None
        assert status_of(record, row_id) is Status.CANCELLED


class TestWishes:
    def test_a_waiting_run_is_paused_and_cancelled_at_once(self, record: Record, config: ExperimentConfig) -> None:
        row_id = record.experiments.create(config)
        record.experiments.request(row_id, DesiredState.PAUSE)
        assert status_of(record, row_id) is Status.PAUSED
        record.experiments.request(row_id, DesiredState.CANCEL)
        assert status_of(record, row_id) is Status.CANCELLED
        assert record.leases.claim(TRAIN, "host:1") is None

    def test_a_finished_run_cannot_be_stopped(self, record: Record, config: ExperimentConfig) -> None:
        row_id = record.experiments.create(config)
        put_in(record, row_id, Status.SUCCEEDED)
        with pytest.raises(UserError, match="nothing to pause"):
            record.experiments.request(row_id, DesiredState.PAUSE)

    def test_resume_during_a_pause_takes_the_wish_back(self, record: Record, config: ExperimentConfig) -> None:
        row_id = record.experiments.create(config)
        claim = record.leases.claim(TRAIN, "host:1")
        assert claim is not None
        record.experiments.request(row_id, DesiredState.PAUSE)
        record.leases.move(claim, Status.PAUSING)
        record.experiments.resume(row_id)
        assert record.experiments.get(row_id).summary.desired_state is DesiredState.RUN
        assert record.leases.release(claim, Status.QUEUED, "stopped")
        assert status_of(record, row_id) is Status.QUEUED

    def test_a_row_that_is_handed_back_keeps_its_place_and_is_published_again(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        first = record.experiments.create(config)
        record.experiments.create(config)
        claim = record.leases.claim(TRAIN, "host:1")
        assert claim is not None
        record.leases.release(claim, Status.QUEUED, "stopped")
        assert first in record.queue.republish()
        again = record.leases.claim(TRAIN, "host:2")
        assert again is not None
        assert (again.id, again.attempt) == (first, 2)

    def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_by_a_wish(self, record: Record) -> None:
        waiting = record.jobs.request_simulation({"name": "a"})
        record.jobs.cancel(waiting)
        assert record.jobs.get(waiting).status is JobStatus.CANCELLED
        running = record.jobs.request_simulation({"name": "b"})
        claim = record.leases.claim(TRAIN, "host:1")
        assert claim is not None
        record.jobs.cancel(running)
        assert record.leases.renew(claim) is Wish.CANCEL
        record.leases.release(claim, JobStatus.CANCELLED, "stopped")
        record.jobs.resume(running)
        again = record.leases.claim(TRAIN, "host:1")
        assert again is not None
        assert record.leases.wish(again) is Wish.GO_ON

    def test_the_sampling_lane_never_takes_a_training(self, record: Record, config: ExperimentConfig) -> None:
        record.experiments.create(config)
        assert record.leases.claim(SAMPLE, f"host:{os.getpid()}") is None
