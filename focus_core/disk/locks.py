"""Locks on files: who holds one has it until the file is closed or the process ends, by whatever death.

flock of the system, and not the package filelock: a lock here is also the place where its holder's name stands, which
must survive the opening by somebody who then fails to get it, and is asked for in folders that cannot be written to.
"""

from __future__ import annotations

import fcntl
from typing import IO, Any


def take(file: IO[Any]) -> bool:
    """Lock an open file for this process alone; False when another process has it."""
    return _lock(file, fcntl.LOCK_EX)


def is_free(file: IO[Any]) -> bool:
    """Whether no process holds the lock of an open file, which may be open for reading alone."""
    return _lock(file, fcntl.LOCK_SH)


def _lock(file: IO[Any], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
