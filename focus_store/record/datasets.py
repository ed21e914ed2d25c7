"""Datasets of the record: requests to add one, the results of its survey, and the runs that use it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from focus_core.catalogue.job_kinds.dataset_check import DATASET_CHECK
from focus_core.catalogue.jobs import DATASET, JobKind, job_kinds
from focus_core.config.experiment import with_split_seed_of_its_time
from focus_core.errors import UserError
from focus_store.contracts import JOB_UNDER_WAY, UNDER_WAY, DatasetRow, JobRow, Status
from focus_store.database.session import Database, Gateway, add_event, database_now, hold, insert_replacing
from focus_store.database.tables import Artifact, Dataset, Event, Experiment, Job
from focus_store.database.transitions import unknown
from focus_store.files.artifacts import StoredFile
from focus_store.journal.ingest import note_artifact
from focus_store.record.dataset_identity import (
    KnownDataset,
    is_there,
    name_of_content,
    refuse_known_path,
    refuse_other_content,
    remove_links,
    same_place,
)
from focus_store.record.disk import Disk, survey_digests, unreferred, write_note
from focus_store.record.jobs import Admitted, Jobs
from focus_store.record.notes import PERSON
from focus_store.record.rows import dataset_row, job_row
from focus_store.settings import Settings

ADD = DATASET_CHECK.name
REMOVED = "dataset removed"  # a kind of event, whose subject is the dataset's name
DATASETS = "datasets"  # held while one is added or removed


@dataclass(frozen=True)
class DatasetUse:
    """An experiment on a dataset, and the digest that its trainer found there (None before its first start)."""

    id: str
    name: str
    status: Status
    digest: str | None
    split_seed: int = 0
    train_split: float = 0.9


class Datasets(Gateway):
    """Datasets that were checked, each under one permanent name."""

    def __init__(self, database: Database, requests: Jobs, disk: Disk) -> None:
        super().__init__(database)
        self._requests = requests
        self._disk = disk

    def request(
        self,
        name: str,
        path: str,
        *,
        params: str | None = None,
        space: str | None = None,
        box: float | None = None,
        depth: float | None = None,
        stored_as: str | None = None,
        independent: bool | None = None,
    ) -> str:
        """Request a check of the dataset at `path`, its measurement and its entry as `name`; returns the job's id.

        `box` and `depth` of a slab are in Mpc/h; None leaves a fact to the files. A check of the same name that
        is queued or running answers this request too. UserError for an invalid name or one that
        another dataset has; KnownDataset for a path that is in the record under another name.
        """
        arguments = {"name": name, "path": path, "params": params, "space": space, "box": box}
        later = {"depth": depth, "stored_as": stored_as, "independent": independent or None}
        arguments |= {key: value for key, value in later.items() if value is not None}
        return self._requests.request(ADD, arguments)

    def get(self, name: str) -> DatasetRow:
        with self.reading() as session:
            row = session.get(Dataset, name)
        if row is None:
            raise unknown("dataset", name)
        return dataset_row(row)

    def register_survey(
        self, columns: Mapping[str, Any], survey: Mapping[str, Any], files: Sequence[tuple[StoredFile, str]]
    ) -> None:
        """Add or replace a dataset with the results of its survey; `files` are the artifacts that `survey` names.

        KnownDataset for a content that the record has under another name (`name_for` finds it earlier), and UserError
        for other content under the name of missing files.
        """
        name, digest = str(columns["name"]), str(columns["digest"])
        with self.writing() as session:
            hold(session, DATASETS)
            other = name_of_content(session, name, digest, survey)
            if other != name:
                raise KnownDataset(
                    f"path: holds the dataset '{other}', which has moved; add it under that name.", other
                )
            for file, kind in files:
                note_artifact(session, file, kind)
            now = database_now(session)
            values = dict(columns) | {"survey": dict(survey), "checked_at": now}
            row = session.get(Dataset, name)
            if row is None:
                session.add(Dataset(created_at=now, **values))
                return
            refuse_other_content(row, str(columns["path"]), digest, survey)
            for name, value in values.items():
                setattr(row, name, value)

    def name_for(self, columns: Mapping[str, Any], survey: Mapping[str, Any]) -> str:
        """The name under which a survey is entered: its own, or that of the same content, which has moved."""
        with self.reading() as session:
            return name_of_content(session, str(columns["name"]), str(columns["digest"]), survey)

    def jobs(self, kinds: Sequence[str] | None = None) -> list[JobRow]:
        """For each dataset name the newest job that makes or checks it, newest first; or of these kinds alone."""
        about = [name for name, kind in job_kinds().items() if kind.subject == DATASET]
        query = select(Job).where(Job.kind.in_(about if kinds is None else kinds))
        query = query.order_by(Job.created_at.desc(), Job.id)
        with self.reading() as session:
            rows = [job_row(row) for row in session.scalars(query)]
        newest: dict[str, JobRow] = {}
        for row in rows:
            newest.setdefault(str(row.arguments.get("name")), row)
        return list(newest.values())

    def uses(self, dataset: DatasetRow) -> list[DatasetUse]:
        """Experiments whose configuration names this dataset or its files, newest first; archived ones too."""
        files = set((dataset.survey or {}).get("files", {}))
        called = {dataset.name, Path(dataset.path).stem, *(Path(file).stem for file in files)}
        query = select(Experiment).where(Experiment.dataset.in_(called)).order_by(Experiment.created_at.desc())
        with self.reading() as session:
            rows = session.scalars(query).all()
        return [
            DatasetUse(
                row.id,
                row.name,
                Status(row.status),
                used_digest(row.environment),
                int(with_split_seed_of_its_time(row.config)["data"]["split_seed"]),
                float(row.config["data"]["train_split"]),
            )
            for row in rows
            if _names(row.config.get("data", {}), dataset, files)
        ]

    def every(self) -> list[DatasetRow]:
        with self.reading() as session:
            rows = session.scalars(select(Dataset).order_by(Dataset.name)).all()
        return [dataset_row(row) for row in rows]

    def register(self, dataset: Mapping[str, Any]) -> None:
        """Add or replace a dataset; keys are the columns of the table, except `created_at`."""
        with self.writing() as session:
            values = dict(dataset) | {"created_at": database_now(session)}
            session.execute(insert_replacing(session, Dataset, ["name"], values))

    def refuse_in_use(self, dataset: DatasetRow) -> None:
        """UserError with the names of what is queued or running on it."""
        users = [f"{use.name} ({use.id})" for use in self.uses(dataset) if use.status in UNDER_WAY]
        with self.reading() as session:
            for job in session.scalars(select(Job).where(Job.status.in_(JOB_UNDER_WAY))):
                if job.arguments.get("name") == dataset.name:
                    users.append(job.title)
        if users:
            raise UserError(
                f"dataset {dataset.name}: is needed by {', '.join(users)}; wait for that or stop it before the "
                "dataset is removed."
            )

    def remove(self, name: str) -> None:
        """Delete its row, its pictures and its link in the laboratory's folder; files elsewhere are kept."""
        self._disk.sweep_trash()
        note = self._disk.trash / f"{name}-{uuid.uuid4().hex[:8]}.json"
        self.refuse_in_use(self.get(name))
        with self.writing() as session:
            hold(session, DATASETS)
            row = session.get(Dataset, name)
            if row is None:
                raise unknown("dataset", name)
            path, artifacts = row.path, _take_out(session, row)
            plain = {"artifacts": [artifact.path for artifact in artifacts]}
            write_note(note, json.dumps(plain) + "\n")
            session.execute(delete(Artifact).where(Artifact.sha256.in_([a.sha256 for a in artifacts])))
            add_event(session, name, REMOVED, PERSON, message=f"its files stay at {path}")
        remove_links(self.settings.datasets / name)
        self._disk.empty(note, plain)

    def removed(self) -> set[str]:
        """Names removed from the record: folders of the laboratory are then not registered again by themselves."""
        with self.reading() as session:
            taken = set(session.scalars(select(Event.subject).where(Event.kind == REMOVED)))
            return taken - set(session.scalars(select(Dataset.name)))


