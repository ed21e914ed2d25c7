"""Every page of a record that has something of everything, in a real browser."""

from __future__ import annotations

import pytest
from living_page import await_rest
from playwright.sync_api import Page, expect
from served_dashboard import ServedDashboard

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
