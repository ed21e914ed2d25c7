"""Every page against a small real record, without a browser."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from page_alone import html, open_page
from prepared_record import add_second
from sqlalchemy import update
from standing import standing
from streamlit.runtime.scriptrunner_utils.exceptions import StopException
from streamlit.testing.v1 import AppTest
from waiting import patience

from dashboard.measured.timing import experiment_seconds_left
from dashboard.record.actions import quick_command
from dashboard.views.experiments.columns import list_row
from focus_core.config.experiment import validate_config
from focus_store.contracts import JobStatus, WorkerRow
from focus_store.database.tables import Experiment
from focus_store.record.notes import Notes
from focus_store.record.record import Record

APP = Path(__file__).parents[2] / "dashboard" / "app.py"


def charts(app: AppTest) -> list[Any]:
    return list(app.get("bidi_component"))


def test_the_frame_opens_on_the_experiments(small_laboratory: Any) -> None:
    app = AppTest.from_file(str(APP), default_timeout=patience(60)).run()
    assert not app.exception
    assert app.title[0].value == "Experiments"


def test_a_record_that_was_never_migrated_is_a_sentence_with_the_command(home: Path) -> None:
    app = AppTest.from_file(str(APP), default_timeout=patience(60)).run()
    assert not app.exception
    assert "focus-lab migrate" in app.code[0].value
    assert len(app.error) == 1


def test_an_empty_laboratory_offers_the_quickstart(empty_record: Any, tasks: Path) -> None:
    app = open_page("experiments")
    assert not app.exception
    assert "No experiments yet" in html(app)
    assert app.button(key="start-quickstart").label == "Start the quickstart"
    assert any("focus-lab up" in warning.value for warning in app.warning)


def test_the_experiments_page_lists_name_status_and_best_loss(small_laboratory: Any) -> None:
    app = open_page("experiments")
    assert not app.exception
    table = app.dataframe[0].value
    assert set(table["name"].str.rpartition("#")[2]) == {"Finished%20one", "Failed%20one", "A%20draft", "Queued%20one"}
    row = table[table["name"].str.endswith("Finished%20one")].iloc[0]
    assert row["status"] == ["✓ done"]
    assert row["loss"] == "0.167"
    assert row["error"] == "10 ± 0.0 %"
    assert row["map"].startswith("/artifacts/")


def test_a_long_name_in_the_readouts_is_cut_in_its_middle_for_its_end_tells_a_series_apart(
    small_laboratory: Any,
) -> None:
    with small_laboratory.record.database.writing() as session:
        mine = update(Experiment).where(Experiment.id == small_laboratory.queued)
        session.execute(mine.values(name=f"{'sweep ' * 15}seed 17", change=Experiment.change + 1))
    shown = html(open_page("experiments")).partition("Queued</dt>")[2].partition("</div>")[0]
    assert ">sweep sweep sw…p sweep seed 17</dd>" in shown


def test_filters_of_the_address_choose_experiments(small_laboratory: Any) -> None:
    app = open_page("experiments", status="Failed")
    assert len(app.dataframe[0].value) == 1
    assert open_page("experiments", text="no such name").dataframe.len == 0


def test_the_experiment_page_shows_maps_spectra_and_curves(small_laboratory: Any) -> None:
    app = open_page("experiment", id=small_laboratory.finished)
    assert not app.exception
    text = html(app)
    assert text.count('class="truth"') == 4
    assert text.count("<img") == 16
    assert "Ω<sub>m</sub>" in text
    assert 'data-status="done"' in text
    assert len(charts(app)) == 2
    accounts = text.split('data-testid="accounting"')[1].split("</table>")[0]
    for cells in (
        "Speed</td><td>13.5 images/s</td>",
        "Step, median</td><td>253 ms</td><td>252 ms</td>",  # the last of three epochs, and the middle one
        "99th percentile</td><td>1.4 s</td>",
        "Data-loading wait</td><td>1.2 %</td>",
        "Peak memory</td><td>200 MB</td>",
        "FLOPs per step</td><td>50 GFLOP</td>",
        "MFU (share of measured peak)</td><td>54 %</td>",
    ):
        assert cells in accounts
    assert [tab.label for tab in app.tabs] == ["Log", "Checkpoints", "Configuration", "Environment", "Notes"]


def test_the_epoch_slider_changes_the_maps(small_laboratory: Any) -> None:
    app = open_page("experiment", id=small_laboratory.finished)
    assert 'data-epoch="3"' in html(app)
    app.select_slider(key="epoch").set_value(1).run()
    assert 'data-epoch="1"' in html(app)
    assert 'data-epoch="2"' in html(open_page("experiment", id=small_laboratory.finished, epoch="2"))


def test_the_epoch_of_the_address_holds_after_another_experiment_was_open(small_laboratory: Any) -> None:
    app = open_page("experiment", id=small_laboratory.finished)
    app.query_params["id"], app.query_params["epoch"] = add_second(small_laboratory.record), "2"
    assert 'data-epoch="2"' in html(app.run())


def test_a_failed_run_says_why_and_what_next(small_laboratory: Any) -> None:
    app = open_page("experiment", id=small_laboratory.failed)
    assert "lower training.lr" in app.error[0].value
    assert "Resume" in app.error[0].value


def test_stop_and_resume_write_the_wish_and_show_it(small_laboratory: Any) -> None:
    app = open_page("experiment", id=small_laboratory.queued)
    app.button(key="stop").click().run()
    assert 'data-status="stopped"' in html(app)
    app.button(key="resume").click().run()
    assert 'data-status="queued"' in html(app)


def test_bar_words_list_and_time_left_tell_one_progress(small_laboratory: Any) -> None:
    """Two of three epochs are complete and half of the third: 10 of 12 steps, an epoch takes 2 s."""
    record, run = small_laboratory.record, small_laboratory.finished
    with record.database.writing() as session:
        values = {"status": "running", "epoch": 2, "step": 10, "change": Experiment.change + 1}
        session.execute(update(Experiment).where(Experiment.id == run).values(**values))
    page = html(open_page("experiment", id=run))
    assert 'aria-label="Progress of the training" aria-valuemin="0" aria-valuemax="100" aria-valuenow="83"' in page
    assert ">83 %</dd>" in page
    (row,) = (row for row in record.experiments.find() if row.id == run)
    assert list_row(row, row.name)["progress"] == pytest.approx(10 / 12)
    assert experiment_seconds_left(row) == pytest.approx(1.0)


def test_a_run_whose_suite_was_cancelled_says_so_and_offers_to_simulate_again(empty_record: Record) -> None:
    job = empty_record.jobs.request_simulation({"name": "quick"})
    run = empty_record.experiments.create(validate_config({"data": {"dataset": "quick"}}), after_job=job)
    empty_record.workers.beat(WorkerRow("train-1", "here", "train", 1, "cpu", 0.0, None))
    empty_record.jobs.cancel(job)
    app = open_page("experiment", id=run)
    assert "waits for the dataset quick, whose simulation was cancelled" in app.warning[0].value
    app.button(key="again").click().run()
    assert empty_record.jobs.get(job).status is JobStatus.QUEUED
    assert not app.warning


def test_an_unknown_experiment_is_a_sentence(small_laboratory: Any) -> None:
    app = open_page("experiment", id="nowhere")
    assert not app.exception
    assert "nowhere" in app.error[0].value


def test_notes_are_saved(small_laboratory: Any) -> None:
    app = open_page("experiment", id=small_laboratory.finished)
    app.text_area[0].set_value("the first good one").run()
    assert small_laboratory.record.experiments.get(small_laboratory.finished).notes == "the first good one"


def test_notes_and_tags_whose_first_saving_was_cut_off_are_saved_by_the_next_run(
    small_laboratory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A click right after the edit stops the script that was about to save; it runs anew, with the same fields."""
    record, experiment = small_laboratory.record, small_laboratory.finished
    app = open_page("experiment", id=experiment)
    with monkeypatch.context() as patched:
        for name in ("set", "set_tags"):
            patched.setattr(Notes, name, _stopped)
        app.text_area[0].set_value("nearly lost")
        app.multiselect(key=f"tags-{experiment}").set_value(["kept"])
        app.run()
    app.run()
    detail = record.experiments.get(experiment)
    assert (detail.notes, list(detail.summary.tags)) == ("nearly lost", ["kept"])
    record.notes.set(experiment, "by another window", expected="nearly lost")
    app.run()
    assert record.experiments.get(experiment).notes == "by another window"


