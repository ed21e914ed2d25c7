"""What a reader pressed on a page that they have left by the time it is heard."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

from dashboard.parts.late_clicks import in_time


@pytest.fixture
def runner() -> Any:
    """Draws the page "new", of which the part "form" is there."""
    parts = MemoryFragmentStorage()
    parts.register("form", lambda: None)
    return SimpleNamespace(_pages_manager=SimpleNamespace(current_page_script_hash="new"), _fragment_storage=parts)


def asked(page: str, *parts: str) -> RerunData:
    return RerunData(page_script_hash=page, fragment_id_queue=list(parts))


def test_a_part_of_the_page_that_is_there_is_drawn(runner: Any) -> None:
    assert in_time(runner, asked("new", "form")) == asked("new", "form")


def test_a_part_of_a_page_that_has_been_left_is_not_drawn_though_it_is_still_kept(runner: Any) -> None:
    assert in_time(runner, asked("experiment", "form")) is None


def test_of_several_parts_those_are_drawn_that_are_still_there(runner: Any) -> None:
    assert in_time(runner, asked("new", "gone", "form")) == asked("new", "form")
    assert in_time(runner, asked("new", "gone")) is None


def test_another_page_is_always_drawn(runner: Any) -> None:
    assert in_time(runner, asked("experiment")) == asked("experiment")
