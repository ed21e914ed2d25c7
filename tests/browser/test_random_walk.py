"""No sequence of quick clicks may end in an empty page."""

from __future__ import annotations

import pytest
from living_page import Watch
from playwright.sync_api import Page, expect
from random_walk import RandomWalk, furnish
from served_dashboard import ServedDashboard

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

SECONDS, SEED = 60.0, 1


@pytest.fixture(scope="module")
def furnished(prepared: ServedDashboard) -> ServedDashboard:
    furnish(prepared.laboratory.record)
    return prepared


@pytest.mark.parametrize("pause_ms", [5, 20, 60])
def test_what_is_pressed_on_a_page_that_is_being_left_is_left_out_and_the_next_page_stays(
    pause_ms: int, page: Page, prepared: ServedDashboard
) -> None:
    """Without the document being loaded anew, which is the last resort."""
    watch = Watch(page)
    page.goto(f"{prepared.address}/experiment?id={prepared.laboratory.failed}")
    page.locator(".st-key-resume button:enabled, .st-key-pause button:enabled").first.wait_for()
    page.evaluate(
        """async (pause) => {
          window.isTheSameDocument = true;
          const press = (key) => document.querySelector(`.st-key-${key} button:enabled`)?.click();
          press('clone');
          await new Promise((resolve) => setTimeout(resolve, pause));
          press('pause');
          press('resume');
        }""",
        pause_ms,
    )
    expect(page.get_by_role("heading", name="New experiment")).to_be_visible()
    expect(page.locator('.stApp[data-test-script-state="notRunning"]')).to_be_visible()
    watch.assert_alive("Clone and a click on the head that is left")
    assert page.evaluate("window.isTheSameDocument")


@pytest.mark.parametrize(
    "button", ["experiments/restore", "datasets/resume-…", "new/discard-all", "sample/controls-back"]
)
def test_a_button_that_needs_a_preparation_is_reached_in_one_act(
    button: str, page: Page, furnished: ServedDashboard
) -> None:
    """Before the walk below, which may leave nothing in the archive."""
    walk = RandomWalk(page, furnished.address, furnished.laboratory.record, SEED)
    walk.reach(button)
    walk.look()
    assert button not in walk.missing()


def test_whatever_a_reader_presses_in_whatever_order_the_page_is_alive(page: Page, furnished: ServedDashboard) -> None:
    RandomWalk(page, furnished.address, furnished.laboratory.record, SEED).walk(SECONDS)
