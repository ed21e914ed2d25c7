"""Widgets of the page *New*, whose keys carry an edition: the widget that stands in a place now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def standing(widgets: Iterable[Any], place: str) -> Any:
    """The one widget among `widgets` whose key is `place`, in whatever edition."""
    (found,) = [w for w in widgets if str(w.key).startswith(f"{place}~")]
    return found


def standing_on(page: Page, place: str) -> Locator:
    """The same in a browser, which shows the edition gone by beside the new one until the script has run to its end."""
    return page.locator(f"[class*='st-key-{place}-'][data-stale='false']").locator("input, textarea")
