"""A laboratory of several experiments, in a real browser: what the Compare, Datasets and Workers pages are for.

One laboratory serves the whole file, and the tests follow one another as a visit does: a suite is simulated,
Experiments 01 and 02 train on it at reduced width, meanwhile a dataset is added by its path, then both experiments are
compared, another suite is cancelled, and one experiment is deleted.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from living_page import await_rest, scroll_to
from playwright.sync_api import Browser, Locator, Page, expect
from running_laboratory import Laboratory, start_laboratory, stop_laboratory
from standing import standing_on
from waiting import await_condition, patience

from focus_core.data.folder import Description, write_folder
from focus_core.parameters import WCDM6
from worker.laboratory.servers import missing_programs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

RECIPES = ("experiment_01", "experiment_02")
# Made small enough for a test: every other key as the recipe has it.
SMALLER = {
    r"dataset: quick": "dataset: tiny",
    r"train_split: [\d.]+": "train_split: 0.5",
    r"num_workers: \d+": "num_workers: 0",
    r"channel_mults: \[.*\]": "channel_mults: [1, 2]",
    r"num_epochs: \d+": "num_epochs: 2",
    r"ddim_timesteps: \d+": "ddim_timesteps: 5",
}
OWN = {
    "experiment_01": {r"base_channels: \d+": "base_channels: 16", r"batch_size: \d+": "batch_size: 16"},
    "experiment_02": {r"base_channels: \d+": "base_channels: 8", r"batch_size: \d+": "batch_size: 8"},
}


# Small boxes, and more of them than any machine makes before the visit cancels them.
LONG_SUITE = {"FOCUS_QUICK_SIMULATIONS": "3000", "FOCUS_QUICK_GRID": "32"}


@dataclass
class Visit:
    """A laboratory, the page that stands open on it, and what one test hands to the next."""

    laboratory: Laboratory
    stack: str
    page: Page
    ids: dict[str, str] = field(default_factory=dict)

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.laboratory.address}/{path}")
        return self.page

    def compare(self) -> Page:
        return self.open(f"compare?ids={','.join(self.ids[name] for name in RECIPES)}")


@pytest.fixture(scope="module")
def stack() -> str:
    """On PostgreSQL and Redis as `make stack` has it, where they are; test_newcomer.py has a visit on `make up`.

    The pages are the same on both, and what they ask of the record is tested on both databases in tests/focus_store.
    """
    return "stack" if os.environ.get("CI") == "true" or not missing_programs() else "up"


@pytest.fixture(scope="module")
def laboratory(stack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    running = start_laboratory(tmp_path_factory.mktemp("home"), command=stack, variables=LONG_SUITE)
    yield running
    stop_laboratory(running)


@pytest.fixture(scope="module")
def visit(stack: str, laboratory: Laboratory, browser: Browser) -> Iterator[Visit]:
    """One window for the whole visit; it fails the last test if anything came from outside."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(patience() * 1000)
    expect.set_options(timeout=patience() * 1000)
    ours = (laboratory.address, laboratory.address.replace("http", "ws", 1), "data:", "blob:", "about:")
    outside: list[str] = []
    page.on("request", lambda sent: None if sent.url.startswith(ours) else outside.append(sent.url))
    yield Visit(laboratory, stack, page)
    context.close()
    assert outside == [], f"fetched from outside: {outside}"


def press(page: Page, key: str) -> None:
    page.locator(f".st-key-{key} button").click()


def type_in(page: Page, key: str, text: str) -> None:
    page.locator(f".st-key-{key} input").first.fill(text)


def job(page: Page, name: str) -> Locator:
    return page.locator(f'[data-testid^="job-"][data-name="{name}"]')


def cancel_job(page: Page, name: str) -> None:
    hook = job(page, name).get_attribute("data-testid") or ""
    press(page, hook.replace("job-", "cancel-", 1))
    sure = page.locator(".st-key-act-sure button")  # asked within seconds of the start, on a quick machine
    sure.or_(page.locator(f'[data-testid="{hook}"][data-status="cancelled"]')).first.wait_for()
    if sure.count():
        sure.click()


