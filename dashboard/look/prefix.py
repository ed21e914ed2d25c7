"""The path below which a browser finds the dashboard: none, or what a reverse proxy shares with other applications.

It is Streamlit's `server.baseUrlPath`, from `FOCUS_PREFIX` (dashboard/serve.py). What a page names of ours goes through
`below`; our routes do not know the prefix (dashboard/server/prefixed.py).
"""

from __future__ import annotations

import streamlit as st


def prefix() -> str:
    """ "" or "/focus"."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def below(path: str) -> str:
    """An address of ours, which begins with a slash, as a browser asks for it."""
    return prefix() + path
