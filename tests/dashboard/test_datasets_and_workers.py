"""Datasets and Workers: their figures, their sums, and the pages against a small real record."""

from __future__ import annotations

import datetime
import io
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_alone import address, html, open_page
from PIL import Image
from sqlalchemy import update

from dashboard.charts.dataset_curves import DatasetCurves, dataset_curves
from dashboard.charts.dataset_figures import coverage
from dashboard.parts.frame import state_markup
from dashboard.views.datasets.outlook import (
    changed_files,
    check_at_once,
    default_name,
    other_digest,
    seconds_a_cell,
    suite_readouts,
)
from dashboard.views.workers.causes import by_cause
from focus_core.data.answers import NOTHING_SAID
from focus_core.data.folder import Description, write_folder
from focus_core.data.split import split_simulations
from focus_core.errors import UserError
from focus_core.parameters import CAMELS_LH6, WCDM6
from focus_store.contracts import DatasetRow, JobRow, JobStatus, Life, Status, life
from focus_store.database.session import database_now
from focus_store.database.tables import Worker
from focus_store.record.lanes import Failure
from focus_store.record.record import Record
from focus_store.settings import Settings

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
GRID, BOX, SIMULATIONS, EACH = 16, 16.0, 12, 3
K = 2.0 * np.pi / BOX * np.arange(1, GRID // 2 + 1)


def theta() -> np.ndarray:
    return WCDM6.from_unit(np.random.default_rng(3).uniform(-1, 1, (SIMULATIONS, 6)))


def survey_quick(record: Record, **changes: Any) -> None:
    """`quick` as a worker's survey leaves it, with the files that it read."""
    folder = record.settings.datasets / "quick"
    about = Description("quick", "Mtot", "(M☉/h)/(Mpc/h)²", BOX, 0.0, EACH, WCDM6)
    maps = np.ones((SIMULATIONS, EACH, GRID, GRID), dtype=np.float32)
    write_folder(folder, iter(maps), GRID, theta(), about)
    put = record.artifacts.put
    arrays, sheet = io.BytesIO(), io.BytesIO()
    power = np.tile(10.0 / K**2, (SIMULATIONS, 1))
    np.savez(
        arrays, theta=theta(), k=K, power_mean=power, power_std=0.3 * power, unit=np.array("(Mpc/h)²"),
        maps_per_simulation=np.int64(EACH),
    )  # fmt: skip
    Image.new("RGBA", (8, 8)).save(sheet, format="WEBP", lossless=True)
    stored, picture = put(arrays.getvalue(), ".npz"), put(sheet.getvalue(), ".webp")
    files = {str(file): [file.stat().st_size, file.stat().st_mtime_ns] for file in folder.glob("*.npy")}
    survey = {
        "field": "Mtot", "redshift": 0.0, "maps_per_simulation": EACH, "normalised": False, "warnings": [],
        "files": files, "columns": 3, "shown_maps": EACH, "range": [11.0, 13.0], "mean": 1e12, "std": 3e12,
        "minimum": 0.0, "maximum": 4e14, "zero_fraction": 0.0, "arrays": stored.digest,
        "sheets": [[0, picture.digest], [11, picture.digest]],
    }  # fmt: skip
    row = {name: getattr(record.datasets.get("quick"), name) for name in ROW}
    provenance = {"source": "FOCUS particle-mesh simulation", "force_resolution": "1 Mpc/h (one cell)"}
    record.datasets.register_survey(row | {"provenance": provenance} | changes, survey, [])


ROW = ("name", "path", "digest", "n_maps", "n_simulations", "grid", "box_size", "unit", "parameter_space")


class TestFigures:
    def test_the_corner_plot_tells_the_splits_apart_by_shape_too(self) -> None:
        split = split_simulations(SIMULATIONS, 0.5, 0)
        parts = {"train": split.train, "validation": split.validation, "test": split.test}
        figure = coverage(WCDM6, theta(), parts)
        points = [trace for trace in figure.data if trace.type == "scatter"]
        assert len(points) == 15 * 3
        assert len({trace.marker.symbol for trace in points}) == len({trace.marker.color for trace in points}) == 3
        assert [trace.name for trace in points if trace.showlegend] == ["train, 6", "validation, 3", "test, 3"]
        np.testing.assert_allclose(points[0].x, theta()[list(split.train), 0], atol=1e-5)
        np.testing.assert_allclose(points[0].y, theta()[list(split.train), 1], atol=1e-5)
        assert sum(sum(trace.y) for trace in figure.data if trace.type == "bar") == 6 * SIMULATIONS

    def test_logarithmic_parameters_get_logarithmic_axes_that_hold_the_prior(self) -> None:
        drawn = CAMELS_LH6.from_unit(np.random.default_rng(0).uniform(-1, 1, (8, 6)))
        figure = coverage(CAMELS_LH6, drawn, {"train": range(8), "validation": [], "test": []})
        axes = [axis for axis in figure.select_xaxes() if axis.type == "log"]
        assert axes
        low, high = axes[-1].range
        assert 10**low < 0.5 < 2.0 < 10**high

    def test_more_points_than_a_page_can_draw_are_thinned(self) -> None:
        drawn = WCDM6.from_unit(np.random.default_rng(0).uniform(-1, 1, (5000, 6)))
        figure = coverage(WCDM6, drawn, {"train": range(5000)})
        assert max(len(trace.x) for trace in figure.data if trace.type == "scatter") == 1000

    def test_scatter_is_that_of_single_maps_over_the_whole_set(self) -> None:
        every = np.random.default_rng(1).lognormal(size=(200, 5, 4))
        power = DatasetCurves(K[:4], every.mean(axis=1), every.std(axis=1, ddof=1), 5, BOX, GRID, True)
        np.testing.assert_allclose(power.scatter(), every.reshape(-1, 4).std(axis=0), rtol=1e-12)

    def test_the_power_figure_marks_the_box_and_its_grid_and_names_units(self) -> None:
        mean = np.tile(10.0 / K**2, (SIMULATIONS, 1))
        figure = dataset_curves(DatasetCurves(K, mean, 0.3 * mean, EACH, BOX, GRID, True), 2)
        assert sorted(shape.x0 for shape in figure.layout.shapes) == pytest.approx([2 * math.pi / BOX, math.pi])
        assert "<i>h</i>/Mpc" in figure.layout.xaxis.title.text
        assert "(Mpc/<i>h</i>)²" in figure.layout.yaxis.title.text
        bare = dataset_curves(DatasetCurves(K, mean, 0.3 * mean, EACH, None, GRID, False), None)
        assert not bare.layout.shapes
        assert "normalised" in bare.layout.yaxis.title.text


class TestSums:
    def test_a_file_that_changed_is_named_with_what_is_different(self, tmp_path: Path) -> None:
        file = tmp_path / "maps.npy"
        file.write_bytes(b"1234")
        stat = file.stat()
        row = dataset_row(files={str(file): [stat.st_size, stat.st_mtime_ns]})
        assert changed_files(row) == []
        os.utime(file, ns=(0, 0))
        assert changed_files(row) == [f"{file} (written again)"]
        file.write_bytes(b"12345")
        assert changed_files(row) == [f"{file} (4 bytes then, 5 now)"]
        file.unlink()
        assert "No such file" in changed_files(row)[0]

    def test_a_fingerprint_is_not_taken_for_another_content(self) -> None:
        row = dataset_row()
        assert other_digest("sha256:bb", row)
        assert not other_digest("sha256:aa", row)
        assert not other_digest("fingerprint:bb", row)
        assert not other_digest(None, row)

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("/data/My set/", "My-set"),
            ("/data/Maps_Mcdm_IllustrisTNG_LH_z=0.00.npy", "Maps_Mcdm_IllustrisTNG_LH_z-0.00"),
            ("", ""),
        ],
    )
    def test_a_name_is_suggested_from_the_path(self, path: str, name: str) -> None:
        assert default_name(path) == name

    def test_a_box_takes_time_with_its_cells_and_a_suite_that_was_there_measures_nothing(self) -> None:
        jobs = [simulation(seconds=0.0), simulation(seconds=8.0)]
        measured = seconds_a_cell(jobs)
        assert measured is not None
        assert measured[0] * 64**3 == pytest.approx(0.5)
        time, each, maps, resolution, disk = suite_readouts(10, 128, 64.0, measured)
        assert (str(time.value), str(each.value)) == ("40 s", "4.0 s")
        assert (maps.value, str(resolution.value), str(disk.value)) == ("120", "0.5 Mpc/h", "7.86 MB")
        assert seconds_a_cell([]) is None

    def test_failures_with_one_cause_are_counted_together_newest_first(self) -> None:
        said = [
            "training.batch_size: 64 maps of 64² do not fit into the memory of cuda; lower training.batch_size.",
            "training.batch_size: 128 maps of 256² do not fit into the memory of cpu; lower training.batch_size.",
            "model.cond_dim: is 4, but quick has 6 parameters.",
        ]
        failures = [
            Failure(str(i), "experiment", "run", text, NOW + datetime.timedelta(hours=i)) for i, text in enumerate(said)
        ]
        memory, refused = by_cause(failures)
        assert (memory.title, len(memory.failures), memory.last.id) == ("Out of memory", 2, "1")
        assert "batch_size" in memory.remedy
        assert refused.title == "Refused: model.cond_dim"

    def test_a_table_with_another_number_of_rows_is_refused_at_once(self, home: Path, tmp_path: Path) -> None:
        np.save(tmp_path / "Maps_Mcdm_IllustrisTNG_LH_z=0.00.npy", np.ones((30, 8, 8), dtype=np.float32))
        rows = CAMELS_LH6.from_unit(np.random.default_rng(0).uniform(-1, 1, (7, 6)))
        np.savetxt(tmp_path / "params_LH_IllustrisTNG.txt", rows)
        with pytest.raises(
            UserError, match="holds 30 maps, which is not a whole number of maps for each of the 7 rows"
        ):
            check_at_once(Settings.from_environment(), str(tmp_path), None, NOTHING_SAID)

    def test_with_a_broker_that_is_a_server_the_files_may_lie_elsewhere(self, home: Path) -> None:
        far = Settings.from_environment({"FOCUS_HOME": str(home), "FOCUS_BROKER_URL": "redis://there:6379/0"})
        check_at_once(far, "/on/the/worker", None, NOTHING_SAID)
        with pytest.raises(UserError, match="no such file or folder"):
            check_at_once(Settings.from_environment(), "/on/the/worker", None, NOTHING_SAID)


