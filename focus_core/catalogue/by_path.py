"""Objects named by path: an entry of the catalogue needs no torch, and names the place of code that does."""

from __future__ import annotations

import importlib
from typing import Any


def load(path: str) -> Any:
    """The object at "package.module:name"; imports the module."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
