"""A folder without write permission, for tests that run as root, whom no permission stops."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest


def make_read_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Creating a temporary file in it or below it fails, as on a read-only file system."""
    real = tempfile.NamedTemporaryFile

    def refuse(*args: Any, **options: Any) -> Any:
        where = Path(options.get("dir") or tempfile.gettempdir())
        if where == folder or folder in where.parents:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(where))
        return real(*args, **options)

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
