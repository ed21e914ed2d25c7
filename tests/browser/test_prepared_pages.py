"""Every page of a record that has something of everything, in a real browser."""

from __future__ import annotations

from functools import partial

import pytest
from living_page import await_rest
from playwright.sync_api import Page, expect
from served_dashboard import ServedDashboard
from waiting import await_condition

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [420, 1440])
def test_every_page_shows_its_heading_and_does_not_scroll_sideways(
    page: Page, prepared: ServedDashboard, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    small = prepared.laboratory
    for path, heading in {
        "": "Experiments",
        "new": "New experiment",
        f"experiment?id={small.finished}": "Finished one",
        f"compare?ids={small.finished},{prepared.second}": "Compare",
        f"sample?model={small.finished}&sample={small.sample}": "Sample",
        "datasets": "quick",
        "workers": "Workers",
    }.items():
        page.goto(f"{prepared.address}/{path}")
        expect(page.locator("h1").first).to_contain_text(heading)
        page.wait_for_load_state("networkidle")
        await_rest(page)
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"/{path} is {wider} px wider than a window of {width}"


# Pixels by which a legend reaches into the panels of its chart, below their upper edge.
_LEGEND_OVER_CURVES = """() => [...document.querySelectorAll(".focus-chart")].flatMap((chart) => {
  const legend = chart.querySelector(".legend"), panels = [...chart.querySelectorAll(".nsewdrag")];
  const top = Math.min(...panels.map((panel) => panel.getBoundingClientRect().top));
  return legend ? [[chart.dataset.testid, Math.round(legend.getBoundingClientRect().bottom - top)]] : [];
})"""


def test_on_a_telephone_no_legend_lies_over_curves_also_when_a_window_was_made_narrow(
    page: Page, prepared: ServedDashboard
) -> None:
    small = prepared.laboratory
    for path, charts in {
        f"experiment?id={small.finished}": {"chart-power", "chart-loss"},
        f"compare?ids={small.finished},{prepared.second}&statistic=pdf": {"chart-compare-power", "chart-compare-loss"},
        f"sample?model={small.finished}&sample={small.sample}": {"chart-sample-power"},
    }.items():
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"{prepared.address}/{path}")
        for chart in charts:
            expect(page.get_by_test_id(chart).locator(".legend")).to_have_count(1)
        page.set_viewport_size({"width": 420, "height": 900})
        await_condition(partial(_curves_are_free, page, charts), f"free curves on /{path}")


def _curves_are_free(page: Page, charts: set[str]) -> bool:
    over = dict(page.evaluate(_LEGEND_OVER_CURVES))
    return all(over.get(chart, 1) <= 0 for chart in charts)
