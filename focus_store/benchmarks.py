"""Benchmarks of a run's samplers: asking a worker for one, and what the newest found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from focus_core.errors import UserError
from focus_store.artifacts import StoredFile
from focus_store.contracts import JobRow, JobStatus
from focus_store.ingest import note_artifact
from focus_store.queue import TRAIN
from focus_store.requests import PERSON, Requests, free_id
from focus_store.results import job_row
from focus_store.session import add_event, database_now
from focus_store.tables import Checkpoint, Event, Experiment, Job
from focus_store.transitions import touch, unknown_experiment

# A kind of job, of event (whose `after` is the artifact's digest) and of artifact.
BENCHMARK = "sampler_benchmark"
UNDER_WAY = (JobStatus.QUEUED, JobStatus.RUNNING)
# Jobs count thousandths of the work, which are network evaluations in the end.
_PARTS = 1000


class Benchmarks(Requests):
    def request_benchmark(self, experiment_id: str, *, maps: int = 4) -> str:
        """Ask a worker to measure every sampler of a run, with so many maps at each held-out θ; the job's id.

        One that waits or runs answers this request too; one that was stopped goes on. UserError without a checkpoint.
        """
        with self.writing() as session:
            name = session.scalar(select(Experiment.name).where(Experiment.id == experiment_id))
            if name is None:
                raise unknown_experiment(session, experiment_id)
            if session.scalar(select(Checkpoint.sha256).where(Checkpoint.experiment == experiment_id).limit(1)) is None:
                raise UserError(f"experiment {experiment_id}: has no checkpoint yet; the first epoch writes one.")
            newest = _newest_job(session, experiment_id)
            if newest is not None and newest.status in UNDER_WAY:
                return newest.id
            job_id, now = free_id(session, Job), database_now(session)
            arguments = {"experiment": experiment_id, "name": name, "maps": maps}
            plain: dict[str, Any] = {"id": job_id, "kind": BENCHMARK, "title": f"Samplers of {name}"}
            session.add(
                Job(arguments=arguments, status=JobStatus.QUEUED, total=_PARTS, created_at=now, queued_at=now, **plain)
            )
            add_event(session, job_id, "status", PERSON, after=JobStatus.QUEUED)
        self.publish(TRAIN, job_id)
        return job_id

    def benchmark_job(self, experiment_id: str) -> JobRow | None:
        """The newest."""
        with self.reading() as session:
            row = _newest_job(session, experiment_id)
            return None if row is None else job_row(row)

    def note_benchmark(self, experiment_id: str, file: StoredFile, who: str) -> None:
        """`file` is the result.json of `focus benchmark samplers`; it takes the place of an older one on the page."""
        with self.writing() as session:
            note_artifact(session, file, BENCHMARK)
            if benchmark_digest(session, experiment_id) != file.digest:
                add_event(session, experiment_id, BENCHMARK, who, after=file.digest)
                touch(session, experiment_id)

    def benchmark_result(self, experiment_id: str) -> str | None:
        """Digest of the newest result, for `benchmark_found`."""
        with self.reading() as session:
            return benchmark_digest(session, experiment_id)

    def benchmark_found(self, digest: str) -> Mapping[str, Any]:
        plain = json.loads(self.artifact_folder.read(digest))
        if not isinstance(plain, dict) or plain.get("kind") != BENCHMARK:
            raise UserError(f"artifact {digest}: is not a benchmark of samplers.")
        return plain


def benchmark_digest(session: Session, experiment_id: str) -> str | None:
    query = select(Event.after).where(Event.subject == experiment_id, Event.kind == BENCHMARK)
    return session.scalar(query.order_by(Event.id.desc()).limit(1))


def _newest_job(session: Session, experiment_id: str) -> Job | None:
    query = select(Job).where(Job.kind == BENCHMARK).order_by(Job.created_at.desc(), Job.id)
    return next((job for job in session.scalars(query) if job.arguments.get("experiment") == experiment_id), None)
