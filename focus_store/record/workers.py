"""What workers write besides their leases: heartbeats, progress, datasets, results of samples."""

from __future__ import annotations

import datetime

from sqlalchemy import delete, select, update

from focus_store.contracts import WorkerRow
from focus_store.database.session import Gateway, database_now
from focus_store.database.tables import Worker
from focus_store.record.rows import worker_row

# What a worker reports anew with every heartbeat.
BEATEN = ("slot", "message", "memory_used", "memory_total", "utilisation")


class Workers(Gateway):
    """Workers by their heartbeats."""

    def beat(self, worker: WorkerRow) -> None:
        """Show that a worker is alive; its row appears with its first heartbeat."""
        with self.writing() as session:
            now = database_now(session)
            if (row := session.get(Worker, worker.id)) is not None:
                row.heartbeat_at = now
                for name in BEATEN:
                    setattr(row, name, getattr(worker, name))
                return
            columns = {name: getattr(worker, name) for name in ("host", "lane", "pid", "device", *BEATEN)}
            session.add(Worker(id=worker.id, current=worker.current, started_at=now, heartbeat_at=now, **columns))

    def set_current(self, worker_id: str, current: str | None) -> None:
        with self.writing() as session:
            session.execute(update(Worker).where(Worker.id == worker_id).values(current=current))

    def sign_off(self, worker_id: str) -> None:
        """A worker that ends in order deletes its row."""
        with self.writing() as session:
            session.execute(delete(Worker).where(Worker.id == worker_id))

    def forget_dead(self) -> list[str]:
        """Drop workers that have been silent for ten leases."""
        with self.writing() as session:
            old = database_now(session) - datetime.timedelta(seconds=10 * self.settings.lease_seconds)
            ids = list(session.scalars(select(Worker.id).where(Worker.heartbeat_at < old)))
            session.execute(delete(Worker).where(Worker.id.in_(ids)))
        return ids

    def every(self) -> list[WorkerRow]:
        """Workers of the record, lost ones too: they are forgotten after ten leases."""
        with self.reading() as session:
            now = database_now(session)
            rows = session.scalars(select(Worker).order_by(Worker.lane, Worker.id)).all()
        return [worker_row(row, (now - row.heartbeat_at).total_seconds(), self.settings) for row in rows]
