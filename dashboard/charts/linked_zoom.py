"""Linked zoom of the image matrix: an action on one map applies to all of them.

A click magnifies by two about the pointer, up to eightfold; the next click shows the whole maps again; dragging pans.
On the keyboard: + − 0 and the arrows, while the matrix has the focus. The script only sets three CSS variables of
the page, so that the zoom survives every live update of the maps, and no map is fetched again.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

LARGEST = 8

_SCRIPT = Path(__file__).with_name("linked_zoom.js").read_text(encoding="utf-8")


@cache
def _component() -> Any:
    from streamlit.components.v2 import component

    return component("focus_linked_zoom", js=_SCRIPT.replace("__LARGEST__", str(LARGEST)), isolate_styles=False)


def linked_zoom() -> None:
    """Draws nothing; once on the page, it serves every image matrix that appears there."""
    _component()(key="linked-zoom", height=0)
