"""Who this worker is: its id, its heartbeat, its reaper, and whether it has been told to shut down."""

from __future__ import annotations

import logging
import mmap
import os
import socket
import threading
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from focus_store.contracts import WorkerRow
from focus_store.repository import Repository
from focus_store.session import open_record
from focus_store.settings import Settings
from worker.gpu import device_name
from worker.reaper import Reaper

log = logging.getLogger(__name__)


@dataclass
class Worker:
    """One a process; a forked child shares the id and the shutdown byte of its parent."""

    row: WorkerRow
    repository: Repository
    # Anonymous shared memory: the parent sets the byte in its signal handler, the forked child reads it.
    shutdown: mmap.mmap
    ended: threading.Event
    threads: list[threading.Thread]


_worker: Worker | None = None


def begin(settings: Settings, lane: str) -> Worker:
    """Become a worker of that lane. Called once, before anything is forked."""
    global _worker
    host, pid = socket.gethostname(), os.getpid()
    row = WorkerRow(f"{host}:{pid}:{lane}", host, lane, pid, device_name(), heartbeat_age=0.0, current=None)
    _worker = Worker(row, open_record(settings), mmap.mmap(-1, 1), threading.Event(), [])
    return _worker


def this_worker() -> Worker:
    if _worker is None:
        raise RuntimeError("this process is not a worker: presence.begin() has not been called")
    return _worker


def start_threads() -> None:
    """Heartbeat and reaper, in the worker's own process."""
    worker = this_worker()
    beats = threading.Thread(target=_beat, args=(worker,), name="heartbeat", daemon=True)
    worker.threads = [beats, Reaper(worker.repository, worker.ended)]
    for thread in worker.threads:
        thread.start()


def forked() -> bool:
    return this_worker().row.pid != os.getpid()


def after_fork() -> None:
    this_worker().repository.close()


def shut_down() -> None:
    """Ask the running task to hand its row back. Runs in a signal handler: it only sets a byte."""
    this_worker().shutdown[0] = 1


def shutting_down() -> bool:
    return bool(this_worker().shutdown[0])


def end() -> None:
    """Sign off, so that no page shows a worker that has left."""
    worker = this_worker()
    worker.ended.set()
    try:
        worker.repository.sign_off(worker.row.id)
    except DBAPIError as error:
        log.warning("could not sign off (%s)", error)


def _beat(worker: Worker) -> None:
    while True:
        try:
            worker.repository.beat(worker.row)
        except DBAPIError as error:
            log.warning("heartbeat missed: the record cannot be reached (%s)", error)
        if worker.ended.wait(worker.repository.settings.heartbeat_seconds):
            return
