"""The record: what happened in a laboratory, by nouns.

Each part is a gateway that is given what it needs and knows nothing of the others; `open_record` is the only place
that knows all of them. A function takes the gateway that it uses, or the record if it uses several.
"""

from __future__ import annotations

from dataclasses import dataclass

from focus_store.database.session import Database
from focus_store.files.artifacts import ArtifactFolder
from focus_store.files.remote import RemoteFolder
from focus_store.files.run_uploads import RunCopies
from focus_store.journal.ingest import Journal
from focus_store.queue import Publisher
from focus_store.record.curves import Curves
from focus_store.record.datasets import Datasets
from focus_store.record.disk import Disk
from focus_store.record.drafts import Drafts
from focus_store.record.experiments import Experiments
from focus_store.record.figures import Figures
from focus_store.record.findings import RunFindings
from focus_store.record.forms import Forms
from focus_store.record.jobs import Jobs
from focus_store.record.laboratory import Laboratory
from focus_store.record.lanes import Lanes
from focus_store.record.leases import Leases
from focus_store.record.notes import Notes
from focus_store.record.nudges import Queue
from focus_store.record.samples import Samples
from focus_store.record.slots import Slots
from focus_store.record.workers import Workers
from focus_store.settings import Settings


@dataclass(frozen=True)
class Record:
    """Safe to share between threads; after a fork, call `close(forked=True)` in the child."""

    settings: Settings
    database: Database
    artifacts: ArtifactFolder
    run_copies: RunCopies | None  # in the artifact store, if there is one
    experiments: Experiments
    drafts: Drafts
    notes: Notes
    forms: Forms
    curves: Curves
    figures: Figures
    samples: Samples
    jobs: Jobs
    findings: RunFindings
    datasets: Datasets
    disk: Disk
    journal: Journal
    queue: Queue
    lanes: Lanes
    leases: Leases
    workers: Workers
    slots: Slots
    laboratory: Laboratory

    def close(self, *, forked: bool = False) -> None:
        """Close every connection; the next use opens new ones."""
        self.database.close(forked=forked)


def open_record(settings: Settings) -> Record:
    """The record of these settings. Opens nothing yet; the first use refuses a database of another revision."""
    database = Database(settings)
    remote = RemoteFolder(settings.artifact_url) if settings.artifact_url else None
    artifacts, run_copies = ArtifactFolder(settings.artifact_root, remote), RunCopies(remote) if remote else None
    queue, leases, workers = Queue(database, Publisher(settings)), Leases(database), Workers(database)
    jobs, disk = Jobs(database, queue), Disk(database, artifacts, run_copies)
    return Record(
        settings=settings,
        database=database,
        artifacts=artifacts,
        run_copies=run_copies,
        experiments=Experiments(database, queue),
        drafts=Drafts(database, queue),
        notes=Notes(database),
        forms=Forms(database),
        curves=Curves(database),
        figures=Figures(database),
        samples=Samples(database, queue, leases),
        jobs=jobs,
        findings=RunFindings(database, jobs, artifacts),
        datasets=Datasets(database, jobs, disk),
        disk=disk,
        journal=Journal(database, artifacts),
        queue=queue,
        lanes=Lanes(database, workers),
        leases=leases,
        workers=workers,
        slots=Slots(database),
        laboratory=Laboratory(database, workers),
    )
