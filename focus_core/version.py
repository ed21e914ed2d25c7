"""The version of FOCUS, whether it is installed or its sources are merely on the path."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

PACKAGE = "focus-lab"


def _own_version() -> str:
    """That of the installation; else that of the sources' pyproject.toml, marked as such; else "unknown"."""
    try:
        return importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        project = Path(__file__).parents[1] / "pyproject.toml"
    try:
        return f"{tomllib.loads(project.read_text(encoding='utf-8'))['project']['version']}+source"
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return "unknown"


__version__ = _own_version()
