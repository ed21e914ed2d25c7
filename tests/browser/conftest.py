"""A real headless Chromium for the tests in this folder.

The browser is found on the PATH (or named by FOCUS_CHROMIUM). Without one these tests are skipped, which the summary
says in one line; where CI=true a missing browser is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import ARGUMENTS, chromium
from playwright.sync_api import Browser, Page, expect, sync_playwright
from served_dashboard import ServedDashboard, served_dashboard
from waiting import patience


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents and chromium() is None and os.environ.get("CI") != "true":
            item.add_marker(pytest.mark.skip(reason="no Chromium on the PATH; set FOCUS_CHROMIUM to its binary"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if "no Chromium" in str(r.longrepr)]
    if skipped:
        terminalreporter.write_line(
            f"{len(skipped)} browser tests were skipped: no Chromium was found on the PATH or in FOCUS_CHROMIUM."
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for the whole session: while it lives, Playwright's event loop keeps other tests from having their own."""
    binary = chromium()
    assert binary is not None, "CI=true, but no Chromium is installed"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=binary, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDashboard]:
    """The dashboard on a small record of finished, failed, queued and drafted experiments; no worker, no training."""
    with served_dashboard(tmp_path_factory.mktemp("prepared")) as dashboard:
        yield dashboard


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window of 1440 × 1000 in light mode that fails the test if the page fetches anything from outside."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, color_scheme="light")
    window = context.new_page()
    window.set_default_timeout(patience() * 1000)
    expect.set_options(timeout=patience() * 1000)
    outside: list[str] = []
    window.on("request", lambda request: outside.append(request.url) if not _is_local(request.url) else None)
    yield window
    context.close()
    assert outside == [], f"fetched from outside: {outside}"


def _is_local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:"))
