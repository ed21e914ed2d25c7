"""The page *New* in a browser: reload, Back, a second tab, what stays in sight and what is read aloud."""

from __future__ import annotations

import re

import pytest
from living_page import Watch, await_rest, scroll_to
from playwright.sync_api import Browser, Locator, Page, expect
from served_dashboard import ServedDashboard
from waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.browser


def field(page: Page, name: str) -> Locator:
    """By its whole accessible name, as a screen reader has it."""
    return page.get_by_label(name, exact=True)


def put(page: Page, name: str, value: str) -> None:
    field(page, name).fill(value)
    field(page, name).press("Enter")


def queue_button(page: Page) -> Locator:
    return page.locator(".st-key-queue button")


def test_a_refused_value_stands_with_its_reason_through_changes_reload_back_and_a_second_tab(
    page: Page, prepared: ServedDashboard
) -> None:
    watch = Watch(page)
    page.goto(f"{prepared.address}/new?parent={prepared.laboratory.finished}")
    put(page, "Learning rate", "50")
    expect(page.get_by_test_id("refused-f-training.lr")).to_contain_text("less than or equal to 10")
    put(page, "Gradient clip", "2")
    expect(page.locator(".st-key-yaml textarea")).to_have_value(re.compile("gradient_clip: 2"))
    expect(page).to_have_url(re.compile(r"edit=\w+"))

    def stands(window: Page) -> None:
        expect(field(window, "Learning rate")).to_have_value("50")
        expect(field(window, "Gradient clip")).to_have_value("2")
        expect(window.get_by_test_id("refused-f-training.lr")).to_be_visible()
        expect(queue_button(window)).to_be_disabled()

    stands(page)
    page.reload()
    stands(page)
    page.get_by_role("link", name="Workers").click()
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()
    page.go_back()
    stands(page)
    watch.assert_alive("Back to New")
    other = page.context.new_page()
    other.goto(page.url)
    stands(other)
    put(page, "Learning rate", "0.5")
    expect(queue_button(page)).to_be_enabled()


def test_a_draft_is_changed_from_its_own_page(page: Page, prepared: ServedDashboard) -> None:
    draft = prepared.laboratory.draft
    page.goto(f"{prepared.address}/experiment?id={draft}")
    page.locator(".st-key-edit button").click()
    expect(page).to_have_url(re.compile(rf"/new\?draft={draft}"))
    put(page, "Epochs", "17")
    expect(page.locator(".st-key-yaml textarea")).to_have_value(re.compile("num_epochs: 17"))
    page.locator(".st-key-draft button").click()
    expect(page).to_have_url(re.compile(rf"/experiment\?id={draft}"))
    expect(page.get_by_test_id("experiment-readouts")).to_contain_text("/ 17")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (420, "dark")])
def test_queue_and_what_is_refused_stay_in_sight_while_the_form_is_filled_in(
    width: int, scheme: str, browser: Browser, prepared: ServedDashboard
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    page.goto(f"{prepared.address}/new?parent={prepared.laboratory.finished}")
    put(page, "Learning rate", "50")
    expect(page.get_by_test_id("refused")).to_contain_text("Learning rate")
    await_rest(page)
    scroll_to(field(page, "Description"))
    assert page.locator('[data-testid="stMain"]').evaluate("main => main.scrollTop") > 500
    for shown in (queue_button(page), page.locator(".st-key-draft button"), page.get_by_test_id("refused")):
        box = shown.bounding_box()
        assert box is not None
        assert 0 < box["y"] < 240, "above the form"
        on_top = shown.evaluate(
            "one => { const b = one.getBoundingClientRect();"
            " const hit = document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2);"
            " return one.contains(hit) || hit.contains(one); }"
        )
        assert on_top, "nothing covers it, Streamlit's own header least"
    context.close()


def test_fields_are_read_aloud_by_their_plain_names_changed_or_not(page: Page, prepared: ServedDashboard) -> None:
    page.goto(f"{prepared.address}/new?parent={prepared.laboratory.finished}")
    put(page, "Gradient clip", "2")
    expect(page.get_by_role("tab", name="Changes to parent (1)")).to_be_visible()
    await_rest(page)
    names = page.locator('[data-testid="stMain"]').get_by_role("textbox").evaluate_all(
        "boxes => boxes.map(box => box.getAttribute('aria-label') ?? '')"
    )  # fmt: skip
    assert "Gradient clip" in names
    assert "Warm-up [epochs]" in names
    assert [name for name in names if re.search(r"[*:`#]|\]\[", name)] == []
    weight = field(page, "Gradient clip").evaluate(
        "box => getComputedStyle(box.closest('[class*=st-key-f-]').querySelector('label p')).fontWeight"
    )
    assert weight == "600", "what was changed is marked beside its name"
