"""Deleting from an experiment's own page, from the list and from the disk page: asked with the bytes, then told."""

from __future__ import annotations

from typing import Any

import pytest
from page_alone import html, open_page
from prepared_record import configuration, move

from dashboard.look.words import size
from focus_core.errors import UserError
from focus_store.contracts import UNDER_WAY, Status


class TestOnItsOwnPage:
    @pytest.mark.parametrize("status", sorted(set(Status) - UNDER_WAY))
    def test_whatever_rests_is_deleted_after_a_question_with_its_bytes(
        self, small_laboratory: Any, status: Status, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record, one = small_laboratory.record, small_laboratory.finished
        move(record, one, status)
        app = open_page("experiment", id=one)
        app.button(key="delete").click().run()
        assert f"frees {size(record.disk.would_free(one).total)}:" in app.warning[-1].value
        assert record.experiments.get(one), "nothing goes before the answer"
        left: list[str] = []
        monkeypatch.setattr("dashboard.views.experiment.page.follow", lambda page, **_: left.append(page))
        app.button(key=f"confirm-delete-{one}").click().run()
        assert left == ["experiments"]
        with pytest.raises(UserError, match="Finished one was deleted"):
            record.experiments.get(one)
        assert not record.settings.run_folder(one).exists()

    def test_a_draft_is_deleted_too(self, small_laboratory: Any) -> None:
        app = open_page("experiment", id=small_laboratory.draft)
        app.button(key="delete").click().run()
        app.button(key=f"keep-{small_laboratory.draft}").click().run()
        assert small_laboratory.record.experiments.get(small_laboratory.draft), "it was kept on request"
        assert not [button for button in app.button if button.key == f"confirm-delete-{small_laboratory.draft}"]

    def test_what_waits_or_runs_says_what_to_do_first(self, small_laboratory: Any) -> None:
        button = open_page("experiment", id=small_laboratory.queued).button(key="delete")
        assert button.disabled
        assert button.help == "Stop it first"

    def test_one_that_was_started_in_another_window_meanwhile_is_refused_with_the_reason(
        self, small_laboratory: Any
    ) -> None:
        record, one = small_laboratory.record, small_laboratory.failed
        app = open_page("experiment", id=one)
        app.button(key="delete").click().run()
        move(record, one, Status.RUNNING)
        app.button(key=f"confirm-delete-{one}").click().run()
        assert "is running; stop it before it is deleted" in html(app)
        assert record.experiments.get(one)

    def test_a_window_that_stood_open_on_it_says_that_it_was_deleted(self, small_laboratory: Any) -> None:
        app = open_page("experiment", id=small_laboratory.draft)
        small_laboratory.record.disk.delete(small_laboratory.draft)
        app.run()
        assert "A draft was deleted on" in app.error[0].value


class TestInTheList:
    def test_marked_ones_are_deleted_together_with_the_bytes_of_all(
        self, small_laboratory: Any, pair: tuple[str, str]
    ) -> None:
        record = small_laboratory.record
        app = open_page("experiments")
        app.query_params["marked"] = ",".join([*pair, small_laboratory.queued])
        app.run()
        app.button(key="delete").click().run()
        asked = app.warning[-1].value
        assert f"frees {size(record.disk.would_free(*pair).total)}:" in asked
        assert "**Finished one**" in asked
        assert "**Second one**" in asked
        app.button(key="confirm-delete-marked").click().run()
        assert "2 experiments were deleted" in html(app)
        left = {row.id for row in record.experiments.find()}
        assert left == {small_laboratory.queued, small_laboratory.failed, small_laboratory.draft}

    def test_the_question_goes_when_other_rows_are_marked(self, small_laboratory: Any) -> None:
        app = open_page("experiments")
        app.query_params["marked"] = small_laboratory.finished
        app.run()
        app.button(key="delete").click().run()
        app.query_params["marked"] = small_laboratory.failed
        app.run()
        assert not [button for button in app.button if str(button.key).startswith("confirm-delete")]


class TestOnTheDiskPage:
    def test_every_experiment_is_reached_however_small(self, small_laboratory: Any) -> None:
        ids = {
            small_laboratory.record.experiments.create(configuration(f"Draft {i}", seed=10 + i), draft=True)
            for i in range(30)
        }
        app = open_page("workers")
        seen: set[str] = set()
        while True:
            seen |= {
                str(button.key)[len("delete-") :] for button in app.button if str(button.key).startswith("delete-")
            }
            if app.button(key="disk-smaller").disabled:
                break
            app.button(key="disk-smaller").click().run()
        assert seen >= ids | {small_laboratory.finished, small_laboratory.draft}
        assert "25 to 34 of 34 experiments" in html(app)
