"""Disk use of experiments, and their deletion.

Deletion has three steps: the plan is noted in a file under home/trash, the rows are deleted in one transaction, then
the files. A process killed in between leaves at most unreferenced files; the note lists them, and the next sweep
deletes them. A row never names a file that was deleted.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from focus_core.disk.atomic import write_text
from focus_core.errors import UserError
from focus_core.paths import measured_folder
from focus_core.run_files import Part, part_of
from focus_store.contracts import JOB_UNDER_WAY, UNDER_WAY, JobStatus, Status
from focus_store.database.session import Database, Gateway, add_event
from focus_store.database.tables import Artifact, Dataset, Event, Experiment, Figure, Job, Measurement, SampleRequest
from focus_store.database.transitions import DELETED, unknown_experiment
from focus_store.files.artifacts import ArtifactFolder
from focus_store.files.run_uploads import RunCopies
from focus_store.record.findings import finding_digests
from focus_store.record.notes import PERSON

log = logging.getLogger(__name__)

# Runs that start from another's weights and have not read them yet.
_NOT_YET_READ = (Status.QUEUED, Status.STARTING)


@dataclass(frozen=True)
class DiskUse:
    """Bytes of one experiment's run folder on this machine, by part."""

    id: str
    name: str
    status: Status
    parts: Mapping[Part, int]  # all parts

    @property
    def total(self) -> int:
        return sum(self.parts.values())


@dataclass(frozen=True)
class Freed:
    """Space freed by deleting experiments: their run folders, and artifacts that nothing else refers to."""

    run_folder: int
    artifacts: int
    n_artifacts: int
    n_samples: int

    @property
    def total(self) -> int:
        return self.run_folder + self.artifacts


