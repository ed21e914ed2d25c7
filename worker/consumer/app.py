"""The Celery app and what it does when a worker starts, forks and ends.

Imports no torch: CUDA does not survive the fork of a training worker. SIGTERM is a warm shutdown. A shared
byte informs the running task, which ends within seconds: its trainer writes a checkpoint and the row returns to
the queue. (Celery's own soft shutdown sleeps through its whole timeout before it informs the task.)
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from celery import Celery, signals

from focus_store.queue import SAMPLE, TRAIN, make_folders
from focus_store.settings import Settings
from worker.consumer import presence
from worker.consumer.celery_settings import celery_configuration
from worker.devices.gpu import gpu_environment
from worker.processes import die_with_parent

app = Celery("focus", include=["worker.consumer.tasks"])
app.conf.update(celery_configuration(Settings.from_environment()))


@signals.worker_init.connect
def _start(sender: Any, **_: Any) -> None:
    """In the worker's own process, before it forks."""
    settings = Settings.from_environment()
    make_folders(settings)
    lane = SAMPLE if SAMPLE in sender.app.amqp.queues.consume_from else TRAIN
    os.environ.update(gpu_environment(settings.gpu))
    presence.begin(settings, lane)
    presence.wait_until_ready()


@signals.worker_ready.connect
def _ready(**_: Any) -> None:
    presence.start_threads()


@signals.worker_process_init.connect
def _forked(**_: Any) -> None:
    """In the forked process that runs the tasks: it must not outlive its worker, nor share its connections."""
    if presence.forked():  # the solo pool sends this signal too, from the worker itself
        die_with_parent()
        presence.after_fork()


@signals.worker_shutting_down.connect
def _stop(**_: Any) -> None:
    presence.shut_down()


@signals.worker_shutdown.connect
def _gone(**_: Any) -> None:
    presence.end()


@signals.setup_logging.connect
def _log_plainly(**_: Any) -> None:
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(processName)s %(name)s: %(message)s"
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
