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
from sqlalchemy import update
from waiting import await_condition, patience

from focus_core.config import ExperimentConfig
from focus_core.errors import UserError
from focus_store.contracts import JOB_TRANSITIONS, TRANSITIONS, Claim, DesiredState, JobStatus, Status, Wish
from focus_store.queue import SAMPLE, TRAIN, message_folder
from focus_store.repository import Repository
from focus_store.session import database_now, open_record
from focus_store.settings import Settings
from focus_store.tables import Experiment, Job
from focus_store.transitions import move


def eventually(condition: Callable[[], object]) -> None:
    await_condition(condition, "what comes with time")


def now(repository: Repository) -> datetime.datetime:
    with repository.reading() as session:
        return database_now(session)


def lease(repository: Repository, claim: Claim) -> tuple[datetime.datetime, datetime.datetime]:
    """When a claimed experiment's lease runs out, and when its worker was heard of last."""
    with repository.reading() as session:
        row = session.get_one(Experiment, claim.id)
        assert row.lease_until is not None
        assert row.heartbeat_at is not None
        return row.lease_until, row.heartbeat_at


def status_of(repository: Repository, experiment_id: str) -> Status:
    return repository.experiment(experiment_id).summary.status


def put_in(repository: Repository, experiment_id: str, status: str) -> None:
    with repository.writing() as session:
        session.execute(update(Experiment).where(Experiment.id == experiment_id).values(status=status))


def _claim_when_all_are_ready(settings: Settings, row_id: str, barrier: object, results: object, i: int) -> None:
    repository = open_record(settings)
    repository.change_token(row_id)  # connections are open before the race starts
    barrier.wait()  # type: ignore[attr-defined]
    claim = repository.claim_row("experiment", row_id, f"host:{i}")
    results.put(None if claim is None else (claim.token, claim.attempt))  # type: ignore[attr-defined]
    repository.close()


