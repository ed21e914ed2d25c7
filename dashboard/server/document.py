"""The HTML document that every page starts as: Streamlit's own, with our style sheet and our script.

Both are part of the document because no action of a Streamlit script may remove them. A sheet written with
`st.html` lies in a container that the next `st.toast` of a fragment overwrites, and a component exists only after the
first run of the page has reached it.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from dashboard.look.prefix import below
from dashboard.look.theme import STYLE_SHEET
from dashboard.pages import PAGES

SCRIPT = Path(__file__).with_name("document.js")
_INDEX = Path(st.__file__).parent / "static" / "index.html"
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_FILES = {"focus.css": (STYLE_SHEET, "text/css"), "document.js": (SCRIPT, "text/javascript")}


@cache
def document() -> str:
    """The script runs before Streamlit's; the sheet comes last, so that it overrides rules of equal weight."""
    html = _INDEX.read_text(encoding="utf-8")
    for place, tag in (
        ("<head>", f'<head><script src="{_address("document.js")}"></script>'),
        ("</body>", f'<link rel="stylesheet" href="{_address("focus.css")}"></body>'),
    ):
        assert html.count(place) == 1, f"Streamlit's index.html has no single {place}"
        html = html.replace(place, tag)
    return html


def _address(name: str) -> str:
    """Depends on the content, so that a browser caches it until the content changes."""
    return below(f"/look/{hashlib.sha256(_FILES[name][0].read_bytes()).hexdigest()[:16]}/{name}")


async def _document(_: Request) -> Response:
    return HTMLResponse(document(), headers={"Cache-Control": "no-cache"})


async def _file(request: Request) -> Response:
    if request.path_params["name"] not in _FILES:
        return PlainTextResponse("no such file", status_code=404)
    path, media_type = _FILES[request.path_params["name"]]
    return FileResponse(path, media_type=media_type, headers=_FOR_EVER)


DOCUMENT_ROUTES = [
    *(Route(page.address, _document) for page in PAGES),
    Route("/look/{digest}/{name}", _file),
]
