"""Copying the files that a training run wrote, and nothing else in its folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from focus_core.run_files import exported_files


def copy_run(folder: Path, target: Path, *, weights: bool = True) -> None:
    """Files written by FOCUS, except its lock and incomplete files. Two names of one checkpoint stay one file."""
    target.mkdir(parents=True)
    copied: dict[tuple[int, int], Path] = {}

    for name in exported_files(folder, weights=weights):
        source, destination = folder / name, target / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        status = source.stat()
        twin = copied.setdefault((status.st_dev, status.st_ino), destination)
        if twin != destination:
            try:
                destination.hardlink_to(twin)
                continue
            except OSError:  # a file system without hard links
                pass
        shutil.copy2(source, destination)


def remove(path: Path) -> None:
    """A file, a link (never its target) or a whole folder; nothing if it does not exist."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def reason(error: Exception) -> str:
    """The system's message, for the first of several files too."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return str(error.args[0][0][2])
    return getattr(error, "strerror", None) or str(error)