class TestClaims:
    def test_of_eight_processes_that_claim_one_row_at_once_exactly_one_wins(
        self, repository: Repository, settings: Settings, config: ExperimentConfig
    ) -> None:
        row_id = repository.create_experiment(config)
        repository.close()
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
        assert repository.experiment(row_id).summary.attempts == 1
        assert len(repository.experiment(row_id).attempts) == 1

    def test_the_oldest_row_is_due_first_whether_training_or_job(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        first = repository.create_experiment(config)
        second = repository.request_simulation({"name": "quick"})
        third = repository.create_experiment(config)
        claims = [repository.claim(TRAIN, "host:1") for _ in range(4)]
        assert [claim and claim.id for claim in claims] == [first, second, third, None]

    def test_a_higher_priority_goes_first(self, repository: Repository, config: ExperimentConfig) -> None:
        repository.create_experiment(config)
        urgent = repository.create_experiment(config)
        with repository.writing() as session:
            session.execute(update(Experiment).where(Experiment.id == urgent).values(priority=5))
        claim = repository.claim(TRAIN, "host:1")
        assert claim is not None
        assert claim.id == urgent

    def test_an_experiment_behind_a_job_is_not_due_before_the_job_has_ended(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        job = repository.request_simulation({"name": "quick"})
        experiment = repository.create_experiment(config, after_job=job)
        claim = repository.claim(TRAIN, "host:1")
        assert claim is not None
        assert claim.id == job
        assert repository.claim(TRAIN, "host:2") is None
        repository.release(claim, JobStatus.SUCCEEDED, "finished")
        assert repository.waiting_behind(job) == [experiment]
        assert repository.claim_row("experiment", experiment, "host:2") is not None

    def test_a_draft_is_never_due(self, repository: Repository, config: ExperimentConfig) -> None:
        draft = repository.create_experiment(config, draft=True)
        assert repository.claim(TRAIN, "host:1") is None
        repository.resume(draft)
        assert repository.claim(TRAIN, "host:1") is not None

    def test_a_worker_learns_of_wishes_when_it_renews_and_when_it_looks(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        row_id = repository.create_experiment(config)
        claim = repository.claim(TRAIN, "host:1")
        assert claim is not None
        assert (repository.renew(claim), repository.wish(claim)) == (Wish.GO_ON, Wish.GO_ON)
        repository.request(row_id, DesiredState.PAUSE)
        assert (repository.renew(claim), repository.wish(claim)) == (Wish.PAUSE, Wish.PAUSE)
        repository.request(row_id, DesiredState.CANCEL)
        assert (repository.renew(claim), repository.wish(claim)) == (Wish.CANCEL, Wish.CANCEL)

    def test_a_lease_that_is_renewed_never_expires(self, repository: Repository, config: ExperimentConfig) -> None:
        repository.create_experiment(config)
        claim = repository.claim(TRAIN, "host:1")
        assert claim is not None
        first, _ = lease(repository, claim)
        with contextlib.closing(open_record(replace(repository.settings, lease_seconds=600.0))) as patient:
            assert patient.renew(claim) is Wish.GO_ON
        eventually(lambda: now(repository) > first)
        assert repository.expire_leases() == []
        until, heartbeat = lease(repository, claim)
        assert (until - heartbeat).total_seconds() == pytest.approx(600.0)


class TestCrashes:
    def crash(self, repository: Repository) -> Claim:
        claim = repository.claim(TRAIN, "host:1")
        assert claim is not None
        eventually(repository.expire_leases)
        return claim

    def test_a_lease_that_runs_out_is_shown_as_a_crash_and_queued_on_a_later_tick(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        row_id = repository.create_experiment(config)
        self.crash(repository)
        detail = repository.experiment(row_id)
        assert detail.summary.status is Status.CRASHED
        assert "host:1" in (detail.summary.message or "")
        assert detail.attempts[0].reason == "crashed"
        with contextlib.closing(open_record(replace(repository.settings, reap_seconds=600.0))) as patient:
            assert patient.requeue_crashed() == [], "a person must be able to see the crash first"
        eventually(repository.requeue_crashed)
        assert status_of(repository, row_id) is Status.QUEUED
        assert row_id in repository.republish()

    def test_the_worker_that_lost_its_lease_can_write_nothing_any_more(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        row_id = repository.create_experiment(config)
        lost = self.crash(repository)
        assert repository.renew(lost) is Wish.LOST
        assert repository.wish(lost) is Wish.LOST
        assert not repository.release(lost, Status.SUCCEEDED, "finished")
        assert status_of(repository, row_id) is Status.CRASHED

    def test_after_max_retries_it_stays_crashed_until_a_person_resumes_it(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        row_id = repository.create_experiment(config)
        for _ in range(repository.settings.max_retries):
            self.crash(repository)
            eventually(repository.requeue_crashed)
        self.crash(repository)
        time.sleep(3 * repository.settings.reap_seconds)
        assert repository.requeue_crashed() == []
        assert status_of(repository, row_id) is Status.CRASHED
        repository.resume(row_id)
        assert repository.claim(TRAIN, "host:1") is not None

    @pytest.mark.parametrize(
        ("wish", "rest"), [(DesiredState.PAUSE, Status.PAUSED), (DesiredState.CANCEL, Status.CANCELLED)]
    )
    def test_a_crash_after_a_wish_to_stop_ends_as_the_person_wished(
        self, repository: Repository, config: ExperimentConfig, wish: DesiredState, rest: Status
    ) -> None:
        row_id = repository.create_experiment(config)
        assert repository.claim(TRAIN, "host:1") is not None
        repository.request(row_id, wish)
        eventually(repository.expire_leases)
        eventually(repository.requeue_crashed)
        assert status_of(repository, row_id) is rest

    def test_a_job_and_a_sample_wait_again_and_fail_after_max_retries(self, repository: Repository) -> None:
        job = repository.request_simulation({"name": "quick"})
        for _ in range(repository.settings.max_retries):
            assert repository.claim(TRAIN, "host:1") is not None
            eventually(repository.expire_leases)
            assert repository.job(job).status is JobStatus.QUEUED
        assert repository.claim(TRAIN, "host:1") is not None
        eventually(repository.expire_leases)
        assert repository.job(job).status is JobStatus.FAILED

    def test_a_running_experiment_without_steps_is_stalled_and_keeps_its_lease(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        row_id = repository.create_experiment(config)
        claim = repository.claim(TRAIN, "host:1")
        assert claim is not None
        assert repository.move_claimed(claim, Status.RUNNING)
        eventually(lambda: repository.renew(claim) is Wish.GO_ON and repository.mark_stalled())
        assert status_of(repository, row_id) is Status.STALLED


class TestMessages:
    def messages(self, settings: Settings) -> int:
        return len(list(message_folder(settings).glob("*.msg")))

    def test_a_row_is_there_even_when_the_broker_is_not(
        self, settings: Settings, config: ExperimentConfig, tmp_path: Path
    ) -> None:
        settings.home.mkdir(exist_ok=True)
        settings.broker_folder.write_text("a file where the broker's folder should be")
        repository = open_record(settings)
        row_id = repository.create_experiment(config)
        assert status_of(repository, row_id) is Status.QUEUED
        settings.broker_folder.unlink()
        assert row_id in repository.republish()
        assert self.messages(settings) == 1
        repository.close()

    def test_a_message_that_was_just_sent_is_not_sent_again(
        self, repository: Repository, settings: Settings, config: ExperimentConfig
    ) -> None:
        row_id = repository.create_experiment(config)
        with contextlib.closing(open_record(replace(repository.settings, republish_seconds=600.0))) as patient:
            assert patient.republish() == []
        eventually(repository.republish)
        assert self.messages(settings) == 2
        assert repository.republish(all_waiting=True) == [row_id]

    def test_messages_that_come_twice_start_it_once(self, repository: Repository, config: ExperimentConfig) -> None:
        row_id = repository.create_experiment(config)
        for _ in range(3):
            repository.publish(TRAIN, row_id)
        claims = [repository.claim(TRAIN, f"host:{i}") for i in range(4)]
        assert [claim is not None for claim in claims] == [True, False, False, False]

    def test_a_message_carries_the_id_and_nothing_else(
        self, repository: Repository, settings: Settings, config: ExperimentConfig
    ) -> None:
        row_id = repository.create_experiment(config)
        (file,) = message_folder(settings).glob("*.train.msg")
        text = file.read_text()
        assert '"task": "focus.train"' in text
        assert f"['{row_id}']" in text
        assert config.experiment.name not in text

    def test_no_half_written_message_is_ever_where_consumers_look(
        self, repository: Repository, settings: Settings, config: ExperimentConfig
    ) -> None:
        repository.create_experiment(config)
        assert list((settings.broker_folder / "outbox").glob("*/*.msg")) == []
        assert self.messages(settings) == 1


class TestTransitions:
    def test_every_pair_of_states_moves_exactly_when_the_contract_has_it(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        row_id = repository.create_experiment(config, draft=True)
        for before, after in itertools.product(Status, Status):
            put_in(repository, row_id, before)
            token = repository.change_token(row_id)
            moves = after in TRANSITIONS[before]
            with repository.writing() as session:
                if moves:
                    assert move(session, Experiment, row_id, [before], after, "test") == before
                else:
                    with pytest.raises(ValueError, match="is not a transition"):
                        move(session, Experiment, row_id, [before], after, "test")
            assert status_of(repository, row_id) is (after if moves else before)
            assert repository.change_token(row_id) == token + moves
            newest = repository.events(row_id)[0]
            assert ((newest.before, newest.after) == (before, after)) is moves

    def test_every_pair_of_job_states_too(self, repository: Repository) -> None:
        job = repository.request_simulation({"name": "quick"})
        for before, after in itertools.product(JobStatus, JobStatus):
            with repository.writing() as session:
                session.execute(update(Job).where(Job.id == job).values(status=before))
            with repository.writing() as session:
                if after in JOB_TRANSITIONS[before]:
                    assert move(session, Job, job, [before], after, "test") == before
                else:
                    with pytest.raises(ValueError, match="is not a transition"):
                        move(session, Job, job, [before], after, "test")

    def test_a_state_that_changed_meanwhile_is_not_overwritten(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        row_id = repository.create_experiment(config)
        repository.request(row_id, DesiredState.CANCEL)
        with repository.writing() as session:
            assert move(session, Experiment, row_id, [Status.QUEUED], Status.STARTING, "test") is None
        assert status_of(repository, row_id) is Status.CANCELLED


class TestWishes:
    def test_a_waiting_run_is_paused_and_cancelled_at_once(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        row_id = repository.create_experiment(config)
        repository.request(row_id, DesiredState.PAUSE)
        assert status_of(repository, row_id) is Status.PAUSED
        repository.request(row_id, DesiredState.CANCEL)
        assert status_of(repository, row_id) is Status.CANCELLED
        assert repository.claim(TRAIN, "host:1") is None

    def test_a_finished_run_cannot_be_stopped(self, repository: Repository, config: ExperimentConfig) -> None:
        row_id = repository.create_experiment(config)
        put_in(repository, row_id, Status.SUCCEEDED)
        with pytest.raises(UserError, match="nothing to pause"):
            repository.request(row_id, DesiredState.PAUSE)

    def test_resume_during_a_pause_takes_the_wish_back(self, repository: Repository, config: ExperimentConfig) -> None:
        row_id = repository.create_experiment(config)
        claim = repository.claim(TRAIN, "host:1")
        assert claim is not None
        repository.request(row_id, DesiredState.PAUSE)
        repository.move_claimed(claim, Status.PAUSING)
        repository.resume(row_id)
        assert repository.experiment(row_id).summary.desired_state is DesiredState.RUN
        assert repository.release(claim, Status.QUEUED, "stopped")
        assert status_of(repository, row_id) is Status.QUEUED

    def test_a_row_that_is_handed_back_keeps_its_place_and_is_published_again(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        first = repository.create_experiment(config)
        repository.create_experiment(config)
        claim = repository.claim(TRAIN, "host:1")
        assert claim is not None
        repository.release(claim, Status.QUEUED, "stopped")
        assert first in repository.republish()
        again = repository.claim(TRAIN, "host:2")
        assert again is not None
        assert (again.id, again.attempt) == (first, 2)

    def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_by_a_wish(self, repository: Repository) -> None:
        waiting = repository.request_simulation({"name": "a"})
        repository.cancel_job(waiting)
        assert repository.job(waiting).status is JobStatus.CANCELLED
        running = repository.request_simulation({"name": "b"})
        claim = repository.claim(TRAIN, "host:1")
        assert claim is not None
        repository.cancel_job(running)
        assert repository.renew(claim) is Wish.CANCEL
        repository.release(claim, JobStatus.CANCELLED, "stopped")
        repository.resume_job(running)
        again = repository.claim(TRAIN, "host:1")
        assert again is not None
        assert repository.wish(again) is Wish.GO_ON

    def test_the_sampling_lane_never_takes_a_training(self, repository: Repository, config: ExperimentConfig) -> None:
        repository.create_experiment(config)
        assert repository.claim(SAMPLE, f"host:{os.getpid()}") is None
