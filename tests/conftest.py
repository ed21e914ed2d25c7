"""What tests of several parts share: a small record, and private PostgreSQL and Redis servers for those that ask."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from prepared_record import SmallLaboratory, fill
from private_database import REASON, ServerPool

from focus_store.record.record import open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate

# Several tests at a time share the cores: threads that wait for one another across them would make all slower, those
# of the trainers and simulations of a laboratory too.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("FOCUS_TRAIN_THREADS", "1")

# Files that take ten seconds and more, the longest first: one that began last would run when the others have
# nothing left. (`make test` hands files out in this order; --no-loadscope-reorder keeps it.)
LONGEST_FIRST = (
    "integration/test_training_survives.py",
    "browser/test_newcomer.py",
    "browser/test_compare_and_manage.py",
    "browser/test_addresses.py",
    "integration/test_several_hosts.py",
    "integration/test_focus_lab_stack.py",
    "browser/test_navigation.py",
    "integration/test_focus_lab_up.py",
    "browser/test_random_walk.py",
    "focus_core/evaluation/test_evaluate_command.py",
    "integration/test_simulation_jobs.py",
    "worker/test_benchmark_jobs.py",
    "focus_core/training/test_several_devices.py",
    "focus_core/training/test_exact_resume.py",
    "focus_core/test_drawing.py",
    "focus_core/networks/test_layers.py",
    "focus_core/evaluation/test_faults.py",
    "browser/test_new_page.py",
    "browser/test_nothing_leaves.py",
    "browser/test_texts_are_texts.py",
    "focus_core/training/test_resuming.py",
    "integration/test_trained_elsewhere.py",
    "project/test_contributing.py",
    "dashboard/test_new_page.py",
    "dashboard/test_dashboard_pages.py",
    "dashboard/test_compare_page.py",
    "dashboard/test_every_text.py",
    "focus_core/test_estimate.py",
    "focus_core/training/test_starting.py",
    "docs/test_tour.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST_FIRST)}
    if missing := [str(path) for path in place if not path.is_file()]:
        raise pytest.UsageError(f"LONGEST_FIRST in {__file__} names files that are not there: {', '.join(missing)}")
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(scope="session", autouse=True)
def nothing_waits_for_the_disk() -> Iterator[None]:
    """No test cuts the power: what is written need not lie on the disk's surface before the test continues."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite record that was migrated once; tests get copies of it."""
    path = tmp_path_factory.mktemp("record") / "focus.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> SmallLaboratory:
    """Closed; tests get copies of its home."""
    home = tmp_path_factory.mktemp("filled") / "home"
    home.mkdir()
    shutil.copy(migrated_file, home / "focus.db")
    opened = open_record(Settings.from_environment({"FOCUS_HOME": str(home)}))
    filled = fill(opened)
    opened.close()
    return filled


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
