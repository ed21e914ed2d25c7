"""What people write is shown letter by letter, on every page, in a real browser."""

from __future__ import annotations

import re

import pytest
from living_page import await_rest
from playwright.sync_api import Page, expect
from prepared_record import configuration, move, write_run
from served_dashboard import ServedDashboard

from focus_store.contracts import Status

pytestmark = pytest.mark.browser

NAME = "# _x_ <b>bold</b> $x^2$ :smile: :red[warm] `c` [a](javascript:alert(1)) -> https://elsewhere.invalid"
JOINER = "\u2060"  # has no width: keeps apart what Streamlit would replace
MARKUP = (
    "b:text-is('bold')",
    "strong:text-is('bold')",
    "em:text-is('x')",
    "code:text-is('c')",
    ".katex",
    "a[href*='elsewhere.invalid']",
    "a[href^='javascript:']",
)


@pytest.fixture(scope="module")
def named(prepared: ServedDashboard) -> str:
    """An experiment whose name, tag and failure are markup in every language of the page."""
    record, config = prepared.laboratory.record, configuration("plain", seed=77)
    config = config.model_copy(update={"experiment": config.experiment.model_copy(update={"name": NAME})})
    experiment = record.experiments.create(config, tags=["<i>_tag_</i>"])
    write_run(record, experiment)
    move(record, experiment, Status.FAILED, NAME.replace("`", ""))
    return experiment


def _opened(page: Page, address: str, heading: str) -> str:
    """What the page shows as text, once its head stands there."""
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(heading))
    main = page.get_by_test_id("stMain")
    await_rest(page)
    made = {markup for markup in MARKUP if main.locator(markup).count()}
    symbols = {".katex"} if "/sample" in address else set()  # sliders are named by the symbols of θ
    assert made - symbols == set(), f"{address} obeyed the name"
    shown = main.inner_text().replace(JOINER, "")
    assert "😄" not in shown
    return shown


def test_the_page_of_an_experiment_is_headed_by_its_name_as_it_was_written(
    page: Page, prepared: ServedDashboard, named: str
) -> None:
    shown = _opened(page, f"{prepared.address}/experiment?id={named}", "bold")
    assert page.get_by_role("heading", level=1).inner_text().replace(JOINER, "") == NAME
    assert f"Failed: {NAME.replace('`', '')}" in shown


def test_compare_shows_names_as_they_were_written_and_whole_under_the_pointer(
    page: Page, prepared: ServedDashboard, named: str
) -> None:
    _opened(page, f"{prepared.address}/compare?ids={named},{prepared.second}", "Compare")
    expect(page.locator(".focus-chart[data-draws]")).to_have_count(3)
    expect(page.locator("th a", has_text="lsewhere.invalid")).to_have_attribute("title", NAME)
    expect(page.locator(".legendtext").filter(has_text="lsewhere.invalid").first).to_be_visible()
    assert page.locator(".legendtext tspan").count() == 0, "plotly made markup of a name"


@pytest.mark.parametrize(
    ("path", "heading"),
    [("sample?model={}", "Sample"), ("new?parent={}", "New"), ("workers", "Workers"), ("datasets", "."), ("", "Exp")],
)
def test_no_page_obeys_a_name(page: Page, prepared: ServedDashboard, named: str, path: str, heading: str) -> None:
    _opened(page, f"{prepared.address}/{path.format(named)}", heading)


def test_long_names_of_one_series_are_told_apart_on_a_telephone(page: Page, prepared: ServedDashboard) -> None:
    """Three names of 90 letters that share 80: chips are whole and unlike, and so are the heads and the legend."""
    record = prepared.laboratory.record
    series = [f"{'sweep of the learning rate on the quick suite, ':.<80}1e-{n}, seed {n}"[:92] for n in (3, 4, 5)]
    runs = [record.experiments.create(configuration(f"'{name}'", seed=90 + n)) for n, name in enumerate(series)]
    for run in runs:
        write_run(record, run)
        move(record, run, Status.SUCCEEDED)
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(f"{prepared.address}/compare?ids={','.join(runs)}")
    chips = page.get_by_test_id("stMultiSelect").locator("[data-tag]")
    expect(chips).to_have_count(3)
    expect(page.locator(".focus-chart[data-draws]")).to_have_count(3)
    right = page.get_by_test_id("stMultiSelectTagsContainer").evaluate("box => box.getBoundingClientRect().right")
    for chip in chips.all():
        box = chip.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= right + 1, "a chip is cut at the edge"
    legend = page.get_by_test_id("chart-compare-loss").locator(".legendtext").all_text_contents()
    shown = {
        "chips": {chip.inner_text() for chip in chips.all()},
        "heads": {head.inner_text() for head in page.locator("th a").all()},
        "legend": set(legend) - {"validation", "train"},
    }
    assert {place: len(names) for place, names in shown.items()} == {"chips": 3, "heads": 3, "legend": 3}
