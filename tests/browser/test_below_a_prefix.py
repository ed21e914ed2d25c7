"""Behind a reverse proxy that gives FOCUS a path, pages ask for nothing outside it and find all they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from living_page import Watch, await_rest
from outgoing import Outgoing
from playwright.sync_api import Browser, expect
from served_dashboard import ServedDashboard, served_dashboard
from waiting import patience

pytestmark = pytest.mark.browser

PREFIX = "/focus"


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDashboard]:
    with served_dashboard(tmp_path_factory.mktemp("below"), PREFIX) as dashboard:
        yield dashboard


def test_nothing_is_asked_for_outside_the_prefix_and_nothing_is_missing(
    browser: Browser, below: ServedDashboard
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    outgoing = Outgoing(context, below.address)
    page = context.new_page()
    page.set_default_timeout(patience() * 1000)
    expect.set_options(timeout=patience() * 1000)
    watch, small = Watch(page), below.laboratory
    page.goto(below.address)  # without the slash, as people type it
    for path, heading in {
        "": "Experiments",
        f"experiment?id={small.finished}": "Finished one",
        f"compare?ids={small.finished},{below.second}": "Compare",
        f"sample?model={small.finished}": "Sample",
        "experiments": "Experiments",
    }.items():
        page.goto(f"{below.address}/{path}")
        expect(page.locator("h1").first).to_contain_text(heading)
        await_rest(page)
        page.wait_for_load_state("networkidle")
    page.goto(f"{below.address}/workers")
    page.get_by_test_id("disk-row").get_by_role("link", name="Second one").click()
    expect(page.get_by_role("heading", name="Second one", level=1)).to_be_visible()
    page.get_by_role("link", name="Compare", exact=True).first.click()
    expect(page.get_by_role("heading", name="Compare", level=1)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Second one", level=1)).to_be_visible()
    watch.assert_alive("Back")
    assert outgoing.refused == []
    outside = [url for url in asked if not (urlsplit(url).path + "/").startswith(f"{PREFIX}/")]
    assert [url for url in outside if url.startswith("http")] == []
    assert any("/artifacts/" in url for url in asked)
    assert any(url.endswith("/plotly.min.js") for url in asked)
    context.close()
