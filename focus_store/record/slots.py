"""GPU slots: one training run at a time per GPU. A training worker holds its GPU's slot under a lease, like a run.

Samplers hold none, so that drawing maps never waits for hours of training.
"""

from __future__ import annotations

import datetime
import secrets

from sqlalchemy import CursorResult, or_, select, update

from focus_store.database.session import Gateway, database_now, insert_ignoring
from focus_store.database.tables import GpuSlot


class Slots(Gateway):
    """GPUs, each held by one training worker at a time."""

    def take(self, slot: str, host: str, device: str, owner: str) -> str | None:
        """The token of a free slot, or of one whose holder has been silent for a lease; otherwise None.

        Of any number of simultaneous requests, one succeeds: a single conditional UPDATE decides.
        """
        token = secrets.token_hex(8)
        with self.writing() as session:
            session.execute(insert_ignoring(session, GpuSlot).values(id=slot, host=host, device=device))
            now = database_now(session)
            taken = session.execute(
                update(GpuSlot)
                .where(GpuSlot.id == slot, or_(GpuSlot.lease_token.is_(None), GpuSlot.lease_until < now))
                .values(host=host, device=device, lease_token=token, lease_owner=owner, lease_until=now + self._slot)
            )
            assert isinstance(taken, CursorResult)
            return token if taken.rowcount == 1 else None

    def keep(self, slot: str, token: str) -> bool:
        """Renew the lease; False if another worker now has the slot."""
        with self.writing() as session:
            kept = session.execute(
                update(GpuSlot)
                .where(GpuSlot.id == slot, GpuSlot.lease_token == token)
                .values(lease_until=database_now(session) + self._slot)
            )
            assert isinstance(kept, CursorResult)
            return kept.rowcount == 1

    def leave(self, slot: str, token: str) -> None:
        with self.writing() as session:
            session.execute(
                update(GpuSlot)
                .where(GpuSlot.id == slot, GpuSlot.lease_token == token)
                .values(lease_token=None, lease_owner=None, lease_until=None)
            )

    def holder(self, slot: str) -> str | None:
        """The id of the worker that holds it."""
        with self.reading() as session:
            return session.scalar(select(GpuSlot.lease_owner).where(GpuSlot.id == slot))

    @property
    def _slot(self) -> datetime.timedelta:
        return datetime.timedelta(seconds=self.settings.lease_seconds)
