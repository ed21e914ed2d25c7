"""Locks on files: the holder keeps one until the file is closed or the process ends, however it ends.

flock in a few lines, rather than the package filelock, which does not expose its open file, where a holder's name
is written, and cannot tell whether a lock is free without taking it.
"""

from __future__ import annotations

import fcntl
from typing import IO, Any


def take(file: IO[Any]) -> bool:
    """Lock an open file for this process alone; False if another process has it."""
    return _lock(file, fcntl.LOCK_EX)


def is_free(file: IO[Any]) -> bool:
    """Whether no process holds the lock of an open file, which may be open for reading only."""
    return _lock(file, fcntl.LOCK_SH)


def _lock(file: IO[Any], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
