"""The queue of waiting rows: a row's message is sent after its commit, and again if it may be lost."""

from __future__ import annotations

import datetime

from sqlalchemy import literal, or_, select, update

from focus_core.catalogue.jobs import SAMPLE, TRAIN, job_kind, job_kinds
from focus_store.database.session import Database, Gateway, database_now
from focus_store.database.tables import Experiment, Job, SampleRequest
from focus_store.database.transitions import LeasedRow
from focus_store.queue import Publisher
from focus_store.record.leases import TABLES


class Queue(Gateway):
    """Nudges for workers. The row is the truth: a lost or duplicated message does no harm."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        super().__init__(database)
        self.publisher = publisher

    def publish(self, lane: str, row_id: str) -> None:
        """Send the nudge of a committed row and note when."""
        if self.publisher.publish(lane, row_id):
            with self.writing() as session:
                now = database_now(session)
                for table in (SampleRequest, Job) if lane == SAMPLE else (Experiment, Job):
                    session.execute(update(table).where(table.id == row_id).values(published_at=now))

    def republish(self, *, all_waiting: bool = False) -> list[str]:
        """Publish waiting rows whose message was never sent, or so long ago that it may be lost."""
        sent = []
        for lane, row_id in self._unpublished(all_waiting):
            self.publish(lane, row_id)
            sent.append(row_id)
        return sent

    def _unpublished(self, all_waiting: bool) -> list[tuple[str, str]]:
        with self.reading() as session:
            old = database_now(session) - datetime.timedelta(seconds=self.settings.republish_seconds)
            found: list[tuple[str, str]] = []
            for table in TABLES.values():
                named = Job.kind if table is Job else literal("")
                query = select(table.id, named).where(table.status == "queued")
                if table is Job:  # one that this version does not know waits for another
                    query = query.where(Job.kind.in_(list(job_kinds())))
                if not all_waiting:
                    query = query.where(or_(table.published_at.is_(None), table.published_at < old))
                for row_id, kind in session.execute(query.order_by(table.queued_at)):
                    found.append((_lane(table, kind), row_id))
        return found


def _lane(table: LeasedRow, kind: str) -> str:
    if table is Job:
        return job_kind(kind).lane
    return SAMPLE if table is SampleRequest else TRAIN
