"""The record of this process's environment, opened once: for pages, and for routes that run without Streamlit."""

from __future__ import annotations

import functools
from pathlib import Path

from focus_store.contracts import LaboratoryState
from focus_store.repository import Repository
from focus_store.session import open_record
from focus_store.settings import Settings


@functools.lru_cache(maxsize=8)
def _open(settings: Settings) -> Repository:
    return open_record(settings)


def record() -> Repository:
    """Opened at the first use; pages and routes share it."""
    return _open(Settings.from_environment())


def laboratory() -> LaboratoryState:
    return record().state()


def artifact_file(digest: str) -> Path | None:
    return record().artifact_path(digest)
