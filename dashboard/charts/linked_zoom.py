"""Linked zoom of the image matrix: what is done to one map is done to all of them.

A click magnifies by two about the place clicked, up to eightfold, the next one shows the whole maps again; dragging
moves; with the keyboard + − 0 and the arrows, while the matrix has the focus. The script only sets three CSS variables
of the page, so that the zoom outlives every live update of the maps, and no map is fetched again.
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
    """Draws nothing; once on the page, it serves every image matrix that comes and goes."""
    _component()(key="linked-zoom", height=0)
