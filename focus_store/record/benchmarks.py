"""Benchmarks of a run's samplers: asking a worker for one, and what the newest found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from focus_core.catalogue.job_kinds.sampler_benchmark import SAMPLER_BENCHMARK
from focus_core.catalogue.jobs import JobKind
from focus_core.errors import UserError
from focus_store.contracts import JobRow
from focus_store.database.session import Database, Gateway, add_event
from focus_store.database.tables import Checkpoint, Event, Experiment
from focus_store.database.transitions import touch, unknown_experiment
from focus_store.files.artifacts import ArtifactFolder, StoredFile
from focus_store.journal.ingest import note_artifact
from focus_store.record.jobs import Admitted, Jobs, under_way
from focus_store.settings import Settings

# A kind of job, of event (whose `after` is the artifact's digest) and of artifact.
BENCHMARK = SAMPLER_BENCHMARK.name


class Benchmarks(Gateway):
    """What was measured of a run's samplers."""

    def __init__(self, database: Database, jobs: Jobs, artifacts: ArtifactFolder) -> None:
        super().__init__(database)
        self._jobs = jobs
        self._artifacts = artifacts

    def request(self, experiment_id: str, *, maps: int = 4) -> str:
        """Ask a worker to measure every sampler of a run, with so many maps at each held-out θ; the job's id.

        One that waits or runs answers this request too; one that was stopped goes on. UserError without a checkpoint.
        """
        return self._jobs.request(BENCHMARK, {"experiment": experiment_id, "maps": maps})

    def job(self, experiment_id: str) -> JobRow | None:
        """The newest."""
        return self._jobs.newest(BENCHMARK, experiment_id)

    def note(self, experiment_id: str, file: StoredFile, who: str) -> None:
        """`file` is the result.json of `focus benchmark samplers`; it takes the place of an older one on the page."""
        with self.writing() as session:
            note_artifact(session, file, BENCHMARK)
            if benchmark_digest(session, experiment_id) != file.digest:
                add_event(session, experiment_id, BENCHMARK, who, after=file.digest)
                touch(session, experiment_id)

    def newest(self, experiment_id: str) -> str | None:
        """Digest of the newest result, for `benchmark_found`."""
        with self.reading() as session:
            return benchmark_digest(session, experiment_id)

    def found(self, digest: str) -> Mapping[str, Any]:
        plain = json.loads(self._artifacts.read(digest))
        if not isinstance(plain, dict) or plain.get("kind") != BENCHMARK:
            raise UserError(f"artifact {digest}: is not a benchmark of samplers.")
        return plain


def benchmark_digest(session: Session, experiment_id: str) -> str | None:
    query = select(Event.after).where(Event.subject == experiment_id, Event.kind == BENCHMARK)
    return session.scalar(query.order_by(Event.id.desc()).limit(1))


def admit_benchmark(session: Session, settings: Settings, kind: JobKind, arguments: Mapping[str, Any]) -> Admitted:
    """A benchmark under way answers every request for its run; a run without checkpoint has nothing to measure."""
    experiment_id = str(arguments["experiment"])
    name = session.scalar(select(Experiment.name).where(Experiment.id == experiment_id))
    if name is None:
        raise unknown_experiment(session, experiment_id)
    if session.scalar(select(Checkpoint.sha256).where(Checkpoint.experiment == experiment_id).limit(1)) is None:
        raise UserError(f"experiment {experiment_id}: has no checkpoint yet; the first epoch writes one.")
    job = under_way(session, kind, experiment_id)
    return Admitted({**arguments, "name": name}, None if job is None else job.id)
