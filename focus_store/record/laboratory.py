"""The laboratory as a whole: what is running, queued and failed, and whether it has ever been used."""

from __future__ import annotations

from sqlalchemy import func, select

from focus_store.contracts import ACTIVE, LaboratoryState, Life, Status
from focus_store.database.session import Database, Gateway
from focus_store.database.tables import Dataset, Experiment, Job
from focus_store.record.workers import Workers


class Laboratory(Gateway):
    """The status line of every page."""

    def __init__(self, database: Database, workers: Workers) -> None:
        super().__init__(database)
        self._workers = workers

    def state(self) -> LaboratoryState:
        """Counts of experiments, and the workers that are not lost."""
        counts = select(Experiment.status, func.count()).where(Experiment.archived_at.is_(None))
        with self.reading() as session:
            by_status = {row[0]: row[1] for row in session.execute(counts.group_by(Experiment.status))}
        workers = tuple(worker for worker in self._workers.every() if worker.life is not Life.LOST)
        return LaboratoryState(
            running=sum(by_status.get(status, 0) for status in ACTIVE),
            queued=by_status.get(Status.QUEUED, 0),
            failed=by_status.get(Status.FAILED, 0) + by_status.get(Status.CRASHED, 0),
            workers=workers,
            heartbeat_age=min((max(0.0, w.heartbeat_age) for w in workers), default=None),
        )

    def is_empty(self) -> bool:
        """Whether this record was never used: no experiment, no dataset, no job."""
        with self.reading() as session:
            return not any(session.scalar(select(func.count()).select_from(t)) for t in (Experiment, Dataset, Job))
