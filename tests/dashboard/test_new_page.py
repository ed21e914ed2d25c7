"""The page *New*: what was refused stays until it is mended, what is unfinished is kept, and drafts are changed."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from page_alone import html, open_page
from prepared_record import configuration
from standing import standing
from streamlit.testing.v1 import AppTest

from dashboard.views.new.form import fields
from focus_core.config.experiment import parse_config
from focus_store.contracts import DesiredState


def typed(app: AppTest, key: str, value: str) -> AppTest:
    standing(app.text_input, f"f-{key}").set_value(value)
    return app.run()


def again(app: AppTest) -> AppTest:
    """The same address in a session that knows nothing: a reload, another tab, a server that was started again."""
    query = {key: value[0] if isinstance(value, list) else value for key, value in app.query_params.items()}
    return open_page("new", **query)


def values(app: AppTest, *keys: str) -> list[str]:
    return [standing(app.text_input, f"f-{key}").value for key in keys]


class TestRefusals:
    def test_a_refused_value_stays_at_its_field_and_nothing_is_queued_whatever_else_changes(
        self, small_laboratory: Any
    ) -> None:
        app = typed(open_page("new", parent=small_laboratory.finished), "training.lr", "50")
        for key, value in (("training.gradient_clip", "2"), ("training.num_epochs", "9")):
            app = typed(app, key, value)
            assert 'data-testid="refused-f-training.lr"' in html(app)
            assert "input should be less than or equal to 10 (found 50)" in html(app)
            assert values(app, "training.lr", key) == ["50", value]
            assert app.button(key="queue").disabled
            assert app.button(key="draft").disabled
        app = typed(app, "training.lr", "0.5")
        assert 'data-testid="refused' not in html(app)
        app.button(key="queue").click().run()
        newest = small_laboratory.record.experiments.find()[0]
        training = small_laboratory.record.experiments.get(newest.id).config["training"]
        assert (training["lr"], training["gradient_clip"], training["num_epochs"]) == (0.5, 2.0, 9)

    def test_it_is_shown_although_its_field_means_nothing_beside_the_new_method(self, small_laboratory: Any) -> None:
        app = typed(open_page("new", recipe="experiment_02"), "diffusion.timesteps", "0")
        standing(app.selectbox, "f-method").set_value("flow").run()
        assert values(app, "diffusion.timesteps") == ["0"]
        assert app.button(key="queue").disabled

    def test_it_is_discarded_by_a_click_at_its_field(self, small_laboratory: Any) -> None:
        app = typed(typed(open_page("new", recipe="experiment_02"), "training.lr", "50"), "training.batch_size", "0")
        app.button(key="discard-f-training.lr").click().run()
        assert values(app, "training.lr", "training.batch_size") == ["1.0e-4", "0"]
        assert app.button(key="queue").disabled
        app.button(key="discard-f-training.batch_size").click().run()
        assert not app.button(key="queue").disabled

    def test_all_are_discarded_by_one_click_in_the_head(self, small_laboratory: Any) -> None:
        app = typed(typed(open_page("new", recipe="experiment_02"), "training.lr", "50"), "training.batch_size", "0")
        app.button(key="discard-all").click().run()
        assert values(app, "training.lr", "training.batch_size") == ["1.0e-4", "32"]


class TestTransforms:
    def test_a_transform_is_chosen_with_its_own_settings_and_queued(self, small_laboratory: Any) -> None:
        app = open_page("new", recipe="experiment_02")
        chosen = standing(app.selectbox, "f-data.transform.name")
        assert (chosen.value, chosen.options) == ("log10", ["log10", "boxcox", "asinh", "none"])
        assert "log10" in chosen.help
        chosen.set_value("boxcox").run()
        app = typed(app, "data.transform.lambda", "0.15")
        assert not app.exception
        app.button(key="queue").click().run()
        newest = small_laboratory.record.experiments.find()[0]
        config = small_laboratory.record.experiments.get(newest.id).config
        assert config["data"]["transform"] == {"name": "boxcox", "lambda": 0.15}

    def test_one_that_is_chosen_again_has_its_lambda_and_the_recipe_s_comments_still(
        self, small_laboratory: Any
    ) -> None:
        app = open_page("new", recipe="quickstart")
        comments = standing(app.text_area, "yaml-text").value.count("#")
        standing(app.selectbox, "f-data.transform.name").set_value("boxcox").run()
        app = typed(app, "data.transform.lambda", "0.3")
        for name in ("log10", "boxcox"):
            standing(app.selectbox, "f-data.transform.name").set_value(name).run()
        assert not app.exception
        assert values(app, "data.transform.lambda") == ["0.3"]
        assert standing(app.text_area, "yaml-text").value.count("#") == comments > 0


class TestLabels:
    def test_every_label_is_the_plain_title_with_its_unit_changed_or_not(self, small_laboratory: Any) -> None:
        app = open_page("new", parent=small_laboratory.finished)
        app = typed(typed(app, "training.gradient_clip", "2"), "training.scheduler.warmup_epochs", "7")
        widgets = [*app.text_input, *app.selectbox, *app.toggle, *app.multiselect, *app.text_area]
        assert len(widgets) > 40
        known = {field.label for field in fields()} | {"Parent", "Name", "Tags", "YAML"}
        assert {widget.label for widget in widgets} <= known
        assert standing(app.text_input, "f-training.gradient_clip").label == "Gradient clip"
        assert standing(app.text_input, "f-training.scheduler.warmup_epochs").label == "Warm-up [epochs]"
        assert standing(app.text_input, "f-training.gradient_clip").help.endswith("The parent has 1.")

    def test_what_was_changed_is_marked_by_a_style_of_its_label(self, small_laboratory: Any) -> None:
        app = typed(open_page("new", parent=small_laboratory.finished), "training.gradient_clip", "2")
        assert ".st-key-f-training-gradient_clip-0 label p" in html(app)


class TestUnfinished:
    def test_everything_typed_comes_back_at_the_same_address_refused_values_name_and_tags_too(
        self, small_laboratory: Any
    ) -> None:
        app = typed(open_page("new", parent=small_laboratory.finished), "training.gradient_clip", "2")
        standing(app.text_input, "new-name").set_value("half done").run()
        standing(app.multiselect, "new-tags").set_value(["mine"]).run()
        app = again(typed(app, "training.lr", "50"))
        assert values(app, "training.gradient_clip", "training.lr") == ["2", "50"]
        assert standing(app.text_input, "new-name").value == "half done"
        assert standing(app.multiselect, "new-tags").value == ["mine"]
        assert 'data-testid="refused-f-training.lr"' in html(app)
        assert app.button(key="queue").disabled
        assert "gradient_clip: 2" in standing(app.text_area, "yaml-text").value

    def test_a_yaml_that_cannot_be_read_comes_back_too(self, small_laboratory: Any) -> None:
        app = open_page("new", recipe="experiment_02")
        standing(app.text_area, "yaml-text").set_value("training: [").run()
        app = again(app)
        assert standing(app.text_area, "yaml-text").value == "training: ["
        assert "not valid YAML" in app.error[0].value

    def test_a_page_on_which_nothing_was_changed_leaves_nothing_behind(self, small_laboratory: Any) -> None:
        app = open_page("new", recipe="experiment_02").run()
        assert list(app.query_params) == ["recipe"]

    def test_two_tabs_on_one_address_go_on_apart_and_lose_nothing(self, small_laboratory: Any) -> None:
        first = typed(open_page("new", recipe="experiment_02"), "training.gradient_clip", "2")
        second = again(first)
        first = typed(first, "training.num_epochs", "7")
        second = typed(second, "training.num_epochs", "9")
        assert any("Another tab changed the same settings" in warning.value for warning in second.warning)
        assert first.query_params["edit"] != second.query_params["edit"]
        for app, epochs in ((first, "7"), (second, "9")):
            assert values(again(app), "training.num_epochs", "training.gradient_clip") == [epochs, "2"]

    def test_starting_afresh_forgets_what_was_typed(self, small_laboratory: Any) -> None:
        app = typed(open_page("new", recipe="experiment_02"), "training.lr", "50")
        app.button(key="afresh").click().run()
        assert values(app, "training.lr") == ["1.0e-4"]
        assert "edit" not in app.query_params
        assert not app.button(key="queue").disabled

    def test_an_address_whose_changes_are_kept_no_more_says_so(self, small_laboratory: Any) -> None:
        app = open_page("new", recipe="experiment_02", edit="gone")
        assert any("not kept any more" in info.value for info in app.info)
        assert "edit" not in app.query_params

    def test_after_queue_the_next_visit_starts_afresh(self, small_laboratory: Any) -> None:
        app = typed(open_page("new", recipe="experiment_02"), "training.gradient_clip", "2")
        app.button(key="queue").click().run()
        sheet = app.session_state["new-sheet"]  # None, or begun anew where the page has run once more
        assert sheet is None or (sheet.kept is None and sheet.draft.config.training.gradient_clip == 1.0)


class TestDate:
    def test_the_form_shows_the_day_that_the_run_gets_and_that_is_no_change(self, small_laboratory: Any) -> None:
        today = datetime.datetime.now().astimezone().date().isoformat()
        app = open_page("new", recipe="quickstart")
        assert parse_config(standing(app.text_area, "yaml-text").value).experiment.created == today
        assert "Nothing differs from the recipe yet" in html(app)
        assert "edit" not in app.query_params
        app.button(key="queue").click().run()
        record = small_laboratory.record
        queued = record.experiments.get(record.experiments.find()[0].id).config
        assert queued["experiment"]["created"] == today

    def test_a_form_that_stands_over_midnight_is_not_changed_by_it(
        self, small_laboratory: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = open_page("new", recipe="quickstart")
        monkeypatch.setattr("dashboard.views.new.page.today", lambda: "2100-01-01")
        assert "edit" not in app.run().query_params

    def test_an_unfinished_form_that_is_opened_on_a_later_day_shows_that_day(
        self, small_laboratory: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = typed(open_page("new", recipe="experiment_02"), "training.gradient_clip", "2")
        token = app.query_params["edit"]
        monkeypatch.setattr("dashboard.views.new.page.today", lambda: "2100-01-01")
        later = open_page("new", recipe="experiment_02", edit=token[0] if isinstance(token, list) else token)
        config = parse_config(standing(later.text_area, "yaml-text").value)
        assert (config.experiment.created, config.training.gradient_clip) == ("2100-01-01", 2.0)


class TestDrafts:
    def test_the_page_of_a_draft_leads_to_its_form(self, small_laboratory: Any) -> None:
        app = open_page("experiment", id=small_laboratory.draft)
        assert app.button(key="edit").label == "Edit"
        with pytest.raises(KeyError):
            open_page("experiment", id=small_laboratory.queued).button(key="edit")

    def test_saving_changes_the_same_draft(self, small_laboratory: Any) -> None:
        record, draft = small_laboratory.record, small_laboratory.draft
        before = len(record.experiments.find())
        app = typed(open_page("new", draft=draft), "training.num_epochs", "9")
        standing(app.multiselect, "new-tags").set_value(["later"]).run()
        app.button(key="draft").click().run()
        summary = record.experiments.get(draft).summary
        assert (summary.status, summary.num_epochs, summary.tags) == ("draft", 9, ("later",))
        assert len(record.experiments.find()) == before

    def test_queueing_queues_it_with_what_stands_there(self, small_laboratory: Any) -> None:
        app = typed(open_page("new", draft=small_laboratory.draft), "training.num_epochs", "9")
        app.button(key="queue").click().run()
        summary = small_laboratory.record.experiments.get(small_laboratory.draft).summary
        assert (summary.status, summary.num_epochs) == ("queued", 9)

    def test_one_that_is_queued_on_its_own_page_has_its_suite_made_first(self, empty_record: Any, tasks: Path) -> None:
        """The quick suite is not there, as on a new machine; the run would otherwise start only to fail."""
        draft = empty_record.experiments.create(configuration("A draft"), draft=True)
        open_page("experiment", id=draft).button(key="queue").click().run()
        (suite,) = empty_record.jobs.every(active_only=True)
        assert (suite.kind, suite.arguments["name"]) == ("simulate", "quick")
        assert empty_record.experiments.get(draft).summary.status == "queued"
        assert (claim := empty_record.leases.claim("train", "train-1")) is not None
        assert claim.id == suite.id

    def test_one_that_was_changed_elsewhere_is_left_as_it_is_and_mine_can_become_another(
        self, small_laboratory: Any
    ) -> None:
        record, draft = small_laboratory.record, small_laboratory.draft
        app = typed(open_page("new", draft=draft), "training.num_epochs", "9")
        other = typed(open_page("new", draft=draft), "training.num_epochs", "7")
        other.button(key="draft").click().run()
        app.button(key="draft").click().run()
        assert "changed elsewhere since you began (training.num_epochs)" in app.error[0].value
        row = "<td><code>training.num_epochs</code></td><td>7</td><td><b>9</b></td>"
        assert row in html(app), "both values, the record's first"
        assert values(app, "training.num_epochs") == ["9"]
        assert record.experiments.get(draft).summary.num_epochs == 7
        app.button(key="save-other").click().run()
        newest = record.experiments.find()[0]
        assert (newest.id != draft, newest.status, newest.num_epochs) == (True, "draft", 9)

    def test_a_tag_that_another_tab_gave_the_draft_meanwhile_stays(self, small_laboratory: Any) -> None:
        record, draft = small_laboratory.record, small_laboratory.draft
        app = typed(open_page("new", draft=draft), "training.num_epochs", "9")
        standing(app.multiselect, "new-tags").set_value(["mine"]).run()
        stood = record.experiments.get(draft).summary.tags
        record.notes.set_tags(draft, [*stood, "theirs"], expected=stood)
        again(app).button(key="draft").click().run().button(key="draft").click().run()
        assert record.experiments.get(draft).summary.tags == ("mine", "theirs")

    def test_what_is_no_draft_any_more_is_not_changed(self, small_laboratory: Any) -> None:
        small_laboratory.record.experiments.request(small_laboratory.draft, DesiredState.RUN)
        app = open_page("new", draft=small_laboratory.draft)
        assert not app.exception
        assert "no draft any more" in app.error[0].value

    def test_unfinished_changes_of_a_draft_come_back_and_still_know_what_they_began_from(
        self, small_laboratory: Any
    ) -> None:
        record, draft = small_laboratory.record, small_laboratory.draft
        app = typed(open_page("new", draft=draft), "training.num_epochs", "9")
        detail = record.experiments.get(draft)
        config = parse_config(record.experiments.configuration_file(draft).replace("batch_size: 4", "batch_size: 2"))
        record.drafts.change(draft, config, before=detail.config, tags=[])
        app = again(app)
        assert values(app, "training.num_epochs") == ["9"]
        app.run()
        app.button(key="draft").click().run()
        assert "changed elsewhere since you began (training.batch_size)" in app.error[0].value