def traces(page: Page, name: str) -> dict[str, int]:
    """Points of each named curve of a chart, once it is drawn."""
    box = page.get_by_test_id(f"chart-{name}")
    await_condition(lambda: box.count() == 1 and box.evaluate("box => (box._fullData || []).length > 0"), name)
    script = "box => box._fullData.map(trace => [trace.name, (trace.x || []).length])"
    found: dict[str, int] = {}
    for curve, n in box.evaluate(script):
        found[str(curve)] = max(n, found.get(str(curve), 0))
    return found


def titles(page: Page, name: str) -> dict[str, str]:
    """The axis titles as they are read, by axis; those that say nothing are left out."""
    script = """box => Object.fromEntries(Object.entries(box._fullLayout)
        .filter(([key, axis]) => /^[xy]axis[0-9]*$/.test(key) && axis.title && box.layout[key]?.title)
        .map(([key, axis]) => [key, axis.title.text.replace(/<[^>]*>/g, "")]))"""
    return dict(page.get_by_test_id(f"chart-{name}").evaluate(script))


def row(page: Page, hook: str, label: str) -> list[str]:
    """The cells of the row of a table that begins with these words."""
    found = page.get_by_test_id(hook).locator("tr").filter(has=page.locator("th", has_text=re.compile(f"^{label}")))
    return [re.sub(r"\s+", " ", text).strip() for text in found.locator("td").all_inner_texts()]


def await_images(area: Locator) -> int:
    """All of them loaded; how many."""
    script = (
        "box => { const all = [...box.querySelectorAll('img')]; "
        "return all.length && all.every(i => i.complete && i.naturalWidth > 0) ? all.length : 0; }"
    )
    scroll_to(area)
    return int(await_condition(lambda: area.evaluate(script), "the maps to be loaded"))


