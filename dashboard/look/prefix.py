"""The path below which a browser finds the dashboard: empty, or its path on a reverse proxy shared with others.

It is Streamlit's `server.baseUrlPath`, from `FOCUS_PREFIX` (dashboard/serve.py). Pages build our own addresses with
`below`; our routes do not know the prefix (dashboard/server/prefixed.py).
"""

from __future__ import annotations

import streamlit as st


def prefix() -> str:
    """ "" or "/focus"."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def below(path: str) -> str:
    """An address of ours, which begins with a slash, as a browser requests it."""
    return prefix() + path
