"""Two tabs on one experiment: what one of them does, the other one tells, and neither loses what was written."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from served_dashboard import ServedDashboard

pytestmark = pytest.mark.browser


def press(page: Page, key: str) -> None:
    page.locator(f".st-key-{key} button").click()


def test_a_draft_is_deleted_on_its_page_and_the_other_tab_says_so(page: Page, prepared: ServedDashboard) -> None:
    draft = prepared.laboratory.draft
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto(f"{prepared.address}/experiment?id={draft}")
        expect(tab.locator("h1").first).to_contain_text("A draft")
    press(page, "delete")
    press(page, f"confirm-delete-{draft}")
    expect(page.locator("h1").first).to_contain_text("Experiments")
    expect(page.get_by_test_id("deletion-said")).to_contain_text("A draft was deleted.")
    expect(other.get_by_test_id("stAlertContentError")).to_contain_text("A draft was deleted on")  # once, at the top
    press(other, "all-experiments")
    expect(other.locator("h1").first).to_contain_text("Experiments")