def _stopped(*_: object, **__: object) -> None:
    raise StopException  # what Streamlit raises into a script that a click ends


def test_a_field_rewrites_its_line_of_the_yaml_and_keeps_the_comments(small_laboratory: Any) -> None:
    app = open_page("new", recipe="experiment_02")
    assert not app.exception
    standing(app.text_input, "f-training.lr").set_value("3e-4").run()
    text = standing(app.text_area, "yaml-text").value
    assert "lr: 3.0e-4" in text
    assert "# what the recipe is for" in text


def test_the_yaml_refills_the_form(small_laboratory: Any) -> None:
    app = open_page("new", recipe="experiment_02")
    text = standing(app.text_area, "yaml-text").value
    standing(app.text_area, "yaml-text").set_value(text.replace("batch_size: 32", "batch_size: 48")).run()
    assert standing(app.text_input, "f-training.batch_size").value == "48"
    assert standing(app.text_input, "f-training.batch_size").label == "Batch size"


def test_only_a_widget_whose_value_was_changed_for_it_gives_way_to_a_new_one(small_laboratory: Any) -> None:
    """A browser that has not yet received the change reports the old value, under a key no longer heard."""
    app = open_page("new", recipe="experiment_02")
    batch, lr = (standing(app.text_input, f"f-training.{n}").key for n in ("batch_size", "lr"))
    area = standing(app.text_area, "yaml-text")
    area.set_value(area.value.replace("batch_size: 32", "batch_size: 48")).run()
    assert standing(app.text_input, "f-training.batch_size").key != batch
    assert standing(app.text_input, "f-training.lr").key == lr
    assert standing(app.text_area, "yaml-text").key == area.key
    standing(app.text_input, "f-training.batch_size").set_value("24").run()
    assert standing(app.text_area, "yaml-text").key != area.key
    assert "batch_size: 24" in standing(app.text_area, "yaml-text").value


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("batch_size: 32", "bach_size: 32", "did you mean training.batch_size?"),
        ("batch_size: 32", "batch_size: 0", "training.batch_size"),
        ("training:", "training: [", "not valid YAML"),
    ],
)
def test_broken_yaml_is_a_sentence_and_changes_neither_side(
    small_laboratory: Any, old: str, new: str, said: str
) -> None:
    app = open_page("new", recipe="experiment_02")
    broken = standing(app.text_area, "yaml-text").value.replace(old, new)
    standing(app.text_area, "yaml-text").set_value(broken).run()
    assert said in app.error[0].value
    assert standing(app.text_area, "yaml-text").value == broken
    assert standing(app.text_input, "f-training.batch_size").value == "32"
    assert app.button(key="queue").disabled


