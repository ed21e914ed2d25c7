"""A worker's row in the record: there while the worker lives, gone with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import patience

from focus_store.queue import TRAIN
from focus_store.settings import Settings
from migrations.upgrade import migrate
from worker.consumer import presence


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[presence.ThisWorker]:
    """This very process as a worker of the training lane, its threads not yet started."""
    settings = Settings.from_environment({"FOCUS_HOME": str(tmp_path), "FOCUS_HEARTBEAT_SECONDS": "0.05"})
    migrate(settings.database_url)
    found = presence.begin(settings, TRAIN)
    yield found
    found.ended.set()
    found.record.close()


def test_a_heartbeat_that_is_under_way_when_its_worker_ends_does_not_bring_the_worker_back(
    worker: presence.ThisWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, signed_off, sign_off = threading.Event(), threading.Event(), worker.record.workers.sign_off

    def measured_slowly(pid: int, gpu: str | None) -> dict[str, Any]:
        """As on a busy machine: the worker ends meanwhile, and has signed off, if it does not wait for this beat."""
        under_way.set()
        worker.ended.wait()
        signed_off.wait(0.5)
        return {}

    def sign_off_and_tell(worker_id: str) -> None:
        sign_off(worker_id)
        signed_off.set()

    monkeypatch.setattr(presence, "usage", measured_slowly)
    monkeypatch.setattr(worker.record.workers, "sign_off", sign_off_and_tell)
    presence.start_threads()
    assert under_way.wait(patience(60))
    presence.end()
    for thread in threading.enumerate():
        if thread.name == "heartbeat":
            thread.join()
    assert worker.record.laboratory.state().workers == ()
