"""The Datasets page asks what files leave open, describes data of any parameters, and shows what a check found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mass_maps import hypercube, maps_of, write_pair
from page_alone import html, open_page
from standing import standing

from focus_core.data.folder import open_folder
from worker.jobs import survey as survey_module
from worker.jobs.dataset_check import register

THETA = hypercube(6)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    np.save(tmp_path / "box.npy", maps_of(THETA))
    np.savetxt(tmp_path / "t.csv", THETA[:, [0, 2]], delimiter=",", header="Omega_m,my_feedback", comments="")
    return tmp_path / "box.npy", tmp_path / "t.csv"


def form(name: str) -> Any:
    app = open_page("datasets", form=name)
    assert not app.exception
    return app


def test_data_with_parameters_of_their_own_are_described_and_asked_for(
    small_laboratory: Any, files: tuple[Path, Path]
) -> None:
    app = form("describe")
    app.text_input(key="describe-maps").set_value(str(files[0]))
    app.text_input(key="describe-table").set_value(str(files[1]))
    app.text_input(key="describe-name").set_value("mine")
    app.selectbox(key="describe-field").set_value("Mtot")
    app.number_input(key="describe-box").set_value(25.0)
    app.number_input(key="describe-depth").set_value(5.0)
    app.text_area(key="describe-ranges").set_value("my_feedback = 0.25:4:log")
    app.button(key="describe-dataset").click().run()
    assert not app.exception
    folder = small_laboratory.record.settings.datasets / "mine"
    data = open_folder(folder)
    assert (data.field, data.box_size, data.slab_depth, data.space.names) == (
        "Mtot",
        25.0,
        5.0,
        ("Omega_m", "my_feedback"),
    )
    assert data.space.parameters[1].scaling == "log"
    (job,) = small_laboratory.record.jobs.every()
    assert (job.arguments["name"], job.arguments["path"]) == ("mine", str(folder))


@pytest.mark.parametrize(
    ("columns", "ranges", "words"),
    [
        ("a, b, c", "", "Names of columns: "),
        ("", "nothing = 0:1", "Ranges: &#x27;nothing&#x27; is no column"),
        ("", "my_feedback = low", "is not of the form NAME=MIN:MAX"),
    ],
)
def test_what_the_files_contradict_is_told_by_the_forms_own_fields(
    small_laboratory: Any, files: tuple[Path, Path], columns: str, ranges: str, words: str
) -> None:
    app = form("describe")
    app.text_input(key="describe-maps").set_value(str(files[0]))
    app.text_input(key="describe-table").set_value(str(files[1]))
    app.text_input(key="describe-columns").set_value(columns)
    app.text_area(key="describe-ranges").set_value(ranges)
    app.button(key="describe-dataset").click().run()
    assert words in html(app)
    assert small_laboratory.record.jobs.every() == []
    assert not (small_laboratory.record.settings.datasets / "box").exists()


def test_what_a_file_of_another_box_leaves_open_is_asked_for_and_goes_with_the_request(
    small_laboratory: Any, tmp_path: Path
) -> None:
    path = write_pair(tmp_path / "l50", 2 * maps_of(THETA), THETA, suite="SIMBA_L50n512")
    app = form("add")
    app.text_input(key="add-path").set_value(str(path))
    app.button(key="add-dataset").click().run()
    assert "Give Box side and Slab depth [Mpc/h]" in html(app)
    app.number_input(key="add-depth").set_value(10.0)
    app.selectbox(key="add-stored-as").set_value("log10")
    app.toggle(key="add-independent").set_value(True)
    app.button(key="add-dataset").click().run()
    (job,) = small_laboratory.record.jobs.every()
    said = {key: job.arguments.get(key) for key in ("box", "depth", "stored_as", "independent")}
    assert said == {"box": None, "depth": 10.0, "stored_as": "log10", "independent": True}


def test_the_warnings_of_a_check_and_what_it_judged_stand_on_the_page(small_laboratory: Any, tmp_path: Path) -> None:
    """A table with a row for every map, five of fifteen: registered as a worker does."""
    rows = np.repeat(THETA, 5, axis=0)
    maps = maps_of(THETA).reshape(6, 15, 20, 20)[:, :5].reshape(-1, 20, 20)
    path = write_pair(tmp_path / "pair", maps, rows)
    work = tmp_path / "work"
    assert survey_module.main(["--path", str(path), "--out", str(work), "--name", "rows", "--depth", "5"]) == 0
    register(small_laboratory.record, work)
    row = small_laboratory.record.datasets.get("rows")
    assert (row.n_simulations, row.n_maps) == (6, 30)
    app = open_page("datasets", dataset="rows")
    assert not app.exception
    assert any("has 5 maps of a simulation, but official sets have 15" in warning.value for warning in app.warning)
    shown = html(app)
    assert "rows of one θ are one simulation" in shown
    assert "slab of 5 Mpc/h" in shown
    # A configuration that names it reads the same simulations.
    opened = open_folder(Path(row.path))
    assert (opened.n_simulations, opened.slab_depth) == (6, 5.0)


def test_new_says_before_the_queue_what_the_dataset_doubts_and_that_the_network_does_not_fit_it(
    small_laboratory: Any, tmp_path: Path
) -> None:
    maps = maps_of(THETA).reshape(6, 15, 20, 20)[:, :5].reshape(-1, 20, 20)
    path = write_pair(tmp_path / "pair", maps, THETA, suite="Nbody_SIMBA")
    work = tmp_path / "work"
    assert survey_module.main(["--path", str(path), "--out", str(work), "--name", "nbody"]) == 0
    register(small_laboratory.record, work)
    app = open_page("new", recipe="experiment_02")
    area = standing(app.text_area, "yaml-text")
    area.set_value(area.value.replace("dataset: quick", "dataset: nbody")).run()
    said = " ".join(warning.value for warning in app.warning)
    assert "model.cond_dim is 6, but nbody has 2 parameters" in said
    assert "set Parameters in θ to 2" in said
    assert "has 5 maps of a simulation, but official sets have 15" in said
