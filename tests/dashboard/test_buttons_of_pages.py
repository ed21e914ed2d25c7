"""The list of buttons that a walk over the pages must have pressed: read from the pages, so that none is forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest
from buttons_of_pages import (
    LEFT_OUT,
    NAMED_ELSEWHERE,
    SOURCES,
    buttons_of,
    known_buttons,
    module_of,
    name_of,
    to_be_pressed,
)

from focus_core.catalogue.jobs import DATASET, job_kinds


def test_every_button_of_the_pages_has_a_key_that_can_be_read() -> None:
    _, unread = buttons_of(SOURCES)
    assert unread == [], "say in NAMED_ELSEWHERE what these keys are"


def test_what_is_left_out_or_named_elsewhere_is_there() -> None:
    assert set(LEFT_OUT) - {button.name for button in known_buttons()} == set()
    modules = {module_of(file) for file in SOURCES.rglob("*.py")}
    assert {module for module, _ in NAMED_ELSEWHERE} - modules == set()


def test_a_kind_of_job_that_offers_itself_for_a_dataset_is_asked_for_too() -> None:
    offered = [kind.name for kind in job_kinds().values() if kind.offered and kind.subject == DATASET]
    assert not offered or "datasets/ask-…" in to_be_pressed()


def test_a_new_button_is_to_be_pressed_and_one_without_a_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "views" / "compare").mkdir(parents=True)
    (tmp_path / "views" / "compare" / "new.py").write_text(
        'st.button("A", key="a")\n'
        'beside.toggle("B", key=f"b-{what}")\n'
        'draw([Act(f"c-{job.id}", "C", Kind.OTHER, does, icon="x")])\n'
        'st.button("D")\n'
        'st.download_button("E", make, key=spelt(what))\n'
    )
    buttons, unread = buttons_of(tmp_path)
    assert [button.name for button in buttons] == ["compare/a", "compare/b-…", "compare/c-…"]
    assert unread == [
        "new.py:4 has the key no key at all",
        "new.py:5 has the key spelt(what)",
    ]


@pytest.mark.parametrize(
    ("page", "key", "name"),
    [
        ("new", "f-training-lr-0", "new/f-…"),
        ("workers", "disk-3f2a", "workers/disk-…"),
        ("workers", "disk-smaller", "workers/disk-smaller"),
        ("datasets", "keep-dataset", "datasets/keep-dataset"),
        ("experiment", "keep-3f2a", "keep-…"),
        ("experiment", "statusline", "statusline"),
    ],
)
def test_what_was_pressed_is_known_by_the_most_that_its_key_says(page: str, key: str, name: str) -> None:
    assert name_of(page, key) == name
    assert (name in to_be_pressed()) == (name != "statusline")
