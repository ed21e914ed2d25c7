"""This worker: its id, its heartbeat, its reaper, its GPU, and whether it has been asked to shut down."""

from __future__ import annotations

import logging
import mmap
import os
import socket
import threading
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import DBAPIError

from focus_core.errors import UserError
from focus_store.contracts import WorkerRow
from focus_store.queue import TRAIN
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings
from worker.consumer.readiness import PAUSE_SECONDS, Waiting, when_ready
from worker.consumer.reaper import Reaper
from worker.devices.gpu import Slot, device_name, training_slot
from worker.devices.usage import usage

log = logging.getLogger(__name__)

_SHUTDOWN, _SLOT_LOST = 0, 1
# How long a worker that ends waits for a heartbeat being written: longer than the wait for a database.
_LAST_BEAT_SECONDS = 60.0


@dataclass
class ThisWorker:
    """One per process; a forked child shares the id and the flags of its parent."""

    row: WorkerRow
    record: Record
    # Anonymous shared memory: the parent sets a byte in its signal handler or heartbeat, the forked child reads it.
    flags: mmap.mmap
    slot: Slot | None
    token: str | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    beats: threading.Thread | None = None


_worker: ThisWorker | None = None


def begin(settings: Settings, lane: str) -> ThisWorker:
    """Become a worker of that lane. Called once, before anything is forked."""
    global _worker
    host, pid = socket.gethostname(), os.getpid()
    slot = training_slot(settings.gpu, host) if lane == TRAIN else None
    row = WorkerRow(f"{host}:{pid}:{lane}", host, lane, pid, device_name(), heartbeat_age=0.0, current=None)
    _worker = ThisWorker(row, open_record(settings), mmap.mmap(-1, 2), slot)
    return _worker


def this_worker() -> ThisWorker:
    if _worker is None:
        raise RuntimeError("this process is not a worker: presence.begin() has not been called")
    return _worker


def wait_until_ready() -> None:
    """Before the first message is taken: wait for a record of our revision, and on a GPU for its slot.

    Nothing is consumed meanwhile, so that no nudge is wasted on a worker that cannot act on it. The connections are
    closed afterwards, since a fork follows.
    """
    worker = this_worker()
    settings = worker.record.settings

    def look() -> None:
        _touch(settings)

    when_ready(worker.record.laboratory.state, settings.database_url, log.warning, worker.ended, also_unfit=True,
               while_waiting=look)  # fmt: skip
    waiting = Waiting(log.warning)
    while not when_ready(lambda: _take_slot(worker, waiting), settings.database_url, log.warning, worker.ended):
        look()
        worker.ended.wait(PAUSE_SECONDS)
    worker.record.close()


def _take_slot(worker: ThisWorker, waiting: Waiting) -> bool:
    """Whether this worker may train now; if not, its row states what it waits for."""
    slot, row, record = worker.slot, worker.row, worker.record
    if slot is None:
        return True
    worker.token = record.slots.take(slot.id, row.host, slot.device, row.id)
    if worker.token is not None:
        log.info("holds the GPU %s (%s)", slot.id, slot.device)
        worker.row = replace(row, slot=slot.id, message=None)
        worker.flags[_SLOT_LOST] = 0
        return True
    sentence = f"waits for the GPU {slot.id}, which {record.slots.holder(slot.id)} has; FOCUS_GPU chooses another"
    waiting.say(sentence)
    worker.row = replace(row, slot=None, message=sentence)
    record.workers.beat(worker.row)
    return False


def start_threads() -> None:
    """Heartbeat and reaper, in the worker's own process."""
    worker = this_worker()
    worker.beats = threading.Thread(target=_beat, args=(worker,), name="heartbeat", daemon=True)
    worker.beats.start()
    Reaper(worker.record, worker.ended).start()


def forked() -> bool:
    return this_worker().row.pid != os.getpid()


def after_fork() -> None:
    this_worker().record.close(forked=True)


def shut_down() -> None:
    """Ask the running task to hand its row back. Runs in a signal handler: it only sets a byte."""
    this_worker().flags[_SHUTDOWN] = 1


def shutting_down() -> bool:
    """Whether the task must end now: the worker is ending, or another worker holds its GPU."""
    return any(this_worker().flags[:])


def end() -> None:
    """Sign off, so that no page shows a worker that has left, and release the GPU.

    After the last heartbeat: one in progress would write the row, and take the GPU, once more.
    """
    worker = this_worker()
    worker.ended.set()
    if worker.beats is not None:
        worker.beats.join(_LAST_BEAT_SECONDS)
    try:
        if worker.slot is not None and worker.token is not None:
            worker.record.slots.leave(worker.slot.id, worker.token)
        worker.record.workers.sign_off(worker.row.id)
    except (DBAPIError, UserError) as error:
        log.warning("could not sign off (%s)", error)


def _beat(worker: ThisWorker) -> None:
    waiting = Waiting(log.warning)
    while True:
        try:
            _keep_slot(worker, waiting)
            measured = usage(worker.row.pid, worker.record.settings.gpu)
            worker.record.workers.beat(replace(worker.row, **measured))
        except (DBAPIError, UserError) as error:
            log.warning("heartbeat missed: the record cannot be reached (%s)", error)
        _touch(worker.record.settings)
        if worker.ended.wait(worker.record.settings.heartbeat_seconds):
            return


def _keep_slot(worker: ThisWorker, waiting: Waiting) -> None:
    """Renew the lease. If another worker has it (the record was away for long): stop training and queue for it."""
    if worker.slot is None:
        return
    if worker.token is not None and not worker.record.slots.keep(worker.slot.id, worker.token):
        log.error("the GPU %s has gone to another worker; the training is handed back", worker.slot.id)
        worker.token, worker.flags[_SLOT_LOST] = None, 1
    if worker.token is None:
        _take_slot(worker, waiting)


def _touch(settings: Settings) -> None:
    """The health check of a container reads this file's age."""
    if settings.heartbeat_file is not None:
        settings.heartbeat_file.touch()