def test_the_estimate_stands_above_the_form(small_laboratory: Any) -> None:
    text = html(open_page("new", recipe="experiment_02"))
    assert "37,341,569" in text


def test_an_identical_configuration_is_pointed_out(small_laboratory: Any) -> None:
    app = open_page("new", parent=small_laboratory.finished)
    assert any("already ran as" in warning.value for warning in app.warning)


@pytest.mark.parametrize("button", ["queue", "draft"])
def test_settings_that_nobody_has_seen_yet_are_not_queued(small_laboratory: Any, button: str) -> None:
    app = open_page("new", parent=small_laboratory.finished)
    before = len(small_laboratory.record.experiments.find())
    del app.session_state["new-sheet"]  # as in a new session, which knows nothing of what stands on the page
    app.button(key=button).click().run()
    assert any("nothing was queued" in warning.value for warning in app.warning)
    assert len(small_laboratory.record.experiments.find()) == before


def test_what_the_page_shows_is_queued_although_the_script_was_stopped_before_it_took_that_in(
    small_laboratory: Any,
) -> None:
    """Typing and straight to the button: the click stops the script that was to take in what was typed."""
    app = open_page("new", recipe="experiment_02")
    area = standing(app.text_area, "yaml-text")
    app.session_state[area.key] = area.value.replace("base_channels: 64", "base_channels: 8")
    app.button(key="draft").click().run()
    newest = small_laboratory.record.experiments.find()[0]
    assert small_laboratory.record.experiments.get(newest.id).config["model"]["base_channels"] == 8


