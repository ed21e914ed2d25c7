"""Copying what a training wrote, and nothing else that lies in its folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from focus_store.run_story import LOCK

DOCUMENTS = (
    "config.yaml",
    "run_model.sh",
    "README.md",
    "environment.json",
    "split.json",
    "transform.json",
    "truth.npz",
)
FOLDERS = ("checkpoints", "figs", "logs", "weights")
EVERYTHING = (*DOCUMENTS, *FOLDERS)


def copy_run(folder: Path, target: Path, names: Iterable[str] = EVERYTHING) -> None:
    """What the training wrote, its lock and half-written files aside. Two names of one checkpoint stay one file."""
    target.mkdir(parents=True)
    copied: dict[tuple[int, int], str] = {}

    def copy(source: str, destination: str) -> str:
        status = Path(source).stat()
        twin = copied.setdefault((status.st_dev, status.st_ino), destination)
        if twin != destination:
            try:
                Path(destination).hardlink_to(twin)
            except OSError:  # a file system without second names
                shutil.copy2(source, destination)
            return destination
        return str(shutil.copy2(source, destination))

    for name in names:
        source = folder / name
        if source.is_dir():
            unwanted = shutil.ignore_patterns(LOCK.name, ".*.part")
            shutil.copytree(source, target / name, ignore=unwanted, copy_function=copy)
        elif source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def remove(path: Path) -> None:
    """A file, a link (never what it leads to) or a whole folder; nothing when it is not there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def reason(error: Exception) -> str:
    """What the system said, also of the first of many files."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return str(error.args[0][0][2])
    return getattr(error, "strerror", None) or str(error)
