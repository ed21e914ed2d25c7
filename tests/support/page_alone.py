"""One page without a browser and without the frame around it."""

from __future__ import annotations

import functools

from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from waiting import patience

# AppTest searches every installed package for components before a first run, two thirds of the cost of opening a page;
# none is installed while tests run.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)


def open_page(name: str, **query: str) -> AppTest:
    """The page by itself, as the frame would run it."""
    script = f"""
from dashboard.pages import PAGES
from dashboard.parts.state import remember_pages
from focus_core.catalogue.by_path import load
remember_pages({{}})
load(next(page.view for page in PAGES if page.name == "{name}"))()
"""
    app = AppTest.from_string(script, default_timeout=patience(60))
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def address(app: AppTest, name: str) -> str | None:
    """The value in the address under this name, if there is one."""
    value = app.query_params.get(name)
    return value[-1] if isinstance(value, list) else value


def html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))
