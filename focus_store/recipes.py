"""The recipes that a user starts from: tasks/<key>/config.yaml of this checkout, or of FOCUS_TASKS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from focus_core.errors import UserError

TITLES: Mapping[str, str] = {
    "quickstart": "Quickstart",
    "experiment_01": "Experiment 01",
    "experiment_02": "Experiment 02",
    "experiment_03": "Experiment 03",
    "experiment_04": "Experiment 04",
}


@dataclass(frozen=True)
class Recipe:
    key: str
    name: str  # shown on buttons
    path: Path
    yaml: str


def tasks_folder(environment: Mapping[str, str] | None = None) -> Path:
    """FOCUS_TASKS, or the tasks/ folder beside the packages."""
    variables = os.environ if environment is None else environment
    given = variables.get("FOCUS_TASKS", "").strip()
    return Path(given).expanduser() if given else Path(__file__).resolve().parents[1] / "tasks"


def recipes(environment: Mapping[str, str] | None = None) -> dict[str, Recipe]:
    """Every recipe by key, the shipped ones first in their own order, then the user's own by name."""
    folder = tasks_folder(environment)
    found = sorted(path.parent.name for path in folder.glob("*/config.yaml"))
    ordered = [key for key in TITLES if key in found] + [key for key in found if key not in TITLES]
    return {key: _read(folder / key / "config.yaml") for key in ordered}


def recipe(key: str, environment: Mapping[str, str] | None = None) -> Recipe:
    """One recipe; UserError lists those that exist."""
    known = recipes(environment)
    if key not in known:
        there = f"there are {', '.join(known)}" if known else "there is none; set FOCUS_TASKS to the tasks folder"
        raise UserError(f"{tasks_folder(environment)}: has no recipe '{key}'; {there}.")
    return known[key]


def _read(path: Path) -> Recipe:
    key = path.parent.name
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a recipe ({error}).") from error
    return Recipe(key, TITLES.get(key, key), path, text)
