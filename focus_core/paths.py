"""Where FOCUS keeps its output by default, and whether it can be written there."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import platformdirs

from focus_core.errors import UserError


def focus_home() -> Path:
    """`FOCUS_HOME`, or the platform's data folder: never inside a clone, where a clean-up would delete experiments."""
    chosen = os.environ.get("FOCUS_HOME", "").strip()
    return expanded(chosen).resolve() if chosen else Path(platformdirs.user_data_dir("focus", appauthor=False))


def expanded(path: Path | str) -> Path:
    """With ~ expanded; the home of a user unknown to this machine is left as written."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def datasets_folder(home: Path) -> Path:
    return home / "datasets"


def runs_folder(home: Path) -> Path:
    return home / "runs"


def measured_folder(home: Path) -> Path:
    """Measurements of datasets; all of them can be repeated."""
    return home / "measured"


def check_writable(path: Path, source: str) -> None:
    """Before long work: UserError, which begins with `source`, if no file could be written there at the end."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and not path.is_file():
            return  # a device or a pipe
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise UserError(f"{source}: {path} cannot be written ({error.strerror}); choose another place.") from error


def check_folder(folder: Path, source: str, remedy: str = "choose another place") -> None:
    """As `check_writable`, for files in a folder, which is created if it does not exist."""
    place = folder.absolute()
    while not os.path.lexists(place):
        place = place.parent
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=f".{folder.name}."):
            pass
    except OSError as error:
        raise UserError(f"{source}: {folder} cannot be written ({error.strerror}); {remedy}.") from error