def admit_check(session: Session, settings: Settings, kind: JobKind, arguments: Mapping[str, Any]) -> Admitted:
    """A check of the same name answers the request; a name or path that is taken is refused."""
    name, path, params = str(arguments["name"]), str(arguments["path"]), arguments["params"]
    hold(session, DATASETS)
    _check_free(session, settings, name, path)
    refuse_known_path(session, name, path, params)
    for job in session.scalars(select(Job).where(Job.kind == kind.name, Job.status.in_(JOB_UNDER_WAY))):
        if job.arguments["name"] == name:
            return Admitted(arguments, job.id)
        if same_place(path, job.arguments["path"]) and params == job.arguments.get("params"):
            other = str(job.arguments["name"])
            raise KnownDataset(f"path: {path} is being checked as '{other}' at this moment.", other)
    return Admitted(arguments)


def _check_free(session: Session, settings: Settings, name: str, path: str) -> None:
    """A name always means one dataset: experiments refer to it. One that has moved is recognised by its content."""
    known = session.get(Dataset, name)
    if known is not None and not is_there(known) and Path(path).expanduser().exists():
        return
    home = settings.datasets / name
    places = {known.path, str(home)} | set((known.survey or {}).get("files", {})) if known else {str(home)}
    taken = known is not None or home.exists()
    if taken and not any(same_place(path, place) for place in places):
        raise UserError(f"name: '{name}' is the dataset at {known.path if known else home}; choose another name.")


def used_digest(environment: Mapping[str, Any] | None) -> str | None:
    """The digest of the data that a run's trainer opened, from its environment.json."""
    found = ((environment or {}).get("dataset") or {}).get("digest")
    return None if found is None else str(found)


def _names(data: Mapping[str, Any], dataset: DatasetRow, files: set[str]) -> bool:
    named = data.get("dataset")
    if named is None:
        return str(data.get("maps_path")) in files
    return named == dataset.name or same_place(str(named), dataset.path)


def _take_out(session: Session, row: Dataset) -> list[Artifact]:
    """Delete the row; returns the artifacts that are no longer referenced."""
    mine = set(survey_digests(row.survey))
    session.delete(row)
    session.flush()
    return unreferred(session, mine)
