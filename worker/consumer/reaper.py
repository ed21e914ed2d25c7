"""The reaper: finds rows whose worker vanished, rows whose message was lost, and journals not yet read.

It runs in every worker and in the launcher. Everything it does is a compare-and-set, so several do no harm.
"""

from __future__ import annotations

import datetime
import logging
import socket
import threading

from sqlalchemy.exc import DBAPIError

from focus_core.errors import UserError
from focus_store.files.remote import StoreAway
from focus_store.record.record import Record

log = logging.getLogger(__name__)

# A trainer that lost its supervisor has saved its checkpoint and ended long before that.
_LAST_WORDS = datetime.timedelta(hours=1)


class Reaper(threading.Thread):
    """Ticks every `reap_seconds` until `ended` is set."""

    def __init__(self, record: Record, ended: threading.Event) -> None:
        super().__init__(name="reaper", daemon=True)
        self._record = record
        self._ended = ended
        self._journals = LastWords(record)

    def run(self) -> None:
        while not self._ended.wait(self._record.settings.reap_seconds):
            try:
                tick(self._record)
                self._journals.read()
            except (DBAPIError, UserError) as error:
                log.warning("the reaper could not reach the record (%s)", error)


def tick(record: Record) -> None:
    """One pass. Earlier crashes are queued again before new ones are found, so that a crash is always shown."""
    for row_id in record.leases.requeue_crashed():
        log.info("%s continues after its crash", row_id)
    for row_id in record.leases.expire():
        log.warning("%s lost its worker", row_id)
    for row_id in record.leases.mark_stalled():
        log.warning("%s makes no steps", row_id)
    record.workers.forget_dead()
    record.queue.republish()


class LastWords:
    """Reads what trainers wrote after their supervisor was killed, for runs that no further attempt will read.

    The first pass covers every inactive run, later ones those that ended recently.
    """

    def __init__(self, record: Record) -> None:
        self._record, self._host = record, socket.gethostname()
        self._within: datetime.timedelta | None = None
        self._seen: dict[str, int] = {}  # bytes of each journal when it was last read; a torn last line stays unread

    def read(self) -> None:
        for row_id, size in self._record.journal.unread_at_rest(self._host, self._within).items():
            if self._seen.get(row_id) != size:
                self._read(row_id)
                self._seen[row_id] = size
        self._within = _LAST_WORDS

    def _read(self, row_id: str) -> None:
        try:
            taken = self._record.journal.ingest_at_rest(row_id, self._record.settings.run_folder(row_id))
        except StoreAway:
            raise  # the next pass tries again
        except UserError as error:  # the journal was edited
            log.error("%s: %s", row_id, error)
            return
        if taken:
            log.info("%s: %d lines that its trainer wrote without a supervisor were read", row_id, taken)
