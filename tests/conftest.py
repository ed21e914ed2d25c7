"""What tests of several parts share: private PostgreSQL and Redis servers, started once, for those that ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from private_database import ServerPool, report_skipped


@pytest.fixture(scope="session")
def server_pool() -> Iterator[ServerPool]:
    pool = ServerPool()
    yield pool
    pool.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    report_skipped(terminalreporter)