def dataset_row(**survey: Any) -> DatasetRow:
    return DatasetRow("d", "/d", "sha256:aa", 36, 12, 16, 16.0, None, WCDM6.to_dict(), None, survey, NOW)


def simulation(seconds: float) -> JobRow:
    end = NOW + datetime.timedelta(seconds=seconds)
    arguments = {"name": "s", "grid": 64}
    return JobRow("j", "simulate", "s", arguments, JobStatus.SUCCEEDED, 16, 16, None, NOW, NOW, end)


class TestDatasetsPage:
    def test_an_empty_laboratory_offers_the_quick_suite_and_shows_its_progress(self, empty_record: Any) -> None:
        app = open_page("datasets")
        assert not app.exception
        app.button(key="simulate-quick").click().run()
        (job,) = empty_record.jobs.every()
        assert f'data-testid="job-{job.id}" data-status="queued"' in html(app)
        app.button(key=f"cancel-{job.id}").click().run()
        assert empty_record.jobs.get(job.id).status is JobStatus.QUEUED  # so soon after the start it asks
        app.button(key="act-sure").click().run()
        assert empty_record.jobs.get(job.id).status is JobStatus.CANCELLED
        app.button(key=f"resume-{job.id}").click().run()
        assert empty_record.jobs.get(job.id).status is JobStatus.QUEUED

    def test_a_measured_dataset_shows_itself_and_who_uses_it(self, small_laboratory: Any) -> None:
        survey_quick(small_laboratory.record)
        app = open_page("datasets")
        assert not app.exception
        text = html(app)
        for words in (
            "dataset-card",
            "dataset-quick",
            "dataset-maps",
            "PM simulation, force resolution 1 Mpc/h",
            "Mtot",
        ):
            assert words in text
        assert len(app.get("bidi_component")) == 2
        assert f"/experiment?id={small_laboratory.finished}" in text
        assert 'alt="Maps of simulation 0 of quick' in text
        assert "9 / 2 / 1" in text, "the split of the experiments that use it"
        app.number_input(key="train-split").set_value(0.5).run()
        assert "6 / 3 / 3" in html(app)
        app.select_slider(key="simulation").set_value("11").run()
        assert 'alt="Maps of simulation 11 of quick' in html(app)

    def test_the_split_and_the_simulation_that_are_looked_at_are_in_the_address(self, small_laboratory: Any) -> None:
        survey_quick(small_laboratory.record)
        asked = {"split-seed": "3", "train-split": "0.5", "simulation": "11"}
        app = open_page("datasets", **asked)
        assert app.number_input(key="split-seed").value == 3
        assert app.number_input(key="train-split").value == 0.5
        assert 'alt="Maps of simulation 11 of quick' in html(app)
        assert {name: address(app, name) for name in asked} == asked
        app.number_input(key="split-seed").set_value(4).run()
        assert address(app, "split-seed") == "4"
        app.select_slider(key="simulation").set_value("0").run()
        assert address(app, "simulation") is None, "the first is not named"

    def test_what_an_address_says_of_a_split_that_there_cannot_be_is_left_out(self, small_laboratory: Any) -> None:
        survey_quick(small_laboratory.record)
        app = open_page("datasets", **{"split-seed": "-1", "train-split": "2", "simulation": "99"})
        assert not app.exception
        assert "9 / 2 / 1" in html(app)
        assert [address(app, name) for name in ("split-seed", "train-split", "simulation")] == [None] * 3

    def test_changed_files_are_said_and_checked_again_on_request(self, small_laboratory: Any) -> None:
        record = small_laboratory.record
        survey_quick(record)
        maps = record.settings.datasets / "quick" / "maps.npy"
        maps.write_bytes(maps.read_bytes() + b"!")
        app = open_page("datasets")
        assert "Changed since it was checked" in app.warning[0].value
        app.button(key="check-quick").click().run()
        assert record.jobs.every()[0].kind == "add_dataset"

    def test_runs_on_other_content_of_the_name_are_named(self, small_laboratory: Any) -> None:
        record = small_laboratory.record
        survey_quick(record, digest="sha256:" + "e" * 64)
        from sqlalchemy import update

        from focus_store.database.tables import Experiment

        with record.database.writing() as session:
            found = {"dataset": {"digest": "sha256:" + "d" * 64}}
            session.execute(
                update(Experiment).where(Experiment.id == small_laboratory.finished).values(environment=found)
            )
        app = open_page("datasets")
        assert "1 experiment used other content of this name: [Finished one]" in app.warning[0].value
        assert "△ other" in html(app)
        of_the_run = open_page("experiment", id=small_laboratory.finished)
        assert "The dataset quick has changed since this experiment was trained" in of_the_run.warning[0].value
        compared = html(open_page("compare", ids=small_laboratory.finished))
        assert "Since Finished one trained, the files of the dataset changed" in compared

    def test_pixels_altered_behind_an_unchanged_digest_are_said_beside_resume(self, small_laboratory: Any) -> None:
        record = small_laboratory.record
        survey_quick(record)
        page = ("experiment", {"id": small_laboratory.finished})
        assert not open_page(page[0], **page[1]).warning
        maps = record.settings.datasets / "quick" / "maps.npy"
        content = bytearray(maps.read_bytes())
        content[-1] ^= 1
        maps.write_bytes(bytes(content))
        (said,) = open_page(page[0], **page[1]).warning
        assert f"are not as they were when it was checked: {maps} (written again). Check it again" in said.value

    def test_a_wrong_path_is_a_sentence_and_no_job(self, small_laboratory: Any) -> None:
        app = open_page("datasets")
        app.button(key="open-add").click().run()
        app.text_input(key="add-path").set_value("/nowhere/at-all").run()
        app.button(key="add-dataset").click().run()
        assert 'data-testid="add-error"' in html(app)
        assert "/nowhere/at-all: there is no such file or folder" in html(app)
        assert small_laboratory.record.jobs.every() == []

    def test_a_suite_is_asked_for_with_its_estimate_and_a_taken_name_is_refused(self, small_laboratory: Any) -> None:
        app = open_page("datasets")
        app.button(key="open-simulate").click().run()
        app.text_input(key="suite-name").set_value("quick").run()
        app.button(key="simulate").click().run()
        assert "is a dataset already" in html(app)
        app.text_input(key="suite-name").set_value("pm-128").run()
        assert 'data-testid="suite-estimate"' in html(app)
        app.button(key="simulate").click().run()
        (job,) = small_laboratory.record.jobs.every()
        assert (job.arguments["name"], job.arguments["grid"], job.total) == ("pm-128", 64, 64)


