"""`python -m dashboard.serve --port P [--address 127.0.0.1]`: pages, images and health from one process."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from dashboard.parts.problems import show_script_error
from dashboard.server.document import DOCUMENT_ROUTES
from dashboard.server.doors import DoorsShut, ask_nobody_for_our_address
from dashboard.server.hearing import hear_what_is_meant
from dashboard.server.prefixed import WithoutPrefix
from dashboard.server.routes import ROUTES
from focus_store.settings import Settings

SCRIPT = Path(__file__).with_name("app.py")
DEFAULT_PORT = 8501
NEVER = 1e15  # bytes


def make_app() -> st.App:
    """The ASGI application. Streamlit finds .streamlit/config.toml beside the script, from any folder."""
    ask_nobody_for_our_address()
    hear_what_is_meant()
    routes = [*ROUTES, *DOCUMENT_ROUTES]
    return st.App(
        SCRIPT,
        routes=routes,
        middleware=[Middleware(DoorsShut), Middleware(WithoutPrefix, routes=routes)],
        on_script_error=show_script_error,
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m dashboard.serve", description="Serve the dashboard of FOCUS.")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="TCP port (default %(default)s)")
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (default %(default)s)")
    options = parser.parse_args(argv)
    make_app().run(
        config={
            "server.baseUrlPath": Settings.from_environment().prefix,
            "server.port": options.port,
            "server.address": options.address,
            "server.headless": True,
            "browser.gatherUsageStats": False,
            "server.fileWatcherType": "none",
            # A full collection after every run of a fragment took 50 to 150 ms, more than all the rest of a live tick.
            # Python collects by itself when there is something to collect.
            "runner.postScriptGC": False,
            # Every element is sent whole. Streamlit would send the hash of one that the browser reported to have, which
            # a browser that moved on quickly has dropped by then: it stops with "Cached ForwardMsg MISS".
            "global.minCachedMessageSize": NEVER,
        }
    )


if __name__ == "__main__":
    main()
