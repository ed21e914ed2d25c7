"""The small record of `prepared_record`, in a folder of the test's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from prepared_record import SmallLaboratory, add_second, add_stranger, copy_filled, write_recipes

from dashboard.record.connection import record
from focus_store.record.record import Record


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as FOCUS_HOME, with no other setting."""
    for name in ("FOCUS_DATABASE_URL", "FOCUS_BROKER_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FOCUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def empty_record(home: Path, migrated_file: Path) -> Iterator[Record]:
    home.mkdir()
    shutil.copy(migrated_file, home / "focus.db")
    opened = record()
    yield opened
    opened.close()


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tasks"
    write_recipes(folder)
    monkeypatch.setenv("FOCUS_TASKS", str(folder))
    return folder


@pytest.fixture
def small_laboratory(filled_once: SmallLaboratory, home: Path, tasks: Path) -> Iterator[SmallLaboratory]:
    shutil.copytree(filled_once.home, home)
    st.cache_data.clear()  # which knows of a copy by the same ids
    st.cache_resource.clear()
    opened = record()
    yield copy_filled(filled_once, opened)
    opened.close()


@pytest.fixture
def pair(small_laboratory: SmallLaboratory) -> tuple[str, str]:
    """The finished run, P(k) 10 % too high, and one beside it with larger batches, 30 % too high."""
    return small_laboratory.finished, add_second(small_laboratory.record)


@pytest.fixture
def other_data(small_laboratory: SmallLaboratory) -> str:
    """A run whose dataset has another name and twice the power in every simulation."""
    return add_stranger(small_laboratory.record)