class TestWorkersPage:
    def test_workers_lanes_failures_and_disk_are_there(self, small_laboratory: Any) -> None:
        app = open_page("workers")
        assert not app.exception
        text = html(app)
        assert text.count('data-testid="worker-row"') == 2
        assert 'data-testid="lane-train" data-running="0" data-waiting="1"' in text
        assert "a worker takes it within seconds" in text
        assert "Loss not finite" in text
        assert 'data-testid="disk"' in text
        assert app.button(key=f"delete-{small_laboratory.queued}").disabled

    def test_what_waits_is_cancelled(self, small_laboratory: Any) -> None:
        app = open_page("workers")
        app.button(key=f"cancel-{small_laboratory.queued}").click().run()
        assert small_laboratory.record.experiments.get(small_laboratory.queued).summary.status is Status.CANCELLED

    def test_the_bytes_are_said_before_an_experiment_is_deleted(self, small_laboratory: Any) -> None:
        app = open_page("workers")
        app.button(key=f"delete-{small_laboratory.finished}").click().run()
        freed = small_laboratory.record.disk.would_free(small_laboratory.finished)
        assert "Finished one" in app.warning[-1].value
        assert freed.total > 1000
        app.button(key="confirm-delete-disk").click().run()
        assert "are free again" in html(app)
        assert not small_laboratory.record.settings.run_folder(small_laboratory.finished).exists()

    def test_without_workers_the_page_says_what_to_start(self, empty_record: Any) -> None:
        app = open_page("workers")
        assert not app.exception
        assert "focus-lab up" in app.warning[0].value
        assert "Nothing failed." in html(app)

    def test_a_worker_without_heartbeats_is_silent_and_then_lost_on_every_page(self, small_laboratory: Any) -> None:
        """Beats are due every 10 s and a lease lasts 45 s, by the database's clock."""
        record, run = small_laboratory.record, small_laboratory.queued
        assert [life(age, 10.0, 45.0) for age in (12, 16, 44, 46)] == [Life.LIVE, Life.SILENT, Life.SILENT, Life.LOST]
        last_beat(record, 2.0)
        assert 'class="focus-dot"' in state_markup(record.laboratory.state())
        assert html(open_page("workers")).count('data-life="live"') == 2

        last_beat(record, 16.0)
        said = state_markup(record.laboratory.state())
        assert 'class="focus-dot off"' in said
        assert re.search(r"2 workers, silent for \d\d s<", said)
        assert len(re.findall(r'data-status="silent for \d\d s"', html(open_page("workers")))) == 2
        for page in (open_page("experiments"), open_page("experiment", id=run)):
            assert any("silent for " in warning.value for warning in page.warning)

        last_beat(record, 46.0)
        assert "no worker" in state_markup(record.laboratory.state())
        assert html(open_page("workers")).count('data-life="lost"') == 2
        assert [entry.reason for entry in record.lanes.entries("train")] == ["no training worker lives"]
        for page in (open_page("workers"), open_page("experiments"), open_page("experiment", id=run)):
            assert any("No worker is running" in warning.value for warning in page.warning)

    def test_a_run_says_that_its_worker_is_silent(self, small_laboratory: Any) -> None:
        record = small_laboratory.record
        claim = record.leases.claim_row("experiment", small_laboratory.queued, "train-1")
        record.workers.set_current("train-1", claim.id)
        last_beat(record, 2.0)
        assert not open_page("experiment", id=claim.id).warning
        last_beat(record, 20.0)
        (warning,) = open_page("experiment", id=claim.id).warning
        assert "on here is silent for " in warning.value


def last_beat(record: Record, seconds_ago: float) -> None:
    """Every worker's last heartbeat is this old by the database's clock."""
    with record.database.writing() as session:
        beat = database_now(session) - datetime.timedelta(seconds=seconds_ago)
        session.execute(update(Worker).values(heartbeat_at=beat))
