"""The versions used for a piece of work: read when it begins, so that a missing one costs nothing at the end."""

from __future__ import annotations

import importlib.metadata
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path

FOCUS = "focus-lab"


def version_of(package: str) -> str | None:
    """The installed version; for FOCUS run from its sources that of their pyproject.toml; None if not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return _source_version() if package == FOCUS else None


def versions_of(packages: Iterable[str]) -> dict[str, str | None]:
    return {package: version_of(package) for package in packages}


def source_commit() -> str | None:
    """The commit of the running source, with a + if files differ from it; None outside a repository."""
    here = Path(__file__).parent
    try:
        command = ["git", "-C", str(here), "describe", "--always", "--dirty=+", "--exclude=*", "--abbrev=12"]
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()


def _source_version() -> str | None:
    project = Path(__file__).parents[1] / "pyproject.toml"
    try:
        section = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        return f"{section['version']} (from its sources)" if section["name"] == FOCUS else None
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        return None


__version__ = version_of(FOCUS) or "unknown"