def test_saving_a_draft_writes_it_down_with_its_parent(small_laboratory: Any) -> None:
    app = open_page("new", parent=small_laboratory.finished)
    app.button(key="draft").click().run()
    newest = small_laboratory.record.experiments.find()[0]
    assert newest.name == "Finished one, copy"
    assert newest.status == "draft"
    assert small_laboratory.record.experiments.get(newest.id).parent == small_laboratory.finished


def test_the_sample_page_shows_the_maps_and_spectrum_of_a_request(small_laboratory: Any) -> None:
    app = open_page("sample", model=small_laboratory.finished)
    assert not app.exception
    assert html(app).count("<img") == 4
    assert len(charts(app)) == 1
    assert [s.key for s in app.slider] == ["Omega_m", "Omega_b", "h", "n_s", "sigma_8", "w0", "guidance"]


def test_values_outside_the_training_range_warn_with_the_distance(small_laboratory: Any) -> None:
    app = open_page("sample", model=small_laboratory.finished, sigma_8="0.8")  # the maps shown are of 1.02
    assert "Outside" not in html(app)
    app.slider(key="sigma_8").set_value(1.02).run()
    assert "5.0 % of its width" in html(app)
    app.slider(key="guidance").set_value(2.0).run()
    assert "P(k) is biased" in html(app)


def test_asking_again_for_the_same_maps_is_answered_from_the_record(small_laboratory: Any) -> None:
    app = open_page("sample", model=small_laboratory.finished)
    for key, value in (("Omega_m", 0.3), ("Omega_b", 0.05), ("h", 0.7), ("n_s", 1.0), ("sigma_8", 1.02), ("w0", -1.0)):
        app.slider(key=key).set_value(value)
    app.number_input(key="n").set_value(4)
    app.number_input(key="seed").set_value(7).run()
    app.button(key="draw").click().run()
    assert app.query_params["sample"] == small_laboratory.sample


def test_no_model_to_sample_leads_to_the_experiments(empty_record: Any) -> None:
    app = open_page("sample")
    assert not app.exception
    assert "No trained model yet" in html(app)


def test_difference_scaled_spectrum_enlarged_map_and_tables_are_one_choice_away(small_laboratory: Any) -> None:
    app = open_page("experiment", id=small_laboratory.finished)
    choices = {group.key: group for group in app.get("button_group")}
    choices["maps-kind"].set_value("Difference")
    choices["power-kind"].set_value("k2pk")
    app.selectbox(key="enlarged").set_value("1-2")
    app.toggle(key="power-table").set_value(True)
    app.toggle(key="loss-table").set_value(True)
    app.run()
    assert not app.exception
    text = html(app)
    assert text.count("?limit=") == 12
    assert "Σ<sub>simulation</sub>" in text
    assert "<i>P</i>(<i>k</i>) generated [(Mpc/<i>h</i>)²]" in text
    assert "learning rate</th>" in text
    assert len(charts(app)) == 3


