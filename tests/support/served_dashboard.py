"""The dashboard alone, a separate process on a prepared record: for tests of the browser that need no training run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mortal import mortal
from prepared_record import SmallLaboratory, add_second, fill, write_recipes
from running_laboratory import answers, free_port
from waiting import await_condition, patience

from focus_store.record.record import open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate

LOG = "dashboard.txt"  # the process's output, in the given folder


@dataclass(frozen=True)
class ServedDashboard:
    """Its address, and its record, which a test may change as a worker would."""

    address: str
    laboratory: SmallLaboratory
    second: str  # a finished run beside the laboratory's, to compare it with


@contextmanager
def served_dashboard(folder: Path, prefix: str = "") -> Iterator[ServedDashboard]:
    """There is no worker: queued work stays queued, and the record's two workers send one heartbeat, at the start.

    `prefix` begins with a slash: the path below which a browser finds the pages.
    """
    write_recipes(folder / "tasks")
    environment = {**os.environ, "FOCUS_HOME": str(folder / "home"), "FOCUS_TASKS": str(folder / "tasks")}
    environment["FOCUS_PREFIX"] = prefix
    for name in ("FOCUS_DATABASE_URL", "FOCUS_BROKER_URL"):
        environment.pop(name, None)
    settings = Settings.from_environment(environment)
    migrate(settings.database_url)
    record = open_record(settings)
    laboratory = fill(record)
    second = add_second(record)
    port = free_port()
    with (folder / LOG).open("wb") as output:
        words = [sys.executable, "-m", "dashboard.serve", "--port", str(port)]
        process = mortal(words, env=environment, stdout=output, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}{prefix}"
    try:
        await_condition(lambda: process.poll() is not None or answers(f"{address}/api/health"), "the page to answer")
        assert process.poll() is None, (folder / LOG).read_text()
        yield ServedDashboard(address, laboratory, second)
    finally:
        process.terminate()
        process.wait(timeout=patience(120))
        record.close()
