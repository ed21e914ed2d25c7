"""The commands of a laboratory, in one place: used by `focus-lab up`, `stack` and docker-compose.yml."""

from __future__ import annotations

import sys

from focus_store.queue import SAMPLE, TRAIN

MIGRATE, DASHBOARD = "migrate", "dashboard"
_POOLS = {
    TRAIN: ("--pool", "prefork", "--concurrency", "1"),  # the worker listens while its child supervises a trainer
    SAMPLE: ("--pool", "solo"),  # warm models, loaded once
}


def migrate(python: str = sys.executable) -> list[str]:
    return [python, "-m", "worker.laboratory.command", "migrate"]


def dashboard(port: int, address: str, python: str = sys.executable) -> list[str]:
    return [python, "-m", "dashboard.serve", "--port", str(port), "--address", address]


def worker(lane: str, number: str = "", python: str = sys.executable) -> list[str]:
    """A Celery worker of a lane; `number` distinguishes several on one host."""
    return [
        *(python, "-m", "celery", "-A", "worker.celery_app", "worker", "-Q", lane, *_POOLS[lane]),
        *("-n", f"{lane}{number}@%h", "--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--loglevel", "INFO"),
    ]
