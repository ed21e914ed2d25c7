"""What tests of several parts share: private PostgreSQL and Redis servers, started once, for those that ask."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from private_database import REASON, ServerPool

# Two tests at a time share the cores: threads that wait for one another across them would make both slower.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def server_pool() -> Iterator[ServerPool]:
    pool = ServerPool()
    yield pool
    pool.stop()


# A skip's reason, and the line that the summary says of all skips for it.
_SKIPS = {
    REASON: "tests on PostgreSQL and Redis were skipped: install postgresql and redis-server for them.",
    "compose plugin": "checks of docker-compose.yml were skipped: docker's compose plugin is not here.",
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.stats.get("skipped", [])
    for reason, sentence in _SKIPS.items():
        if n := sum(reason in str(report.longrepr) for report in reports):
            terminalreporter.write_line(f"{n} {sentence}")
