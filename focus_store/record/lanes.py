"""Queued work, where it is and why: the two lanes, the workers heard from recently, and failures."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from focus_core.catalogue.jobs import job_kind, kinds_in
from focus_store.contracts import ACTIVE, JOB_UNDER_WAY, JobStatus, Life, Status, WorkerRow
from focus_store.database.session import Database, Gateway, database_now
from focus_store.database.tables import Dataset, Event, Experiment, Job, SampleRequest
from focus_store.queue import SAMPLE, TRAIN
from focus_store.record.workers import Workers

LANE_WORDS = {TRAIN: "training", SAMPLE: "sampling"}
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class LaneEntry:
    """An item that runs in a lane (position 0) or is queued in it (from 1), and why it waits."""

    id: str
    kind: str  # "experiment" | "job" | "sample"
    title: str
    status: str
    position: int
    seconds: float | None  # since it started, or since it was queued
    reason: str = ""
    owner: str | None = None
    experiment: str | None = None  # the one whose page shows it
    job_kind: str | None = None


@dataclass(frozen=True)
class Failure:
    """The last message of something that failed."""

    id: str
    kind: str
    title: str
    message: str
    ended_at: datetime.datetime
    experiment: str | None = None


@dataclass(frozen=True)
class HeldBack:
    """What a queued experiment waits for besides a worker."""

    reason: str
    job: str
    job_status: JobStatus


@dataclass(frozen=True)
class _Waiting:
    entry: LaneEntry
    priority: int
    queued_at: datetime.datetime
    blocked_by: str | None


class Lanes(Gateway):
    """What is running and queued in each lane, and why; what failed."""

    def __init__(self, database: Database, workers: Workers) -> None:
        super().__init__(database)
        self._workers = workers

    def entries(self, lane: str) -> list[LaneEntry]:
        """What is running, then what is queued, in the order of execution, each with its reason."""
        workers = [w for w in self._workers.every() if w.lane == lane and w.life is not Life.LOST]
        with self.reading() as session:
            now = database_now(session)
            running = _running(session, lane, now)
            waiting = _waiting(session, lane, now)
        waiting.sort(key=lambda w: (w.blocked_by is not None, -w.priority, w.queued_at, w.entry.id))
        return running + _with_reasons(running, waiting, workers, lane)

    def held_back(self, experiment_id: str) -> HeldBack | None:
        """Why a queued experiment is not due although workers are free, and the job that would bring what it needs."""
        with self.reading() as session:
            run = session.get(Experiment, experiment_id)
            reason = None if run is None else _held_back(session, run)
            job = session.get(Job, run.after_job) if run is not None and reason is not None else None
            return None if reason is None or job is None else HeldBack(reason, job.id, JobStatus(job.status))

    def failures(self, days: float = 30.0) -> list[Failure]:
        """Every failure and crash, including those resumed since, newest first; archived experiments are left out."""
        with self.reading() as session:
            since = database_now(session) - datetime.timedelta(days=days)
            found = _failures_that_happened(session, since)
            told = {failure.id for failure in found}
            resting = [*_failed_experiments(session, since), *_failed_jobs(session, since)]
            resting += _failed_samples(session, since)
            found += [failure for failure in resting if failure.id not in told]  # an imported run had no events here
        return sorted(found, key=lambda failure: failure.ended_at, reverse=True)


def _running(session: Session, lane: str, now: datetime.datetime) -> list[LaneEntry]:
    jobs = select(Job).where(Job.status == JobStatus.RUNNING, Job.kind.in_(kinds_in(lane)))
    entries = [_job_entry(job, now, job.started_at) for job in session.scalars(jobs)]
    if lane == TRAIN:
        runs = select(Experiment).where(Experiment.status.in_(list(ACTIVE)))
        entries += [_experiment_entry(run, now, run.started_at) for run in session.scalars(runs)]
    else:
        samples = select(SampleRequest).where(SampleRequest.status == JobStatus.RUNNING)
        entries += [_sample_entry(session, row, now, row.started_at) for row in session.scalars(samples)]
    return sorted(entries, key=lambda entry: -(entry.seconds or 0.0))


def _waiting(session: Session, lane: str, now: datetime.datetime) -> list[_Waiting]:
    jobs = session.scalars(select(Job).where(Job.status == JobStatus.QUEUED, Job.kind.in_(kinds_in(lane))))
    found = [_Waiting(_job_entry(j, now, j.queued_at), j.priority, j.queued_at or _EPOCH, None) for j in jobs]
    if lane == TRAIN:
        for run in session.scalars(select(Experiment).where(Experiment.status == Status.QUEUED)):
            entry = _experiment_entry(run, now, run.queued_at)
            found.append(_Waiting(entry, run.priority, run.queued_at or _EPOCH, _held_back(session, run)))
        return found
    for row in session.scalars(select(SampleRequest).where(SampleRequest.status == JobStatus.QUEUED)):
        entry = _sample_entry(session, row, now, row.queued_at)
        found.append(_Waiting(entry, row.priority, row.queued_at or _EPOCH, None))
    return found


def _with_reasons(
    running: Sequence[LaneEntry], waiting: Sequence[_Waiting], workers: Sequence[WorkerRow], lane: str
) -> list[LaneEntry]:
    ahead = list(running)
    free = len(workers) - len(running)
    entries = []
    for position, row in enumerate(waiting, start=1):
        if not workers:
            reason = f"no {LANE_WORDS[lane]} worker lives"
        elif row.blocked_by is not None:
            reason = row.blocked_by
        elif all(worker.message for worker in workers):
            reason = str(workers[0].message)
        elif position <= free or not ahead:
            reason = "a worker takes it within seconds"
        else:
            reason = f"behind {ahead[-1].title}"
        entry = replace(row.entry, position=position, reason=reason)
        entries.append(entry)
        if row.blocked_by is None:
            ahead.append(entry)
    return entries


def _held_back(session: Session, run: Experiment) -> str | None:
    """What an experiment waits for, in words; None if nothing holds it back, by the same rule as for claims."""
    job = session.get(Job, run.after_job) if run.after_job else None
    if job is None or job.status == JobStatus.SUCCEEDED:
        return None
    if job.status in JOB_UNDER_WAY:
        kind = job_kind(job.kind)
        return f"after {kind.noun} {job.arguments.get(kind.subject)}" if kind.makes_dataset else f"after {job.title}"
    if session.get(Dataset, run.dataset) is not None:
        return None
    ended = "was cancelled" if job.status == JobStatus.CANCELLED else "failed"
    return f"waits for the dataset {run.dataset}, whose simulation {ended}"


def _since(now: datetime.datetime, moment: datetime.datetime | None) -> float | None:
    return None if moment is None else max(0.0, (now - moment).total_seconds())


def _experiment_entry(run: Experiment, now: datetime.datetime, moment: datetime.datetime | None) -> LaneEntry:
    return LaneEntry(
        run.id, "experiment", run.name, run.status, 0, _since(now, moment), owner=run.lease_owner, experiment=run.id
    )


def _job_entry(job: Job, now: datetime.datetime, moment: datetime.datetime | None) -> LaneEntry:
    seconds = _since(now, moment)
    return LaneEntry(
        job.id, "job", job.title, job.status, 0, seconds,
        owner=job.lease_owner, experiment=job.arguments.get("experiment"), job_kind=job.kind,
    )  # fmt: skip


def _sample_entry(
    session: Session, row: SampleRequest, now: datetime.datetime, moment: datetime.datetime | None
) -> LaneEntry:
    title = f"{row.n} map{'' if row.n == 1 else 's'}, {_name(session, row.experiment)}"
    return LaneEntry(
        row.id, "sample", title, row.status, 0, _since(now, moment), owner=row.lease_owner, experiment=row.experiment
    )


def _name(session: Session, experiment_id: str) -> str:
    return cast(str, session.scalar(select(Experiment.name).where(Experiment.id == experiment_id)))


def _failures_that_happened(session: Session, since: datetime.datetime) -> list[Failure]:
    """From the events, which remain when a run continues; deleted items are left out."""
    query = select(Event).where(
        Event.kind == "status", Event.after.in_([Status.FAILED, Status.CRASHED]), Event.time >= since
    )
    found = ((event, _subject(session, event.subject)) for event in session.scalars(query).all())
    return [
        replace(subject, message=event.message or "", ended_at=event.time)
        for event, subject in found
        if subject is not None
    ]


def _subject(session: Session, subject: str) -> Failure | None:
    """The item with this public id, as a failure without a message yet; None if it is deleted or archived."""
    if (run := session.get(Experiment, subject)) is not None:
        return None if run.archived_at is not None else _failed_run(run)
    if (job := session.get(Job, subject)) is not None:
        return _failed_job(job)
    if (row := session.get(SampleRequest, subject)) is not None:
        return _failed_sample(session, row)
    return None


def _failed_experiments(session: Session, since: datetime.datetime) -> list[Failure]:
    query = select(Experiment).where(
        Experiment.status.in_([Status.FAILED, Status.CRASHED]),
        Experiment.archived_at.is_(None),
        or_(Experiment.ended_at.is_(None), Experiment.ended_at >= since),
    )
    return [_failed_run(run) for run in session.scalars(query)]


def _failed_jobs(session: Session, since: datetime.datetime) -> list[Failure]:
    query = select(Job).where(Job.status == JobStatus.FAILED, Job.ended_at >= since)
    return [_failed_job(job) for job in session.scalars(query)]


def _failed_samples(session: Session, since: datetime.datetime) -> list[Failure]:
    query = select(SampleRequest).where(SampleRequest.status == JobStatus.FAILED, SampleRequest.ended_at >= since)
    return [_failed_sample(session, row) for row in session.scalars(query).all()]


def _failed_run(run: Experiment) -> Failure:
    return Failure(run.id, "experiment", run.name, run.message or "", run.ended_at or run.created_at, run.id)


def _failed_job(job: Job) -> Failure:
    ended = job.ended_at or job.created_at
    return Failure(job.id, "job", job.title, job.message or "", ended, job.arguments.get("experiment"))


def _failed_sample(session: Session, row: SampleRequest) -> Failure:
    title, ended = f"{row.n} maps, {_name(session, row.experiment)}", row.ended_at or row.created_at
    return Failure(row.id, "sample", title, row.message or "", ended, row.experiment)
