"""Results of jobs about a run: requesting such a job, and its newest result."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from focus_core.catalogue.by_path import load
from focus_core.catalogue.jobs import Finding, JobKind, finding_kinds, job_kind
from focus_core.catalogue.samplers import drawing_refusal
from focus_core.errors import UserError
from focus_store.contracts import JobRow
from focus_store.database.session import Database, Gateway, add_event
from focus_store.database.tables import Checkpoint, Event, Experiment
from focus_store.database.transitions import touch, unknown_experiment
from focus_store.files.artifacts import ArtifactFolder, StoredFile
from focus_store.journal.ingest import note_artifact
from focus_store.record.jobs import Admitted, Jobs, under_way
from focus_store.settings import Settings


class RunFindings(Gateway):
    """The kind of a job is also that of its event, whose `after` is the artifact's digest, and of its artifact."""

    def __init__(self, database: Database, jobs: Jobs, artifacts: ArtifactFolder) -> None:
        super().__init__(database)
        self._jobs = jobs
        self._artifacts = artifacts

    def request(self, kind: str, experiment_id: str, **arguments: Any) -> str:
        """Request such a job; returns its id.

        A queued or running one answers this request too; a stopped one continues. UserError without a checkpoint.
        """
        return self._jobs.request(kind, {"experiment": experiment_id, **arguments})

    def job(self, kind: str, experiment_id: str) -> JobRow | None:
        """The newest job of the kind."""
        return self._jobs.newest(kind, experiment_id)

    def note(self, kind: str, experiment_id: str, files: Mapping[str, StoredFile], who: str) -> None:
        """`files` by name, the result and the files beside it; they replace older ones on the page."""
        finds = job_kind(kind).finds
        assert finds is not None
        listed = self._listed(kind, finds, files)
        with self.writing() as session:
            if listed:
                touch(session, experiment_id, **listed)
            for name, file in files.items():
                event = kind if name == finds.result else _beside(kind, name)
                note_artifact(session, file, kind)
                if _digest(session, event, experiment_id) != file.digest:
                    add_event(session, experiment_id, event, who, after=file.digest)
                    touch(session, experiment_id)

    def _listed(self, kind: str, finds: Finding, files: Mapping[str, StoredFile]) -> dict[str, Any]:
        """Columns of the experiment that its list shows."""
        if not finds.listed or finds.result not in files:
            return {}
        columns: dict[str, Any] = load(finds.listed)(self.found(kind, files[finds.result].digest))
        return columns

    def newest(self, kind: str, experiment_id: str, beside: str | None = None) -> str | None:
        """Digest of the newest result, for `found`, or of the newest file `beside` it."""
        with self.reading() as session:
            return _digest(session, _beside(kind, beside) if beside else kind, experiment_id)

    def found(self, kind: str, digest: str) -> Mapping[str, Any]:
        plain = json.loads(self._artifacts.read(digest))
        if not isinstance(plain, dict) or plain.get("kind") != kind:
            raise UserError(f"artifact {digest}: is not what {job_kind(kind).noun} of a run finds.")
        return plain


def finding_digests(session: Session, of: ColumnElement[bool]) -> Iterator[str]:
    """Digests of all such artifacts of the matching runs."""
    kinds = [event for name in finding_kinds() for event in _events(name)]
    yield from filter(None, session.scalars(select(Event.after).where(Event.kind.in_(kinds), of)))


def _events(kind: str) -> Collection[str]:
    finds = job_kind(kind).finds
    return [kind, *(_beside(kind, name) for name in (finds.beside if finds else ()))]


def _beside(kind: str, name: str) -> str:
    return f"{kind} {name}"


def _digest(session: Session, event: str, experiment_id: str) -> str | None:
    query = select(Event.after).where(Event.subject == experiment_id, Event.kind == event)
    return session.scalar(query.order_by(Event.id.desc()).limit(1))


def admit_finding(session: Session, settings: Settings, kind: JobKind, arguments: Mapping[str, Any]) -> Admitted:
    """A job of the kind under way answers every request for its run. UserError for a run that cannot be sampled."""
    experiment_id = str(arguments["experiment"])
    experiment = session.get(Experiment, experiment_id)
    if experiment is None:
        raise unknown_experiment(session, experiment_id)
    if session.scalar(select(Checkpoint.sha256).where(Checkpoint.experiment == experiment_id).limit(1)) is None:
        raise UserError(f"experiment {experiment_id}: has no checkpoint yet; the first epoch writes one.")
    refusal = drawing_refusal(experiment.config, arguments.get("sampler"), arguments.get("steps"))
    if refusal is not None:
        raise UserError(f"{refusal[0]}: {refusal[1]} (experiment {experiment_id}).")
    job = under_way(session, kind, experiment_id)
    return Admitted({**arguments, "name": experiment.name}, None if job is None else job.id)
