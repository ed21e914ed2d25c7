"""The Compare page and what leads to it, against a small real record, without a browser."""

from __future__ import annotations

import re
from typing import Any

from page_alone import html, open_page
from prepared_record import write_run
from standing import standing
from streamlit.testing.v1 import AppTest

from focus_core.config.experiment import parse_config
from focus_store.contracts import Status


def cells(app: AppTest, label: str) -> list[str]:
    """The texts of the table's row that begins with `label`, without markup."""
    row = next(r for r in re.findall(r"<tr>(.*?)</tr>", html(app)) if label in re.sub("<[^>]*>", "", r).split("\n")[0])
    return [re.sub("<[^>]*>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]


def test_the_table_holds_measured_values_and_ratios_to_the_baseline(pair: tuple[str, str]) -> None:
    app = open_page("compare", ids=",".join(pair))
    assert not app.exception
    assert cells(app, "Base channels") == ["8", "16 ×2"]
    assert cells(app, "Parameters") == ["700,000", "700,000 ×1"]
    assert cells(app, "Batch size") == ["4", "8 ×2"]
    assert cells(app, "Peak memory") == ["200 MB", "200 MB ×1"]
    assert cells(app, "Speed") == ["13.5", "13.5 ×1"]
    assert cells(app, "Best validation loss") == ["0.1667", "0.1667 ×1"]
    assert cells(app, "error, 0.79–1.57") == ["+10 ± 0.0 %", "+30 ± 0.0 % ×3"]
    assert "<b>+10 ± 0.0 %</b>" in html(app)  # the best of its row
    for hook in ("compare-table", "compare-config", "image-matrix", "epoch"):
        assert f'data-testid="{hook}"' in html(app)
    assert len(app.get("bidi_component")) == 4  # cost, losses, spectra, the linked zoom of the maps


def test_another_baseline_stands_in_the_address(pair: tuple[str, str]) -> None:
    app = open_page("compare", ids=",".join(pair), baseline=pair[1])
    assert cells(app, "Base channels") == ["8 ×0.5", "16"]
    app.selectbox(key="baseline").set_value(pair[0]).run()
    assert cells(app, "Base channels") == ["8", "16 ×2"]
    assert "baseline" not in app.query_params


def test_only_settings_that_differ_are_listed(pair: tuple[str, str]) -> None:
    text = html(open_page("compare", ids=",".join(pair)))
    listed = re.findall(r"<code>(.*?)</code>", text)
    assert listed == ["model.<wbr>base_channels", "training.<wbr>batch_size"]
    assert "Configuration, 2 of" in text


def test_what_was_not_measured_is_said(pair: tuple[str, str], small_laboratory: Any) -> None:
    app = open_page("compare", ids=f"{pair[0]},{small_laboratory.queued}")
    assert not app.exception
    assert cells(app, "Peak memory") == ["200 MB", "not measured"]
    assert cells(app, "Best validation loss") == ["0.1667", "not measured"]
    assert "no map yet" in html(app)


def test_runs_of_different_data_keep_their_own_truth_and_it_is_said(pair: tuple[str, str], other_data: str) -> None:
    app = open_page("compare", ids=f"{pair[0]},{other_data}")
    assert not app.exception
    text = html(app)
    assert "different data (quick, 16² maps of 16 Mpc/h and other, 16² maps of 16 Mpc/h)" in text
    assert cells(app, "Best validation loss") == ["0.1667", "0.1667"]  # no ratio between different data
    assert cells(app, "error, 0.79–1.57") == ["+10 ± 0.0 %", "+10 ± 0.0 %"]
    assert "different data" not in html(open_page("compare", ids=",".join(pair)))


def test_runs_that_are_validated_on_other_simulations_have_no_best_and_it_is_said(
    pair: tuple[str, str], small_laboratory: Any
) -> None:
    record = small_laboratory.record
    text = "experiment: {name: Other split}\ndata: {dataset: quick, train_split: 0.75, split_seed: 4}\n"
    other = record.experiments.create(parse_config(text))
    write_run(record, other, excess=1.05, validation=(0, 1, 2))
    app = open_page("compare", ids=f"{pair[0]},{other}")
    assert "keep other simulations for validation" in html(app)
    assert "none of them is the best" in html(app)
    assert cells(app, "error, mean of bands") == ["10 ± 0.0 %", "5.0 ± 0.0 %"]
    assert "<b>5.0" not in html(app)
    assert "none of them is the best" not in html(open_page("compare", ids=",".join(pair)))


def test_a_p_k_error_says_its_own_error_and_of_how_many_maps_and_simulations_it_is(pair: tuple[str, str]) -> None:
    app = open_page("compare", ids=",".join(pair))
    assert "estimate from 12 maps of 3 simulations" in html(app)  # four rows, two of them one simulation
    assert "12 maps of 3 simulations" in html(open_page("experiment", id=pair[0]))
    assert "12 maps of 3 simulations" in html(open_page("experiments"))


def test_one_slider_moves_every_row_and_stands_in_the_address(pair: tuple[str, str]) -> None:
    app = open_page("compare", ids=",".join(pair))
    assert 'data-epoch="3"' in html(app)
    assert html(app).count("<img") == 4 + 2 * 12
    app.select_slider(key="compare-epoch").set_value(1).run()
    assert 'data-epoch="1"' in html(app)
    assert app.query_params["epoch"] in ("1", ["1"])
    assert 'data-epoch="2"' in html(open_page("compare", ids=",".join(pair), epoch="2"))


def test_taking_one_away_leaves_the_others_their_places(pair: tuple[str, str]) -> None:
    app = open_page("compare", ids=",".join(pair))
    orange = "#de701f"
    assert orange in html(app)
    app.multiselect(key="compare-set").set_value([pair[1]]).run()
    assert app.query_params["ids"] in (f",{pair[1]}", [f",{pair[1]}"])
    assert orange in html(app)
    assert "#2959f2" not in html(app)


def test_an_unknown_experiment_is_a_sentence_and_the_rest_is_shown(pair: tuple[str, str]) -> None:
    app = open_page("compare", ids=f"{pair[0]},nowhere")
    assert "nowhere" in app.error[0].value
    assert 'data-testid="compare-table"' in html(app)


def test_nothing_chosen_offers_the_newest(pair: tuple[str, str]) -> None:
    app = open_page("compare")
    assert "Nothing chosen" in html(app)
    app.button(key="compare-newest").click().run()
    assert 'data-testid="compare-table"' in html(app)
    assert app.query_params["ids"] in (f"{pair[1]},{pair[0]}", [f"{pair[1]},{pair[0]}"])


def test_an_empty_record_leads_to_a_new_experiment(empty_record: Any) -> None:
    app = open_page("compare")
    assert not app.exception
    assert "No experiments to compare yet" in html(app)
    assert app.button(key="new-experiment").label == "New experiment"


def mark(app: AppTest, rows: list[int]) -> AppTest:
    """Mark rows of the list, as a click on their boxes does: AppTest cannot select in a table."""
    names = app.dataframe[0].value["name"]
    app.query_params["marked"] = ",".join(re.search(r"id=(\w+)", names.iloc[i]).group(1) for i in rows)  # type: ignore[union-attr]
    return app.run()


def test_marked_experiments_can_be_stopped_tagged_and_archived(pair: tuple[str, str], small_laboratory: Any) -> None:
    app = open_page("experiments")
    assert app.button(key="compare").disabled
    names = list(app.dataframe[0].value["name"])
    queued = next(i for i, name in enumerate(names) if name.endswith("Queued%20one"))
    mark(app, [queued])
    assert not app.button(key="clone").disabled
    assert app.button(key="archive").disabled  # it waits for a worker
    app.button(key="stop").click().run()
    assert small_laboratory.record.experiments.get(small_laboratory.queued).summary.status is Status.CANCELLED
    mark(app, [queued, 0])
    assert not app.button(key="compare").disabled
    app.multiselect(key="tags-to-add").set_value(["baseline"])
    app.button(key="add-tags").click().run()
    second = small_laboratory.record.experiments.get(pair[1]).summary
    assert second.tags == ("baseline", "larger")  # beside those that it had
    app.button(key="archive").click().run()
    assert len(app.dataframe[0].value) == len(names) - 2


def test_archived_experiments_are_listed_apart_and_come_back(pair: tuple[str, str], small_laboratory: Any) -> None:
    record = small_laboratory.record
    record.experiments.archive(pair[0])
    app = open_page("experiments", status="Archived")
    assert len(app.dataframe[0].value) == 1
    mark(app, [0])
    app.button(key="restore").click().run()
    assert pair[0] in {row.id for row in record.experiments.find()}


def test_a_clone_shows_what_differs_from_its_parent_and_what_already_ran(pair: tuple[str, str]) -> None:
    app = open_page("new", parent=pair[1])
    assert "Nothing differs from the parent yet" in html(app)
    assert any(f"/experiment?id={pair[1]}" in w.value and "already ran as" in w.value for w in app.warning)
    standing(app.text_input, "f-training.batch_size").set_value("6").run()
    assert cells(app, "training.batch_size")[1:] == ["8", "6"]
    assert not any("identical" in w.value for w in app.warning)


def test_a_configuration_that_only_waits_is_not_said_to_have_run(small_laboratory: Any) -> None:
    app = open_page("new", parent=small_laboratory.queued)
    assert any("is already queued as" in warning.value for warning in app.warning)
