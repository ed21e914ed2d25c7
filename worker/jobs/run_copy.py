"""Keeps the artifact store's copy of a run up to date during training; uploads take minutes and run in a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from sqlalchemy.exc import OperationalError

from focus_core.errors import UserError
from focus_core.run_files import LAST
from focus_store.contracts import Claim
from focus_store.files.remote import StoreAway
from focus_store.files.run_uploads import RunCopies
from focus_store.record.record import Record

_TRIES, _PAUSE_SECONDS = 120, 5.0
log = logging.getLogger(__name__)


def while_renewing(record: Record, claim: Claim, action: Callable[[], None]) -> None:
    """Run a slow action in a thread, and renew the lease meanwhile. Its exception is raised here."""
    with ThreadPoolExecutor(1, "run-copy") as threads:
        work = threads.submit(action)
        while wait([work], record.settings.heartbeat_seconds).not_done:
            try:
                record.leases.renew(claim)
            except OperationalError as error:
                log.warning("%s: the record cannot be reached (%s)", claim.id, error)
        work.result()


def patiently(action: Callable[[], object]) -> bool:
    """Retry for ten minutes while the record or the store is away; then give up, log it, and return False."""
    for _ in range(_TRIES):
        try:
            action()
            return True
        except (OperationalError, StoreAway) as error:
            log.warning("tried again in %g s: %s", _PAUSE_SECONDS, error)
            time.sleep(_PAUSE_SECONDS)
    log.error("given up after %g minutes", _TRIES * _PAUSE_SECONDS / 60)
    return False


def bring_here(record: Record, claim: Claim, folder: Path) -> None:
    """Before an attempt: fetch the run from the host that had it, if the store's copy is newer than ours.

    UserError if the store stays away: starting without it would lose a training run.
    """
    if (copies := record.run_copies) is None:
        return

    def fetch() -> None:
        if copies.is_behind(claim.id, folder):
            log.info("%s: its newest checkpoint comes from another host", claim.id)
            copies.fetch(claim.id, folder)
            record.journal.read_again(claim.id)

    def insist() -> None:
        if not patiently(fetch):
            raise UserError(f"the artifact store {record.settings.artifact_url}: cannot be reached; resume later.")

    while_renewing(record, claim, insist)


def settle(record: Record, claim: Claim, folder: Path) -> None:
    """After an attempt, before its end is reported: the record gets all of the journal, the store all of the folder."""

    def ingest() -> None:
        try:
            record.journal.ingest(claim.id, folder)
        except StoreAway:
            raise
        except UserError as error:  # the journal was edited
            log.error("%s: %s", claim.id, error)

    def finish() -> None:
        patiently(ingest)
        if (copies := record.run_copies) is not None:
            patiently(lambda: copies.upload(claim.id, folder))

    while_renewing(record, claim, finish)


class CopyKeeper:
    """The supervisor calls `look` in every turn: an upload begins with a new checkpoint, one at a time."""

    def __init__(self, copies: RunCopies | None, experiment_id: str, folder: Path) -> None:
        self._copies, self._id, self._folder = copies, experiment_id, folder
        self._thread: threading.Thread | None = None
        self._seen = self._stamp()

    def look(self) -> None:
        busy = self._thread is not None and self._thread.is_alive()
        if self._copies is None or busy or (stamp := self._stamp()) == self._seen:
            return
        self._seen = stamp
        self._thread = threading.Thread(target=self._upload, args=(self._copies,), name="run-copy", daemon=True)
        self._thread.start()

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def _upload(self, copies: RunCopies) -> None:
        try:
            copies.upload(self._id, self._folder)
        except (StoreAway, OSError) as error:
            self._seen = 0  # the next turn tries again
            log.warning("%s: its copy was not brought up to date (%s)", self._id, error)

    def _stamp(self) -> int:
        path = self._folder / LAST
        return path.stat().st_mtime_ns if path.exists() else 0
