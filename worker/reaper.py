"""The reaper: finds rows whose worker vanished and rows whose message was lost.

It runs in every worker and in the launcher. Everything it does is a compare-and-set, so several do no harm.
"""

from __future__ import annotations

import logging
import threading

from sqlalchemy.exc import DBAPIError

from focus_core.errors import UserError
from focus_store.repository import Repository

log = logging.getLogger(__name__)


class Reaper(threading.Thread):
    """Ticks every `reap_seconds` until `ended` is set."""

    def __init__(self, repository: Repository, ended: threading.Event) -> None:
        super().__init__(name="reaper", daemon=True)
        self._repository = repository
        self._ended = ended

    def run(self) -> None:
        while not self._ended.wait(self._repository.settings.reap_seconds):
            try:
                tick(self._repository)
            except (DBAPIError, UserError) as error:
                log.warning("the reaper could not reach the record (%s)", error)


def tick(repository: Repository) -> None:
    """One look. What crashed a tick ago is queued before new crashes are found, so that a crash is always shown."""
    for row_id in repository.requeue_crashed():
        log.info("%s goes on after its crash", row_id)
    for row_id in repository.expire_leases():
        log.warning("%s lost its worker", row_id)
    for row_id in repository.mark_stalled():
        log.warning("%s makes no steps", row_id)
    repository.forget_dead_workers()
    repository.republish()
