"""Jobs of every kind: asking for one, stopping it, letting it go on. The row first, its message afterwards.

What a kind is, `focus_core.catalogue.jobs` says; here is what is true of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from focus_core.catalogue.by_path import load
from focus_core.catalogue.jobs import SAMPLE, JobKind, job_kind
from focus_core.errors import UserError
from focus_store.contracts import JobRow, JobStatus
from focus_store.notes import PERSON, Notes
from focus_store.results import job_row
from focus_store.session import add_event, database_now, hold, new_id
from focus_store.settings import Settings
from focus_store.tables import Experiment, Job, SampleRequest
from focus_store.transitions import move

UNDER_WAY = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True)
class Admitted:
    """What a request becomes: the arguments of a new job, or the job that answers it already."""

    arguments: Mapping[str, Any]
    answered_by: str | None = None


class Jobs(Notes):
    def request_job(self, kind_name: str, arguments: Mapping[str, Any]) -> str:
        """Ask a worker for a job; its id, or that of one under way that answers the request too.

        UserError names the argument that cannot be.
        """
        kind = job_kind(kind_name)
        plain = kind.check(arguments)
        with self.writing() as session:
            hold(session, f"{kind.name} {plain[kind.subject]}")
            admitted: Admitted = load(kind.admit)(session, self.settings, kind, plain)
            if admitted.answered_by is not None:
                return admitted.answered_by
            job_id = _add(session, kind, admitted.arguments)
        self.publish(kind.lane, job_id)
        return job_id

    def cancel_job(self, job_id: str) -> None:
        """Stop a job: at once when it waits, within seconds when it runs. What it has made so far stays."""
        with self.writing() as session:
            now = database_now(session)
            if not move(session, Job, job_id, [JobStatus.QUEUED], JobStatus.CANCELLED, PERSON, ended_at=now):
                session.execute(update(Job).where(Job.id == job_id).values(cancel=True))

    def resume_job(self, job_id: str) -> None:
        """Queue a cancelled or failed job again; it goes on where it stopped."""
        with self.writing() as session:
            now = database_now(session)
            moved = move(
                session, Job, job_id, [JobStatus.CANCELLED, JobStatus.FAILED], JobStatus.QUEUED, PERSON,
                cancel=False, queued_at=now, published_at=None, ended_at=None, retries=0,
            )  # fmt: skip
            kind = session.scalar(select(Job.kind).where(Job.id == job_id))
        if moved and kind is not None:
            self.publish(job_kind(kind).lane, job_id)

    def newest_job(self, kind_name: str, subject: str) -> JobRow | None:
        """The newest job of a kind about a dataset or an experiment."""
        kind = job_kind(kind_name)
        query = select(Job).where(Job.kind == kind.name).order_by(Job.created_at.desc(), Job.id)
        with self.reading() as session:
            rows = session.scalars(query)
            return next((job_row(row) for row in rows if row.arguments.get(kind.subject) == subject), None)

    def publish(self, lane: str, row_id: str) -> None:
        """Send the nudge of a committed row and note when."""
        if self.publisher.publish(lane, row_id):
            with self.writing() as session:
                now = database_now(session)
                for table in (SampleRequest, Job) if lane == SAMPLE else (Experiment, Job):
                    session.execute(update(table).where(table.id == row_id).values(published_at=now))


def admit(session: Session, settings: Settings, kind: JobKind, arguments: Mapping[str, Any]) -> Admitted:
    """One job of a kind about one thing at a time: an equal request is answered by it, another one is refused."""
    subject = arguments[kind.subject]
    job = under_way(session, kind, subject)
    if job is None or job.arguments == arguments:
        return Admitted(arguments, None if job is None else job.id)
    raise UserError(
        f"{kind.subject}: '{subject}' {kind.words.under_way} with other settings; choose another {kind.subject}, or "
        f"cancel {kind.noun} that is under way."
    )


def under_way(session: Session, kind: JobKind, subject: str) -> Job | None:
    """The job of a kind about `subject` that waits or runs."""
    query = select(Job).where(Job.kind == kind.name, Job.status.in_(UNDER_WAY)).order_by(Job.created_at)
    return next((job for job in session.scalars(query) if job.arguments.get(kind.subject) == subject), None)


def free_id(session: Session, table: type[Experiment] | type[Job] | type[SampleRequest]) -> str:
    while session.get(table, candidate := new_id()) is not None:
        pass
    return candidate


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
