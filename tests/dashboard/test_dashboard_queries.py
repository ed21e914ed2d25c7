"""Reads behind the pages: caches that follow changes, spectra from stored arrays, routes, recipes, actions."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette

from dashboard.look.template import colour_with_alpha
from dashboard.measured.map_curves import epoch_curves, nearest_simulations, sample_curves
from dashboard.measured.tiles import tile_url
from dashboard.measured.timing import job_words
from dashboard.record import queries
from dashboard.record.actions import queue_recipe
from dashboard.serve import make_app
from dashboard.server.routes import ROUTES, artifact_url
from dashboard.views.new.estimates import Reference, dataset_of, outlook
from dashboard.views.sample.controls import slider_range
from dashboard.views.sample.result import curves_csv
from focus_core.config.experiment import parse_config
from focus_core.errors import UserError
from focus_core.figures.tiles import render_tile
from focus_core.parameters import CAMELS_LH6, WCDM6
from focus_store.contracts import JobStatus, Speed
from focus_store.recipes import recipe, recipes
from focus_store.record.experiments import model_digest


def fetch(path: str, query: str = "") -> tuple[int, dict[str, str], bytes]:
    """One GET through the ASGI interface, as a server would ask."""
    sent: list[dict[str, Any]] = []

    asked: list[bool] = []

    async def receive() -> dict[str, Any]:
        if asked:  # a client that listens on: nothing more comes until the answer is whole
            await asyncio.Event().wait()
        asked.append(True)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
             "headers": [], "http_version": "1.1", "scheme": "http", "server": ("here", 80), "client": ("here", 1),
             "root_path": "", "app": None}  # fmt: skip
    asyncio.run(Starlette(routes=ROUTES)(scope, receive, send))
    headers = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(m.get("body", b"") for m in sent[1:])


def test_a_change_of_the_record_is_seen_at_the_next_read(small_laboratory: Any) -> None:
    assert queries.experiment(small_laboratory.finished).notes == ""
    small_laboratory.record.notes.set(small_laboratory.finished, "seen")
    assert queries.experiment(small_laboratory.finished).notes == "seen"


def test_a_list_is_whole_however_many_there_are(empty_record: Any) -> None:
    config = parse_config("experiment: {name: one of many}\ndata: {dataset: quick}\n")
    for _ in range(510):
        empty_record.experiments.create(config, draft=True)
    assert len(queries.summaries(None, None, None, None)) == 510


def test_an_epoch_s_spectra_are_means_with_standard_errors(small_laboratory: Any) -> None:
    drawn = queries.figures(small_laboratory.finished, 3)
    arrays = queries.arrays(drawn.power_arrays or "")
    whole = epoch_curves(arrays, 3, 16)
    np.testing.assert_allclose(whole.below(), 1.1)
    assert whole.scatter is not None
    assert whole.truth_error is not None
    np.testing.assert_allclose(whole.scatter, 0.3 * whole.truth)
    np.testing.assert_allclose(whole.truth_error, whole.scatter / np.sqrt(4 * 3))
    assert whole.truth_name == "simulations, mean of 12"
    assert epoch_curves(arrays, 3, 16, row=1).truth_name == "simulation, mean of 3"
    assert [mark.at for mark in whole.marks()] == pytest.approx([2 * np.pi / 16, np.pi])
    assert whole.physical


def test_the_nearest_simulation_of_a_simulation_is_itself(small_laboratory: Any) -> None:
    truth = queries.truth(queries.experiment(small_laboratory.finished))
    assert truth is not None
    (first, distance), (_, second) = nearest_simulations(WCDM6, truth, truth.theta[10], count=2)
    assert first == 10
    assert distance == pytest.approx(0.0)
    assert second > 0
    nearest, _ = nearest_simulations(WCDM6, truth, truth.theta[10], count=1, training_only=True)[0]
    assert nearest < 9  # rows 9 to 11 are held out


def test_corner_to_corner_is_a_distance_of_one(small_laboratory: Any) -> None:
    truth = queries.truth(queries.experiment(small_laboratory.finished))
    assert truth is not None
    low, high = ([getattr(p, end) for p in WCDM6.parameters] for end in ("minimum", "maximum"))
    corner = queries.Truth(**{**vars(truth), "theta": np.array([low]), "split": np.zeros(1)})
    assert nearest_simulations(WCDM6, corner, high, count=1)[0][1] == pytest.approx(1.0)


def test_a_batch_is_held_against_the_nearest_simulations(small_laboratory: Any) -> None:
    row = small_laboratory.record.samples.get(small_laboratory.sample)
    truth = queries.truth(queries.experiment(small_laboratory.finished))
    power = row.measured["power_spectrum"]
    seen = sample_curves(power, truth, [0, 1, 2])
    assert seen is not None
    np.testing.assert_allclose(seen.below(), 1.2)
    assert seen.truth_name == "3 nearest simulations, 9 maps"
    shorter = replace(power, arrays=power.arrays | {"k": power.arrays["k"][:-1]})
    assert sample_curves(shorter, truth, [0]) is None


def test_the_csv_of_a_batch_has_the_columns_of_focus_spectrum(small_laboratory: Any) -> None:
    row = small_laboratory.record.samples.get(small_laboratory.sample)
    lines = curves_csv(row).splitlines()
    assert lines[0] == "map,k,power,n_modes,error"
    assert len(lines) == 1 + 4 * 8
    number, _, power, modes, error = (float(cell) for cell in lines[1].split(","))
    assert number == 0
    assert error == pytest.approx(power * np.sqrt(2 / modes))


def test_images_are_served_by_hash_for_ever(small_laboratory: Any) -> None:
    digest = queries.figures(small_laboratory.finished, 1).real_tiles[0]
    status, headers, body = fetch(artifact_url(digest))
    assert status == 200
    assert headers["content-type"] == "image/webp"
    assert "immutable" in headers["cache-control"]
    assert body == small_laboratory.record.artifacts.read(digest)


def test_a_report_is_sent_to_be_kept_and_never_shown_as_a_page_of_this_server(small_laboratory: Any) -> None:
    file = small_laboratory.record.artifacts.put(b"<html><script>1</script>", ".html")
    status, headers, _ = fetch(artifact_url(file.digest, "html"))
    assert (status, headers["content-disposition"]) == (200, "attachment")


@pytest.mark.parametrize("name", ["0" * 64 + ".webp", "..%2f..%2fetc%2fpasswd.webp", "abc.webp", "0" * 64 + ".db"])
def test_anything_else_is_not_found(small_laboratory: Any, name: str) -> None:
    assert fetch(f"/artifacts/{name}")[0] == 404


def test_a_tile_is_not_served_under_another_suffix(small_laboratory: Any) -> None:
    digest = queries.figures(small_laboratory.finished, 1).real_tiles[0]
    assert fetch(artifact_url(digest, "npz"))[0] == 404


def test_downloads_carry_a_file_name(small_laboratory: Any) -> None:
    result = small_laboratory.record.samples.get(small_laboratory.sample).result
    _, headers, body = fetch(artifact_url(result, "npz"), "name=maps.npz")
    assert headers["content-disposition"] == 'attachment; filename="maps.npz"'
    assert body[:2] == b"PK"
    assert "content-disposition" not in fetch(artifact_url(result, "npz"), "name=a%22b")[1]


def test_tiles_are_drawn_on_the_scale_of_their_address(small_laboratory: Any) -> None:
    drawn = queries.figures(small_laboratory.finished, 3)
    assert drawn.samples_arrays is not None
    tile, _, scale = tile_url(drawn.samples_arrays, 1, 2, (11.0, 12.5)).partition("?")
    status, headers, body = fetch(tile, scale)
    assert (status, headers["content-type"]) == (200, "image/webp")
    assert "immutable" in headers["cache-control"]
    generated = queries.arrays(drawn.samples_arrays)["generated"]
    assert body == render_tile(generated[1, 1], 11.0, 12.5)
    for path, query in (
        (tile.replace("/1/2.webp", "/1/9.webp"), scale),
        (tile.replace("/1/2.webp", "/9/0.webp"), scale),
        (tile, ""),
        (tile, "low=2&high=1"),
        (f"/tiles/{'0' * 64}/0/0.webp", scale),
    ):
        assert fetch(path, query)[0] == 404


def test_health_tells_the_laboratory_s_state(small_laboratory: Any) -> None:
    status, _, body = fetch("/api/health")
    assert status == 200
    assert b'"workers":2' in body


def test_health_is_unavailable_without_a_record(home: Path) -> None:
    status, _, body = fetch("/api/health")
    assert status == 503
    assert b"focus-lab migrate" in body


def test_plotly_comes_from_the_installed_wheel() -> None:
    status, headers, body = fetch("/plotly.min.js")
    assert status == 200
    assert "javascript" in headers["content-type"]
    assert b"plotly.js v" in body[:200]


def test_the_application_carries_the_routes_and_finds_its_script() -> None:
    assert make_app().script_path.name == "app.py"


def test_recipes_come_in_their_order_and_unknown_ones_are_named(tasks: Path) -> None:
    (tasks / "mine").mkdir()
    (tasks / "mine" / "config.yaml").write_text("data: {dataset: quick}\n", encoding="utf-8")
    assert list(recipes()) == ["quickstart", "experiment_02", "mine"]
    assert recipe("quickstart").name == "Quickstart"
    with pytest.raises(UserError, match="there are quickstart, experiment_02, mine"):
        recipe("quick")


def test_the_quickstart_simulates_its_suite_first(empty_record: Any, tasks: Path) -> None:
    experiment = queue_recipe("quickstart")
    jobs = queries.active_simulations()
    assert [job.arguments["name"] for job in jobs] == ["quick"]
    assert queries.experiment(experiment).summary.recipe == "quickstart"
    queue_recipe("quickstart")
    assert len(queries.active_simulations()) == 1
    assert "waits for a worker" in job_words(jobs[0])


def test_a_suite_that_is_there_is_not_simulated_again(small_laboratory: Any) -> None:
    queue_recipe("quickstart")
    assert queries.active_simulations() == []


def test_the_words_of_a_running_simulation_tell_the_time_left(empty_record: Any, tasks: Path) -> None:
    import dataclasses
    import datetime

    queue_recipe("quickstart")
    now = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    job = dataclasses.replace(
        queries.active_simulations()[0],
        status=JobStatus.RUNNING,
        done=16,
        started_at=now - datetime.timedelta(seconds=40),
    )
    assert job_words(job, now) == "Simulating <b>quick</b>, 16 of 64 simulations, about 2 min left"


def test_time_is_measured_scaled_or_not_said(small_laboratory: Any) -> None:
    config = parse_config("data: {dataset: quick}\nmodel: {base_channels: 8}\n")
    dataset = dataset_of(config, queries.datasets())
    assert dataset is not None
    unknown = outlook(config, dataset, [])
    assert unknown.epoch_seconds() is None
    assert unknown.train_maps == 33  # 11 of 12 simulations, 3 maps each
    measured = outlook(config, dataset, [Speed(model_digest(config), 16, "cpu", 11.0)])
    assert measured.epoch_seconds() == pytest.approx(3.0)
    reference = Reference("other", 5.0, 2 * unknown.estimate.flops_per_image)
    assert outlook(config, dataset, [], reference).images_per_second == pytest.approx(10.0)


@pytest.mark.parametrize("p", [*WCDM6.parameters, *CAMELS_LH6.parameters], ids=lambda p: p.name)
def test_sliders_reach_twelve_per_cent_beyond_the_range_and_stay_positive(p: Any) -> None:
    low, high, step = slider_range(p)
    ends = np.log10([p.minimum, p.maximum]) if p.scaling == "log" else np.array([p.minimum, p.maximum])
    width = ends[1] - ends[0]
    assert ends[0] - 0.13 * width < low < ends[0] - 0.1 * width
    assert ends[1] + 0.1 * width < high < ends[1] + 0.13 * width
    assert 100 < (high - low) / step < 1000
    assert p.scaling == "log" or p.minimum < 0 or low > 0


def test_colours_gain_their_alpha() -> None:
    assert colour_with_alpha("#de701f", 0.22) == "rgba(222,112,31,0.22)"


def test_every_module_imports_with_torch_blocked_and_no_server() -> None:
    code = """
import importlib, pkgutil, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "pyccl", "scipy", "matplotlib"):
            raise ImportError(name)
sys.meta_path.insert(0, Block())
import dashboard
for module in pkgutil.walk_packages(dashboard.__path__, "dashboard."):
    if module.name != "dashboard.app":
        importlib.import_module(module.name)
assert not {"torch", "pyccl", "scipy", "matplotlib"} & sys.modules.keys()
print("imported")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "imported", done.stderr[-2000:]
