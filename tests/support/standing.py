"""Widgets of the page *New*, whose keys carry an edition: the present widget of a place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def standing(widgets: Iterable[Any], place: str) -> Any:
    """The only widget among `widgets` whose key is `place`, in any edition."""
    (found,) = [w for w in widgets if str(w.key).startswith(f"{place}~")]
    return found


def standing_on(page: Page, place: str) -> Locator:
    """The same in a browser, which shows the previous edition beside the new one until the script has finished."""
    return page.locator(f"[class*='st-key-{place}-'][data-stale='false']").locator("input, textarea")