class Disk(Gateway):
    """Bytes on this machine, and what a deletion frees."""

    def __init__(self, database: Database, artifacts: ArtifactFolder, run_copies: RunCopies | None) -> None:
        super().__init__(database)
        self._artifacts = artifacts
        self._run_copies = run_copies

    def use(self) -> list[DiskUse]:
        """Every experiment, archived ones too, largest first."""
        with self.reading() as session:
            rows = session.execute(select(Experiment.id, Experiment.name, Experiment.status)).all()
        uses = [_use(self.settings.run_folder(i), i, name, Status(status)) for i, name, status in rows]
        return sorted(uses, key=lambda use: (-use.total, use.id))

    def shared(self) -> dict[str, int]:
        """Bytes besides the run folders: `datasets` that are here and measurements of any, and `artifacts`."""
        with self.reading() as session:
            artifacts = session.scalar(select(func.coalesce(func.sum(Artifact.bytes), 0)))
        datasets = folder_bytes(self.settings.datasets) + folder_bytes(measured_folder(self.settings.home))
        return {"datasets": datasets, "artifacts": int(artifacts or 0)}

    def would_free(self, *experiment_ids: str) -> Freed:
        """What deleting all of these would free now; artifacts shared only among them are freed with the last."""
        with self.reading() as session:
            for experiment_id in experiment_ids:
                if session.get(Experiment, experiment_id) is None:
                    raise unknown_experiment(session, experiment_id)
            sizes = [artifact.bytes for artifact in _only_of(session, *experiment_ids)]
            samples = len(session.scalars(_samples_of(*experiment_ids)).all())
        folders = sum(folder_bytes(self.settings.run_folder(one)) for one in experiment_ids)
        return Freed(folders, sum(sizes), len(sizes), samples)

    def refuse_busy(self, experiment_id: str) -> None:
        """UserError with the reason for which `delete_experiment` would refuse now."""
        with self.reading() as session:
            row = session.get(Experiment, experiment_id)
            if row is None:
                raise unknown_experiment(session, experiment_id)
            _refuse_busy(session, row)

    def delete(self, experiment_id: str) -> Freed:
        """Delete rows, run folder and artifacts that nothing else refers to. UserError while it runs or is queued."""
        self.sweep_trash()
        freed = self.would_free(experiment_id)
        note = self.trash / f"{experiment_id}-{uuid.uuid4().hex[:8]}.json"
        with self.writing() as session:
            row = session.get(Experiment, experiment_id)
            if row is None:
                raise unknown_experiment(session, experiment_id)
            _refuse_busy(session, row)
            artifacts = _only_of(session, experiment_id)
            plain = {"experiment": experiment_id, "artifacts": [a.path for a in artifacts]}
            write_note(note, json.dumps(plain) + "\n")
            _delete_rows(session, row, [a.sha256 for a in artifacts])
            message = f"{row.name}{DELETED} {freed.total} bytes were freed"
            add_event(session, experiment_id, "remark", PERSON, message=message)
        self.empty(note, plain)
        return freed

    def sweep_trash(self) -> None:
        """Finish interrupted deletions: delete what their notes list, unless the rows still exist."""
        for note in sorted(self.trash.glob("*.json")):
            try:
                plain = json.loads(note.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue  # another process swept it
            self.empty(note, plain)

    @property
    def trash(self) -> Path:
        return self.settings.home / "trash"

    def empty(self, note: Path, plain: Mapping[str, Any]) -> None:
        """Delete the files of one note. Its rows are checked again: the transaction may not have been committed."""
        aside = note.with_suffix(".run")
        with self.writing() as session:  # on SQLite no new reference to an artifact can be made while we hold the lock
            experiment = plain.get("experiment")  # None for a dataset, whose files stay
            if experiment is None or session.get(Experiment, experiment) is None:
                if experiment is not None:
                    self._put_aside(experiment, aside)
                for path in plain["artifacts"]:
                    if session.scalar(select(Artifact.sha256).where(Artifact.path == path)) is None:
                        self._artifacts.remove(path)
        if aside.exists():
            shutil.rmtree(aside)
        note.unlink(missing_ok=True)

    def _put_aside(self, experiment_id: str, aside: Path) -> None:
        folder = self.settings.run_folder(experiment_id)
        if folder.is_symlink():
            folder.unlink()  # a run that was imported in place: its own folder belongs to its owner
        elif folder.exists():
            folder.replace(aside)
        if self._run_copies is not None:
            self._run_copies.remove(experiment_id)


def folder_bytes(folder: Path) -> int:
    """Bytes of every file in it; a folder that is only linked frees nothing."""
    return 0 if folder.is_symlink() else sum(size for _, size in _files(folder))


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """(path relative to the folder, bytes) of every file; links count as themselves."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            try:
                yield str(path.relative_to(folder)), path.lstat().st_size
            except FileNotFoundError:
                continue  # replaced by a trainer meanwhile


def write_note(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def _use(folder: Path, experiment_id: str, name: str, status: Status) -> DiskUse:
    parts = dict.fromkeys(Part, 0)
    for path, size in _files(folder):
        parts[part_of(path)] += size
    return DiskUse(experiment_id, name, status, parts)


def _refuse_busy(session: Session, row: Experiment) -> None:
    if row.status in UNDER_WAY or row.lease_token is not None:
        raise UserError(f"experiment {row.id}: is {row.status}; stop it before it is deleted.")
    if (use := _use_of(session, row)) is not None:
        raise UserError(f"experiment {row.id}: {use}, before it is deleted.")


def _use_of(session: Session, row: Experiment) -> str | None:
    """What reads the experiment's files now or soon, and what to do about it; None if nothing does."""
    samples = select(SampleRequest).where(
        SampleRequest.experiment == row.id, SampleRequest.status.in_(JOB_UNDER_WAY)
    )  # fmt: skip
    if (sample := session.scalars(samples.order_by(SampleRequest.status.desc())).first()) is not None:
        if sample.status == JobStatus.QUEUED:
            return f"{sample.n} maps wait to be drawn from it (request {sample.id}); cancel them on the page Workers"
        return f"{sample.n} maps are being drawn from it (request {sample.id}); wait until they are done"
    for job in session.scalars(select(Job).where(Job.status.in_(JOB_UNDER_WAY)).order_by(Job.created_at)):
        if job.arguments.get("experiment") == row.id:
            doing = "waits" if job.status == JobStatus.QUEUED else "runs"
            return f"the job {job.title!r} ({job.id}), which reads it, {doing}; cancel it on the page Workers"
    begin = select(Experiment).where(Experiment.parent == row.id, Experiment.status.in_(_NOT_YET_READ))
    for child in session.scalars(begin):
        if child.config["training"].get("init_from") == row.id:
            return f"{child.name} ({child.id}) is about to begin with its weights; wait or stop that"
    return None


def _delete_rows(session: Session, row: Experiment, artifacts: list[str]) -> None:
    """The experiment with everything that belongs to it, unless it was claimed meanwhile; children lose the link."""
    session.execute(update(Experiment).where(Experiment.parent == row.id).values(parent=None))
    gone = session.execute(
        delete(Experiment).where(
            Experiment.id == row.id, Experiment.status == row.status, Experiment.lease_token.is_(None)
        ),
        execution_options={"synchronize_session": False},
    )
    assert isinstance(gone, CursorResult)
    if gone.rowcount != 1:
        raise UserError(f"experiment {row.id}: was started a moment ago; stop it before it is deleted.")
    session.execute(delete(Artifact).where(Artifact.sha256.in_(artifacts)))
    session.expunge(row)


def _samples_of(*experiment_ids: str):  # type: ignore[no-untyped-def]  # an SQL expression, whose type says nothing
    return select(SampleRequest.id).where(SampleRequest.experiment.in_(experiment_ids))


def _only_of(session: Session, *experiment_ids: str) -> list[Artifact]:
    """Artifacts of these experiments that no other experiment, sample or dataset refers to."""
    mine = set(_digests(session, experiment_ids, mine=True))
    return unreferred(session, mine, experiment_ids)


def unreferred(session: Session, digests: set[str], beside: Collection[str] = ()) -> list[Artifact]:
    """Those artifacts of `digests` that no row refers to, ignoring the experiments `beside`."""
    if not digests:
        return []
    left = digests.difference(_digests(session, beside, mine=False))
    return [artifact for artifact in session.scalars(select(Artifact)) if artifact.sha256 in left]


def survey_digests(survey: Mapping[str, Any] | None) -> Iterator[str]:
    found = survey or {}
    yield from filter(None, (found.get("arrays"), *(digest for _, digest in found.get("sheets", []))))


def _digests(session: Session, experiment_ids: Collection[str], *, mine: bool) -> Iterator[str]:
    """Every digest that rows of these experiments refer to, or rows of anything else."""
    of = (lambda column: column.in_(experiment_ids)) if mine else (lambda column: column.not_in(experiment_ids))
    for thumbnail, truth in session.execute(
        select(Experiment.thumbnail, Experiment.truth_arrays).where(of(Experiment.id))
    ):
        yield from filter(None, (thumbnail, truth))
    figures = select(Figure.real_tiles, Figure.generated_tiles, Figure.arrays).where(of(Figure.experiment))
    for real, generated, arrays in session.execute(figures):
        yield from real
        yield from (tile for row in generated for tile in row)
        yield from filter(None, (arrays,))
    yield from filter(None, session.scalars(select(Measurement.artifact).where(of(Measurement.experiment))))
    for tiles, result in session.execute(
        select(SampleRequest.tiles, SampleRequest.result).where(of(SampleRequest.experiment))
    ):
        yield from tiles
        yield from filter(None, (result,))
    yield from finding_digests(session, of(Event.subject))
    if not mine:
        for survey in session.scalars(select(Dataset.survey)):
            yield from survey_digests(survey)
