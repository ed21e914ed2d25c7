"""Widgets of the page *New*, whose keys carry an edition: the widget that stands in a place now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def standing(widgets: Iterable[Any], place: str) -> Any:
    """The one widget among `widgets` whose key is `place`, in whatever edition."""
    (found,) = [w for w in widgets if str(w.key).startswith(f"{place}~")]
    return found
