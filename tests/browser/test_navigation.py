"""A browser's own buttons: Back, Forward and reload find every page as it was left."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from living_page import Watch, await_rest, scroll_to
from playwright.sync_api import Page, expect
from prepared_record import configuration
from served_dashboard import ServedDashboard
from waiting import await_condition

from focus_store.contracts import Status

pytestmark = pytest.mark.browser


def press(page: Page, key: str) -> None:
    page.locator(f".st-key-{key} button").first.click()


def address(page: Page) -> str:
    return str(page.evaluate("location.pathname + location.search"))


def await_address(page: Page, pattern: str) -> str:
    await_condition(lambda: re.fullmatch(pattern, address(page)), f"{pattern}, the page is at {address(page)}", 60.0)
    return address(page)


def mark(page: Page, row: int) -> None:
    """The box at the left of a row of the list, which is drawn on a canvas."""
    table = page.locator('[data-testid="stDataFrame"] canvas').first
    table.wait_for()
    await_rest(page)
    place = table.bounding_box()
    assert place is not None
    page.mouse.click(place["x"] + 20, place["y"] + 35 + 44 * row + 22)


def from_experiment(key: str) -> Callable[[Page, ServedDashboard], None]:
    def go(page: Page, dashboard: ServedDashboard) -> None:
        page.goto(f"{dashboard.address}/experiment?id={dashboard.laboratory.finished}")
        press(page, key)

    return go


def compare_marked(page: Page, dashboard: ServedDashboard) -> None:
    page.goto(f"{dashboard.address}/?status=Done")
    for i in range(2):
        mark(page, i)
        expect(page.get_by_test_id("selected")).to_contain_text(f"{i + 1} selected")
    press(page, "compare")


def queue_a_copy(page: Page, dashboard: ServedDashboard) -> None:
    page.goto(f"{dashboard.address}/new?parent={dashboard.laboratory.failed}")
    expect(page.get_by_label("Name")).to_have_value("Failed one, copy")
    press(page, "queue")


LEADS = {
    "Clone": (from_experiment("clone"), r"/experiment\?id=\w+", r"/new\?parent=\w+"),
    "Sample": (from_experiment("sample"), r"/experiment\?id=\w+", r"/sample\?model=\w+.*"),
    "Compare": (compare_marked, r"/\?.*status=Done.*", r"/compare\?ids=.+"),
    "Queue": (queue_a_copy, r"/new\?parent=\w+", r"/experiment\?id=\w+"),
}


@pytest.mark.parametrize("button", LEADS)
def test_back_leads_to_the_page_of_the_button_and_forward_to_where_it_led(
    button: str, page: Page, prepared: ServedDashboard
) -> None:
    go, here, there = LEADS[button]
    watch = Watch(page)
    go(page, prepared)
    led = await_address(page, there)
    watch.assert_alive(button)
    entries = page.evaluate("history.length")
    page.go_back()
    await_address(page, here)
    watch.assert_alive(f"{button} and Back")
    await_rest(page, f"{button} and Back")
    assert page.get_by_text("names no experiment").count() == 0
    page.go_forward()
    assert await_address(page, there) == led
    watch.assert_alive("Forward")
    assert page.evaluate("history.length") == entries


@pytest.mark.parametrize("pause_ms", [1, 40, 150, 400])
@pytest.mark.parametrize(("button", "left"), [("Sample", "Finished one"), ("Compare", "Experiments")])
def test_back_and_forward_in_quick_succession_end_where_the_reader_went(
    button: str, left: str, pause_ms: int, page: Page, prepared: ServedDashboard
) -> None:
    go, here, there = LEADS[button]
    watch = Watch(page)
    go(page, prepared)
    led = await_address(page, there)
    entries = page.evaluate("history.length")
    page.evaluate(
        """async (pause) => {
          for (const step of [-1, 1, -1, 1, -1]) {
            history.go(step);
            await new Promise((resolve) => addEventListener('popstate', resolve, { once: true }));
            await new Promise((resolve) => setTimeout(resolve, pause));
          }
        }""",
        pause_ms,
    )
    expect(page.get_by_role("heading", name=left, level=1)).to_be_visible()
    await_address(page, here)
    page.go_forward()
    expect(page.get_by_role("heading", name=button, level=1)).to_be_visible()
    assert await_address(page, there) == led
    watch.assert_alive("Forward")
    assert page.evaluate("history.length") == entries


def test_what_is_chosen_on_a_page_makes_no_entry_of_the_history(page: Page, prepared: ServedDashboard) -> None:
    page.goto(f"{prepared.address}/workers")
    page.get_by_role("link", name="Sample").click()
    await_address(page, r"/sample\?model=\w+.*")
    page.locator(".st-key-model").wait_for()
    page.go_back()
    await_address(page, "/workers")
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()


def test_the_style_stays_after_archive_and_restore(page: Page, prepared: ServedDashboard) -> None:
    watch = Watch(page)
    page.goto(f"{prepared.address}/?text=A draft")
    mark(page, 0)
    expect(page.get_by_test_id("selected")).to_contain_text("1 selected")
    for button, word in (("archive", "Archived: 1"), ("restore", "Back in the list: 1")):
        press(page, button)
        page.get_by_text(word).wait_for()
        watch.assert_alive(button)
        expect(page.locator(".focus-readouts")).to_have_css("display", "grid")
        if button == "archive":
            page.goto(f"{prepared.address}/?status=Archived")
            mark(page, 0)
            expect(page.get_by_test_id("selected")).to_contain_text("1 selected")


@pytest.fixture(params=[1440, 420], ids=["wide", "narrow"])
def width(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.mark.parametrize("start", ["new", "draft"])
def test_more_clicks_at_the_place_of_queue_leave_the_run_queued(
    start: str, width: int, page: Page, prepared: ServedDashboard
) -> None:
    record = prepared.laboratory.record
    draft = record.experiments.create(configuration(f"Clicked {width}", seed=width), draft=True)
    page.set_viewport_size({"width": width, "height": 1000})
    where = f"experiment?id={draft}" if start == "draft" else f"new?parent={prepared.laboratory.failed}"
    page.goto(f"{prepared.address}/{where}")
    button = page.locator(".st-key-queue button").first
    expect(button).to_be_enabled()
    await_rest(page)
    scroll_to(button)
    place = button.bounding_box()
    assert place is not None
    at = (place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.click(*at)
    page.locator(".st-key-stop button:enabled").wait_for()
    queued = await_address(page, r"/experiment\?id=\w+").partition("id=")[2]
    for _ in range(3):
        page.mouse.click(*at)
        page.wait_for_timeout(400)  # as a person's second click comes: there is nothing to await when nothing happens
    assert record.experiments.get(queued).summary.status is Status.QUEUED