class TestSeveralExperiments:
    """In this order; each test continues where the one before it left the laboratory."""

    def test_the_workers_page_shows_who_works_and_what_waits_and_cancels_it(self, visit: Visit) -> None:
        lock = json.loads((visit.laboratory.home / "laboratory.lock").read_text())
        assert ("database_url" in lock) == (visit.stack == "stack")
        page = visit.open("workers")
        for lane in ("train", "sample"):
            expect(page.locator(f'[data-testid="worker-row"][data-lane="{lane}"][data-life="live"]')).to_have_count(1)
            expect(page.get_by_test_id(f"lane-{lane}")).to_have_count(1)
        training = page.locator('[data-testid="lane-train"][data-running="1"][data-waiting="1"]')
        training.wait_for()
        waiting = page.locator(".st-key-lane-train").locator('[data-testid="lane-entry"][data-position="1"]')
        expect(waiting).to_contain_text("quickstart")
        press(page, f"cancel-{waiting.get_attribute('data-id')}")
        expect(page.get_by_test_id("lane-train")).to_have_attribute("data-waiting", "0")

    def test_a_suite_under_way_is_cancelled_and_a_small_one_is_simulated_with_progress(self, visit: Visit) -> None:
        page = visit.open("datasets")
        expect(job(page, "quick")).to_contain_text(re.compile(r"[1-9]\d* of 3000"))
        cancel_job(page, "quick")
        expect(job(page, "quick")).to_have_attribute("data-status", "cancelled")
        simulate(page, "tiny", simulations=8)
        expect(job(page, "tiny")).to_contain_text(re.compile("8 simulations|Measuring"))
        page.get_by_test_id("dataset-tiny").wait_for()
        expect(page.get_by_test_id("dataset-tiny")).to_contain_text("96")
        curves = traces(page, "dataset-power")
        assert max(curves.values()) >= 15, curves
        assert titles(page, "dataset-power") == {"xaxis": "k [h/Mpc]", "yaxis": "P(k)  [(Mpc/h)²]"}
        assert {"train", "validation", "test"} <= {name.partition(",")[0] for name in traces(page, "coverage")}
        assert await_images(page.get_by_test_id("dataset-maps")) == 1

    @pytest.mark.parametrize("name", RECIPES)
    def test_a_recipe_is_queued_at_reduced_width(self, visit: Visit, name: str) -> None:
        page = visit.open(f"new?recipe={name}")
        area = standing_on(page, "yaml-text")
        expect(area).to_have_value(re.compile(f"name: {name}"))
        text = area.input_value()
        for pattern, value in {**SMALLER, **OWN[name]}.items():
            text, found = re.subn(pattern, value, text)
            assert found, f"the recipe has no {pattern}"
        area.fill(text)  # and straight to the button, as one does: the form has not followed yet
        press(page, "queue")
        page.wait_for_url(re.compile(r"/experiment\?.*id="))
        found_id = re.search(r"id=(\w+)", page.url)
        assert found_id is not None
        visit.ids[name] = found_id[1]

    def test_a_wrong_path_is_one_sentence_and_a_right_one_is_added_while_they_train(
        self, visit: Visit, tmp_path: Path
    ) -> None:
        page = visit.open("datasets")
        add(page, str(tmp_path / "nowhere"))
        said = page.get_by_test_id("add-error")
        expect(said).to_contain_text(f"{tmp_path / 'nowhere'}: there is no such file or folder; check the path.")
        expect(said).to_have_count(1)
        assert page.get_by_text("Traceback").count() == 0
        write_lognormal(tmp_path / "lognormal")
        page = visit.open("datasets")
        add(page, str(tmp_path / "lognormal"))
        page.locator(".st-key-dataset-choice").get_by_text("lognormal", exact=True).click()
        card = page.get_by_test_id("dataset-lognormal")
        card.wait_for()
        expect(card).to_contain_text("24")
        page.locator('[data-testid="dataset-card"][data-name="lognormal"]').wait_for()
        assert "train" in {name.partition(",")[0] for name in traces(page, "coverage")}

    def test_marked_rows_of_the_list_lead_to_their_comparison(self, visit: Visit) -> None:
        page = visit.open("?status=Done&text=experiment_0")
        expect(page.get_by_test_id("count")).to_contain_text("2 of 3")
        for i in range(2):
            mark_row(page, i)
            expect(page.get_by_test_id("selected")).to_contain_text(f"{i + 1} selected")
        press(page, "compare")
        page.wait_for_url(re.compile(r"/compare\?.*ids="))
        chosen = re.search(r"ids=([^&]+)", page.url)
        assert chosen is not None
        assert set(re.split(",|%2C", chosen[1])) == set(visit.ids.values())
        page.get_by_test_id("compare-table").wait_for()

    def test_the_table_holds_what_was_measured_and_the_settings_that_differ(self, visit: Visit) -> None:
        page = visit.compare()
        page.get_by_test_id("compare-table").wait_for()
        await_rest(page)
        assert row(page, "compare-table", "Base channels") == ["16", "8 ×0.5"]
        assert row(page, "compare-table", "Batch size") == ["16", "8 ×0.5"]
        assert row(page, "compare-table", "Epochs done") == ["2", "2 ×1"]
        for label in ("Parameters", "Peak memory", "Speed", "Best validation loss", r"P\(k\) error, mean"):
            cells = row(page, "compare-table", label)
            assert len(cells) == 2
            assert all(re.search(r"\d", cell) for cell in cells), (label, cells)
            assert "×" in cells[1], (label, cells)
        bands = page.get_by_test_id("compare-table").locator("th", has_text=re.compile(r"error, [\d.]+–[\d.]+ h/Mpc"))
        assert bands.count() >= 2
        settings = page.get_by_test_id("compare-config").locator("code").all_inner_texts()
        assert settings == ["model.base_channels", "training.batch_size"]
        assert page.get_by_test_id("compare-difference").count() == 0  # one dataset, nothing to warn of
        lines = list(csv.reader(io.StringIO(downloaded(page, "csv-table"))))
        parameters = {line[0]: line[2:] for line in lines}["Parameters"]
        measured = [trained(visit, name)["parameters"] for name in RECIPES]
        assert [float(value) for value in parameters[:2]] == measured

    def test_losses_and_spectra_are_overlaid_with_units_on_their_axes(self, visit: Visit) -> None:
        page = visit.compare()
        for chart in ("compare-loss", "compare-power"):
            curves = traces(page, chart)
            for name in RECIPES:
                assert max((n for curve, n in curves.items() if name in curve), default=0) > 1, (chart, curves)
        assert titles(page, "compare-loss") == {"xaxis": "epoch", "yaxis": "loss  (MSE of ε)"}
        page.locator(".st-key-loss-axis").get_by_text("wall time", exact=True).click()
        await_condition(lambda: "time trained [" in titles(page, "compare-loss")["xaxis"], "the loss over wall time")
        assert max(traces(page, "compare-loss").values()) > 1
        said = titles(page, "compare-power")
        assert said == {"xaxis2": "k [h/Mpc]", "yaxis": "P(k)  [(Mpc/h)²]", "yaxis2": "ratio to sim."}

    def test_one_slider_moves_the_epoch_of_all_maps(self, visit: Visit) -> None:
        page = visit.compare()
        matrix = page.get_by_test_id("image-matrix")
        expect(matrix).to_have_attribute("data-epoch", "2")
        alts = maps_of(matrix)
        assert list(alts) == ["Simulation", *RECIPES]
        shown = [{words.partition(": ")[2] for words in of_row} for of_row in alts.values()]
        assert shown[0] == shown[1] == shown[2], "every row shows the same θ"
        assert len(alts["experiment_01"]) == len(alts["experiment_02"]) > len(shown[0])
        newest = pictures(matrix)
        page.locator(".st-key-compare-epoch input[type=range]").press("ArrowLeft")
        expect(matrix).to_have_attribute("data-epoch", "1")
        expect(page.get_by_test_id("epoch")).to_have_text("epoch 1 of 2")
        await_images(matrix)
        earlier = pictures(matrix)
        truths = len(alts["Simulation"])
        assert earlier[:truths] == newest[:truths], "the truth is the same at every epoch"
        assert not set(earlier[truths:]) & set(newest[truths:])
        page.wait_for_url(re.compile(r"[?&]epoch=1\b"))
        await_rest(page)
        widths = "box => [...box.querySelectorAll('img')].map(i => i.getBoundingClientRect().width)"
        whole = matrix.evaluate(widths)
        matrix.locator(".cell").nth(5).click()
        twice = pytest.approx([2 * width for width in whole])
        await_condition(lambda: matrix.evaluate(widths) == twice, "one zoom for all maps")

    def test_a_suite_of_ones_own_is_cancelled_in_the_middle(self, visit: Visit) -> None:
        page = visit.open("datasets")
        simulate(page, "large", simulations=5000)
        expect(job(page, "large")).to_contain_text(re.compile(r"[1-9]\d* of 5000"))
        cancel_job(page, "large")
        expect(job(page, "large")).to_have_attribute("data-status", "cancelled")
        expect(job(page, "large")).to_contain_text(re.compile(r"was stopped, [1-9]\d* of 5000 simulations"))
        assert page.get_by_test_id("dataset-large").count() == 0

    def test_a_finished_experiment_is_deleted_and_its_bytes_are_named(self, visit: Visit) -> None:
        page = visit.open("workers")
        gone = visit.ids["experiment_02"]
        folder = visit.laboratory.home / "runs" / gone
        listed = page.locator(f'[data-testid="disk-row"][data-id="{gone}"]')
        on_disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        assert int(listed.get_attribute("data-bytes") or 0) == pytest.approx(on_disk, rel=0.01)
        others = [page.context.new_page() for _ in range(2)]
        for other, address in zip(others, (f"experiment?id={gone}", f"compare?ids={visit.ids['experiment_01']},{gone}"),
                                  strict=True):  # fmt: skip
            other.goto(f"{visit.laboratory.address}/{address}")
            other.get_by_text("experiment_02").first.wait_for()
        press(page, f"delete-{gone}")
        asked = page.locator(".st-key-confirm-deletion-disk")
        expect(asked).to_contain_text(
            re.compile(r"Deleting experiment_02 frees [\d.]+ [kM]B: [\d.]+ [kM]B in its folder")
        )
        press(page, "confirm-delete-disk")
        expect(page.get_by_test_id("deletion-said")).to_contain_text(
            re.compile(r"experiment_02 was deleted; [\d.]+ [kM]B are free again")
        )
        expect(listed).to_have_count(0)
        assert not folder.exists()
        # Windows that stood open on it say so once, in place of each of their parts.
        for other in others:
            expect(other.get_by_test_id("stAlertContentError")).to_have_count(1)
            expect(other.get_by_test_id("stAlertContentError")).to_contain_text(
                f"experiment {gone}: experiment_02 was deleted on"
            )
            other.close()
        visit.compare()
        expect(page.get_by_test_id("compare-table").locator("thead a")).to_have_text(["experiment_01"])


