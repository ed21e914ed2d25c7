"""Watching one child process under a lease: heartbeats, requests, and its end. For training runs and simulations."""

from __future__ import annotations

import enum
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable

from sqlalchemy.exc import OperationalError

from focus_store.contracts import Claim, Wish
from focus_store.record.record import Record
from worker.processes import end, family, kill

log = logging.getLogger(__name__)


class Stop(enum.Enum):
    """Why the child was asked to stop."""

    PAUSE = "pause"
    CANCEL = "cancel"
    SHUTDOWN = "shutdown"
    LOST = "lost"  # another worker has the lease
    ORPHANED = "orphaned"  # our own worker was killed


class Watch:
    """Follows `process` until it has ended, with all its descendants.

    `look` is called every `poll_seconds` and once after the end: it reads what the child has written. If the record
    cannot be reached, it waits: the child's output is on disk.
    """

    def __init__(
        self,
        record: Record,
        claim: Claim,
        process: subprocess.Popen[bytes],
        look: Callable[[], None],
        shutting_down: Callable[[], bool],
        on_stop: Callable[[Stop], None] = lambda stop: None,
    ) -> None:
        self._record, self._claim, self._process = record, claim, process
        self._look, self._shutting_down, self._on_stop = look, shutting_down, on_stop
        self._settings = record.settings
        self._parent = os.getppid()
        self._renewed = time.monotonic()
        self._deadline: float | None = None
        self.stop: Stop | None = None
        self.killed = False

    def run(self) -> int:
        """The child's exit code (negative: the signal that ended it)."""
        try:
            while self._process.poll() is None:
                self._patiently(self._look)
                self._patiently(self._obey)
                self._wait()
        finally:
            # Also if an internal error ends the loop: nothing that we started may continue without us.
            end(family(self._process.pid), self._settings.grace_seconds)
            code = self._process.wait()
        if self.stop is not Stop.LOST:
            self._patiently(self._look)
        return code

    def _wait(self) -> None:
        try:
            self._process.wait(self._settings.poll_seconds)
        except subprocess.TimeoutExpired:
            return

    def _obey(self) -> None:
        """Renew the lease when due, check the user's request, and act on it."""
        if os.getppid() != self._parent:
            self.stop = Stop.ORPHANED
            self._kill()
        if self.stop is None:
            reason = self._reason()
            if reason is not None:
                self._ask(reason)
        elif self._deadline is not None and time.monotonic() > self._deadline:
            log.warning("%s did not stop in %g s and is killed", self._claim.id, self._settings.grace_seconds)
            self._kill()
        else:
            self._renew_if_due()

    def _reason(self) -> Stop | None:
        wish = self._renew_if_due() or self._record.leases.wish(self._claim)
        if wish is Wish.GO_ON:
            return Stop.SHUTDOWN if self._shutting_down() else None
        return Stop(wish.value)

    def _renew_if_due(self) -> Wish | None:
        if time.monotonic() - self._renewed < self._settings.heartbeat_seconds:
            return None
        wish = self._record.leases.renew(self._claim)
        self._renewed = time.monotonic()
        return wish

    def _ask(self, reason: Stop) -> None:
        log.info("%s is asked to stop: %s", self._claim.id, reason.value)
        self.stop = reason
        if reason is Stop.LOST:
            self._kill()
            return
        self._on_stop(reason)
        self._deadline = time.monotonic() + self._settings.grace_seconds
        self._process.send_signal(signal.SIGTERM)

    def _kill(self) -> None:
        self.killed = True
        kill(family(self._process.pid))

    def _patiently(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OperationalError as error:
            log.warning("%s: the record cannot be reached (%s)", self._claim.id, error)


def patiently(action: Callable[[], bool], *, pause_seconds: float = 1.0, tries: int = 600) -> bool:
    """Do the one write that must not be lost, waiting up to ten minutes for a record that cannot be reached."""
    for _ in range(tries):
        try:
            return action()
        except OperationalError as error:
            log.warning("waiting for the record (%s)", error)
            time.sleep(pause_seconds)
    return action()
