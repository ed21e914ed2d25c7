"""Which versions a piece of work is made with: asked when it begins, so that nothing is lost for it at the end."""

from __future__ import annotations

import importlib.metadata
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path

FOCUS = "focus-lab"


def version_of(package: str) -> str | None:
    """The installed version; of FOCUS run from its sources that of their pyproject.toml; None for what is not there."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return _source_version() if package == FOCUS else None


def versions_of(packages: Iterable[str]) -> dict[str, str | None]:
    return {package: version_of(package) for package in packages}


def source_commit() -> str | None:
    """The commit of the source this process runs, with a + if files differ from it; None outside a repository."""
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