class TestAddressesThatNameNothing:
    """What a stale link or a hand-typed address asks for is said, and nothing else passes for it."""

    def test_an_experiment_that_is_not_there_has_a_headed_page_with_a_way_back(self, small_laboratory: Any) -> None:
        app = open_page("experiment", id="zzz")
        assert (app.title[0].value, app.error[0].value.partition(";")[0]) == (
            "Experiment",
            "experiment zzz: is not in this record",
        )
        assert app.button(key="all-experiments").label == "All experiments"
        assert "names no experiment" in open_page("experiment").error[0].value

    @pytest.mark.parametrize(("page", "key"), [("sample", "model"), ("new", "parent")])
    def test_a_model_or_a_parent_that_is_not_there_is_said(self, small_laboratory: Any, page: str, key: str) -> None:
        app = open_page(page, **{key: "zzz"})
        assert not app.exception
        assert "experiment zzz: is not in this record" in app.error[0].value

    @pytest.mark.parametrize(("page", "key", "box"), [("sample", "model", "model"), ("new", "parent", "new-parent")])
    def test_an_archived_one_is_taken_and_no_other(self, small_laboratory: Any, page: str, key: str, box: str) -> None:
        small_laboratory.record.experiments.archive(small_laboratory.finished)
        app = open_page(page, **{key: small_laboratory.finished})
        assert not app.exception
        assert app.selectbox(key=box).value == small_laboratory.finished
        assert "Finished one (archived)" in app.selectbox(key=box).options

    def test_a_dataset_that_is_not_there_is_said(self, small_laboratory: Any) -> None:
        app = open_page("datasets", dataset="slow")
        assert "dataset slow: is not in this record; it has quick" in app.error[0].value

    @pytest.mark.parametrize("epoch", ["²", "9" * 5000, "-1", "x"])
    def test_an_epoch_that_is_no_number_is_the_newest(self, small_laboratory: Any, epoch: str) -> None:
        for page, key in (("experiment", "id"), ("compare", "ids")):
            app = open_page(page, **{key: small_laboratory.finished, "epoch": epoch})
            assert not app.exception
            assert 'data-epoch="3"' in html(app)


def test_the_command_that_makes_the_quick_suite_can_be_pasted_into_a_shell() -> None:
    words = shlex.split(quick_command(Path("/home/a b/quick")))
    assert words[:4] == ["focus", "simulate", "--out", "/home/a b/quick"]


def test_without_a_setting_the_quick_suite_is_the_one_of_the_readme(
    empty_record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = re.sub(r"\s+", " ", (APP.parents[1] / "README.md").read_text(encoding="utf-8"))
    words = re.search(r"\*quick suite\*, (\d+) particle-mesh simulations of (\d+)³ particles", readme)
    assert words, "README.md does not tell the size of the quick suite"
    simulations, grid = map(int, words.groups())
    for name in ("FOCUS_QUICK_SIMULATIONS", "FOCUS_QUICK_GRID"):
        monkeypatch.delenv(name, raising=False)
    open_page("datasets").button(key="simulate-quick").click().run()
    (job,) = empty_record.jobs.every()
    asked = {name: job.arguments[name] for name in ("name", "simulations", "grid", "box", "seed")}
    assert asked == {"name": "quick", "simulations": simulations, "grid": grid, "box": float(grid), "seed": 0}


def test_the_quick_suite_has_the_size_that_the_laboratory_was_given(
    empty_record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOCUS_QUICK_SIMULATIONS", "12")
    monkeypatch.setenv("FOCUS_QUICK_GRID", "32")
    assert "--simulations 12 --grid 32 --box 32 --seed 0" in quick_command(Path("quick"))
    app = open_page("datasets")
    assert "12 particle-mesh simulations of 32³ particles with 144 maps" in html(app)
    app.button(key="simulate-quick").click().run()
    (job,) = empty_record.jobs.every()
    assert {name: job.arguments[name] for name in ("name", "simulations", "grid", "box", "seed")} == {
        "name": "quick", "simulations": 12, "grid": 32, "box": 32.0, "seed": 0,
    }  # fmt: skip
