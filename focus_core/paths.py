"""Where FOCUS keeps what it makes, unless a command is told otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def focus_home() -> Path:
    """`FOCUS_HOME`, or the platform's data folder: never inside a clone, where a clean-up would delete experiments."""
    chosen = os.environ.get("FOCUS_HOME", "").strip()
    return expanded(chosen).resolve() if chosen else Path(platformdirs.user_data_dir("focus", appauthor=False))


def expanded(path: Path | str) -> Path:
    """With ~ replaced; the home of a user whom this machine does not know stays as it is written."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def datasets_folder(home: Path) -> Path:
    return home / "datasets"


def runs_folder(home: Path) -> Path:
    return home / "runs"
