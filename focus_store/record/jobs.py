"""Jobs of every kind: requesting, stopping and resuming one. The row first, its message afterwards.

Kinds are defined in `focus_core.catalogue.jobs`; this module has what all of them share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from focus_core.catalogue.by_path import load
from focus_core.catalogue.job_kinds.simulation import SIMULATION
from focus_core.catalogue.jobs import JobKind, job_kind
from focus_core.errors import UserError
from focus_store.contracts import JOB_UNDER_WAY, Claim, JobRow, JobStatus, Status
from focus_store.database.session import Database, Gateway, add_event, database_now, free_id, hold
from focus_store.database.tables import Experiment, Job
from focus_store.database.transitions import move, unknown
from focus_store.record.notes import PERSON
from focus_store.record.nudges import Queue
from focus_store.record.rows import job_row
from focus_store.settings import Settings


@dataclass(frozen=True)
class Admitted:
    """The result of a request: the arguments of a new job, or the existing job that answers it."""

    arguments: Mapping[str, Any]
    answered_by: str | None = None


class Jobs(Gateway):
    """Work besides training and sampling; its kinds are defined in the catalogue."""

    def __init__(self, database: Database, queue: Queue) -> None:
        super().__init__(database)
        self._queue = queue

    def request(self, kind_name: str, arguments: Mapping[str, Any]) -> str:
        """Request a job; returns its id, or that of one under way that answers the request too.

        UserError names the invalid argument.
        """
        kind = job_kind(kind_name)
        plain = kind.check(arguments)
        with self.writing() as session:
            hold(session, f"{kind.name} {plain[kind.subject]}")
            admitted: Admitted = load(kind.admit)(session, self.settings, kind, plain)
            if admitted.answered_by is not None:
                return admitted.answered_by
            job_id = _add(session, kind, admitted.arguments)
        self._queue.publish(kind.lane, job_id)
        return job_id

    def cancel(self, job_id: str) -> None:
        """Stop a job: at once if it is queued, within seconds if it is running. Its partial result is kept."""
        with self.writing() as session:
            now = database_now(session)
            if not move(session, Job, job_id, [JobStatus.QUEUED], JobStatus.CANCELLED, PERSON, ended_at=now):
                session.execute(update(Job).where(Job.id == job_id).values(cancel=True))

    def resume(self, job_id: str) -> None:
        """Queue a cancelled or failed job again; it continues where it stopped."""
        with self.writing() as session:
            now = database_now(session)
            moved = move(
                session, Job, job_id, [JobStatus.CANCELLED, JobStatus.FAILED], JobStatus.QUEUED, PERSON,
                cancel=False, queued_at=now, published_at=None, ended_at=None, retries=0,
            )  # fmt: skip
            kind = session.scalar(select(Job.kind).where(Job.id == job_id))
        if moved and kind is not None:
            self._queue.publish(job_kind(kind).lane, job_id)

    def newest(self, kind_name: str, subject: str) -> JobRow | None:
        """The newest job of a kind about a dataset or an experiment."""
        kind = job_kind(kind_name)
        query = select(Job).where(Job.kind == kind.name).order_by(Job.created_at.desc(), Job.id)
        with self.reading() as session:
            rows = session.scalars(query)
            return next((job_row(row) for row in rows if row.arguments.get(kind.subject) == subject), None)

    def every(self, active_only: bool = False) -> list[JobRow]:
        query = select(Job).order_by(Job.created_at.desc(), Job.id)
        if active_only:
            query = query.where(Job.status.in_(JOB_UNDER_WAY))
        with self.reading() as session:
            return [job_row(row) for row in session.scalars(query)]

    def get(self, job_id: str) -> JobRow:
        with self.reading() as session:
            row = session.get(Job, job_id)
            if row is None:
                raise unknown("job", job_id)
            return job_row(row)

    def set_progress(self, claim: Claim, done: int, total: int) -> None:
        with self.writing() as session:
            session.execute(
                update(Job).where(Job.id == claim.id, Job.lease_token == claim.token).values(done=done, total=total)
            )

    def waiting_behind(self, job_id: str) -> list[str]:
        """Experiments that became due when this job ended."""
        with self.reading() as session:
            return list(
                session.scalars(
                    select(Experiment.id).where(Experiment.after_job == job_id, Experiment.status == Status.QUEUED)
                )
            )

    def request_simulation(self, arguments: Mapping[str, Any]) -> str:
        """Request a suite: `name`, and what `focus simulate` takes (simulations, grid, box, seed, realisations, space).

        UserError names the invalid argument. A suite under way answers an equal request too, and keeps
        its name from another one: two simulations would write into one folder.
        """
        return self.request(SIMULATION.name, arguments)


def admit(session: Session, settings: Settings, kind: JobKind, arguments: Mapping[str, Any]) -> Admitted:
    """One job of a kind about one subject at a time: it answers an equal request, and a different one is refused."""
    subject = arguments[kind.subject]
    job = under_way(session, kind, subject)
    if job is None or job.arguments == arguments:
        return Admitted(arguments, None if job is None else job.id)
    raise UserError(
        f"{kind.subject}: '{subject}' {kind.words.under_way} with other settings; choose another {kind.subject}, or "
        f"cancel {kind.noun} that is under way."
    )


def under_way(session: Session, kind: JobKind, subject: str) -> Job | None:
    """The queued or running job of a kind about `subject`."""
    query = select(Job).where(Job.kind == kind.name, Job.status.in_(JOB_UNDER_WAY)).order_by(Job.created_at)
    return next((job for job in session.scalars(query) if job.arguments.get(kind.subject) == subject), None)


def _add(session: Session, kind: JobKind, arguments: Mapping[str, Any]) -> str:
    job_id, now = free_id(session, Job), database_now(session)
    session.add(
        Job(
            id=job_id,
            kind=kind.name,
            title=kind.title(arguments),
            arguments=dict(arguments),
            status=JobStatus.QUEUED,
            total=kind.total(arguments),
            created_at=now,
            queued_at=now,
        )
    )
    add_event(session, job_id, "status", PERSON, after=JobStatus.QUEUED)
    return job_id
