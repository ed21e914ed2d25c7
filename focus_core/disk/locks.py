"""Locks on files: who holds one has it until the file is closed or the process ends, by whatever death.

flock in a few lines, and not the package filelock: that gives nobody its open file, where a holder's name stands,
nor can it say whether a lock is free without taking it.
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