def simulate(page: Page, name: str, *, simulations: int) -> None:
    """The form as a hasty person fills it: the button is pressed straight from the last field."""
    press(page, "open-simulate")
    page.locator(".st-key-suite-grid").get_by_text("32", exact=True).click()
    type_in(page, "suite-box", "32")
    type_in(page, "suite-simulations", str(simulations))
    type_in(page, "suite-name", name)
    press(page, "simulate")
    job(page, name).wait_for()


def add(page: Page, path: str) -> None:
    press(page, "open-add")
    type_in(page, "add-path", path)
    press(page, "add-dataset")


def write_lognormal(folder: Path) -> None:
    """Eight simulations of three 16² maps of uncorrelated lognormal pixels."""
    rng = np.random.default_rng(7)
    theta = WCDM6.from_unit(rng.uniform(-0.9, 0.9, (8, 6)))
    maps = rng.lognormal(mean=27.0, size=(8, 3, 16, 16)).astype(np.float32)
    about = Description("lognormal", "Mtot", "(M☉/h)/(Mpc/h)²", 16.0, 0.0, 3, WCDM6)
    write_folder(folder, iter(maps), 16, theta, about)


def mark_row(page: Page, i: int) -> None:
    """Click the box at the left of a row: the table is drawn on a canvas and has no element for it."""
    table = page.get_by_test_id("stDataFrame")
    expect(table).to_have_count(1)  # while the list is drawn anew, the old one is still there for a moment
    await_rest(table.page)
    scroll_to(table)
    table.click(position={"x": 18, "y": 36 + 44 * i + 22})


def downloaded(page: Page, key: str) -> str:
    with page.expect_download() as arriving:
        press(page, key)
    return Path(arriving.value.path()).read_text(encoding="utf-8")


def trained(visit: Visit, name: str) -> Any:
    """What the trainer itself wrote at its start."""
    lines = (visit.laboratory.home / "runs" / visit.ids[name] / "logs" / "events.jsonl").read_text().splitlines()
    return next(event for line in lines if (event := json.loads(line))["kind"] == "run_started")


def maps_of(matrix: Locator) -> dict[str, list[str]]:
    """The words of each map, by the row that it stands in."""
    await_images(matrix)
    found: dict[str, list[str]] = {}
    for words in matrix.locator("img").evaluate_all("all => all.map(i => i.alt)"):
        found.setdefault(str(words).partition(",")[0], []).append(str(words))
    return found


def pictures(matrix: Locator) -> list[bytes]:
    """What each map's address holds, in the order of the page."""
    addresses = matrix.locator("img").evaluate_all("all => all.map(i => i.src)")
    return [matrix.page.request.get(str(address)).body() for address in addresses]
