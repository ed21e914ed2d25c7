"""Taking a dataset out of the record. Its files stay, and so do the numbers of the experiments that used it."""

from __future__ import annotations

import json
import uuid

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from focus_core.errors import UserError
from focus_store.contracts import ACTIVE, DatasetRow, Status
from focus_store.dataset_identity import remove_links
from focus_store.datasets import DATASETS, Datasets
from focus_store.disk import Disk, survey_digests, unreferred, write_note
from focus_store.jobs import UNDER_WAY
from focus_store.requests import PERSON
from focus_store.session import add_event, hold
from focus_store.tables import Artifact, Dataset, Event, Job
from focus_store.transitions import unknown

REMOVED = "dataset removed"  # a kind of event, whose subject is the dataset's name


class DatasetRemoval(Datasets, Disk):
    def refuse_dataset_in_use(self, dataset: DatasetRow) -> None:
        """UserError with the names of what waits or runs on it."""
        users = [f"{use.name} ({use.id})" for use in self.uses(dataset) if use.status in ACTIVE | {Status.QUEUED}]
        with self.reading() as session:
            for job in session.scalars(select(Job).where(Job.status.in_(UNDER_WAY))):
                if job.arguments.get("name") == dataset.name:
                    users.append(job.title)
        if users:
            raise UserError(
                f"dataset {dataset.name}: is needed by {', '.join(users)}; wait for that or stop it before the "
                "dataset is removed."
            )

    def remove_dataset(self, name: str) -> None:
        """Its row, its pictures and its link in the laboratory's folder go; files that lie anywhere stay."""
        self.sweep_trash()
        note = self.trash / f"{name}-{uuid.uuid4().hex[:8]}.json"
        self.refuse_dataset_in_use(self.dataset(name))
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
        self.empty(note, plain)

    def removed_datasets(self) -> set[str]:
        """Names that somebody took out of the record: a folder of the laboratory's does not come back by itself."""
        with self.reading() as session:
            taken = set(session.scalars(select(Event.subject).where(Event.kind == REMOVED)))
            return taken - set(session.scalars(select(Dataset.name)))


def _take_out(session: Session, row: Dataset) -> list[Artifact]:
    """Delete the row; the artifacts that nothing refers to any more."""
    mine = set(survey_digests(row.survey))
    session.delete(row)
    session.flush()
    return unreferred(session, mine)
