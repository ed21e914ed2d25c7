"""One laboratory per home: a lock file with its process and address."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import psutil

from focus_core.disk.locks import take
from focus_core.errors import UserError
from focus_store.settings import Settings


class HomeLock:
    """Held until the process ends. Its line: pid, port, and the addresses of its own record and broker."""

    def __init__(self, home: Path) -> None:
        self._path = home / "laboratory.lock"
        self._file: TextIO | None = None

    def take(self, port: int) -> dict[str, Any] | None:
        """Make this the laboratory of its home; returns the line of one that already runs there."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # "a+": the holder's line must survive an open by a process that fails to get the lock.
        self._file = self._path.open("a+", encoding="utf-8")
        holder = _take(self._file)
        if holder is None:
            self.write(port)
        return holder

    def write(self, port: int, **addresses: str) -> None:
        assert self._file is not None
        self._file.truncate(0)
        self._file.write(json.dumps({"pid": os.getpid(), "port": port, **addresses}) + "\n")
        self._file.flush()


def lock_holder(settings: Settings) -> dict[str, Any] | None:
    """{pid, port, …} of the laboratory that runs in this home, or None."""
    path = settings.home / "laboratory.lock"
    if not path.exists():
        return None
    with path.open("r+", encoding="utf-8") as file:
        return _take(file)


def as_it_runs(settings: Settings, holder: dict[str, Any] | None) -> Settings:
    """The settings of the laboratory that runs here: a stack has its own record and broker."""
    names = ("database_url", "broker_url")
    return replace(settings, **{name: holder[name] for name in names if holder and name in holder})


def _take(file: TextIO) -> dict[str, Any] | None:
    """Lock an open lock file; returns its holder's line if it is locked.

    The holder writes its line right after taking the lock, so for a moment there is none, or that of a dead one.
    """
    for _ in range(50):
        if take(file):
            return None
        file.seek(0)
        with contextlib.suppress(ValueError):
            holder = dict(json.loads(file.read()))
            if psutil.pid_exists(holder["pid"]):
                return holder
        time.sleep(0.1)
    raise UserError(f"{file.name}: is locked by an unknown process; end that process and try again.")
