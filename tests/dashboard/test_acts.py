"""What undoes work never stands where work was just started, and asks when a click may not have been meant."""

from __future__ import annotations

from typing import Any

import pytest
from prepared_record import move
from streamlit.testing.v1 import AppTest
from waiting import patience

from dashboard.parts.acts import AFTER_START_SECONDS, AFTER_UNDO_SECONDS, Done, Kind, is_hasty
from focus_store.contracts import Status


def open_experiment(experiment_id: str) -> AppTest:
    script = """
from dashboard.parts.state import remember_pages
from dashboard.views.experiment import page as experiment
remember_pages({})
experiment.page()
"""
    app = AppTest.from_string(script, default_timeout=patience(60))
    app.query_params["id"] = experiment_id
    return app.run()


def head(app: AppTest) -> list[tuple[str, bool]]:
    """The acts of the head in their order, and whether each is possible."""
    keys = ("sample", "clone", "pause", "stop", "resume", "queue")
    return [(str(button.key), not button.disabled) for button in app.button if button.key in keys]


@pytest.mark.parametrize(
    ("last", "key", "seconds", "asks"),
    [
        (None, "stop", 0.0, False),
        (("queue", Kind.START), "stop", 0.9, True),
        (("queue", Kind.START), "stop", AFTER_START_SECONDS, False),
        (("stop", Kind.UNDO), "stop", 0.2, False),  # the same once more changes nothing
        (("cancel-a", Kind.UNDO), "cancel-b", 0.9, True),  # b has moved to a's place
        (("cancel-a", Kind.UNDO), "cancel-b", AFTER_UNDO_SECONDS, False),
        (("pause", Kind.UNDO), "stop", 0.9, False),
    ],
)
def test_an_act_that_undoes_asks_within_seconds_of_another_one(
    last: tuple[str, Kind] | None, key: str, seconds: float, asks: bool
) -> None:
    done = None if last is None else Done(*last, at=100.0)
    assert is_hasty(key, done, 100.0 + seconds) is asks


def test_the_acts_of_an_experiment_keep_their_places_whatever_its_state(small_laboratory: Any) -> None:
    record = small_laboratory.record
    assert head(open_experiment(small_laboratory.draft)) == [
        ("clone", True), ("pause", False), ("stop", False), ("queue", True),
    ]  # fmt: skip
    for status, moving in (
        (Status.QUEUED, True),
        (Status.RUNNING, True),
        (Status.PAUSED, False),
        (Status.FAILED, False),
    ):
        move(record, small_laboratory.queued, status)
        assert head(open_experiment(small_laboratory.queued)) == [
            ("clone", True), ("pause", moving), ("stop", moving), ("resume", not moving),
        ], status  # fmt: skip


def test_a_stop_at_once_after_a_start_asks_and_stops_when_it_is_meant(small_laboratory: Any) -> None:
    record, draft = small_laboratory.record, small_laboratory.draft
    app = open_experiment(draft)
    app.button(key="queue").click().run()
    app.button(key="stop").click().run()
    assert record.experiments.get(draft).summary.status is Status.QUEUED
    app.button(key="act-keep").click().run()
    assert record.experiments.get(draft).summary.status is Status.QUEUED
    assert not [button for button in app.button if button.key == "act-sure"]
    app.button(key="stop").click().run()
    app.button(key="act-sure").click().run()
    assert record.experiments.get(draft).summary.status is Status.CANCELLED
