"""Celery's settings and their reasons. Measured with celery 5.7, kombu 5.7 and redis 7.0 (figures in ARCHITECTURE)."""

from __future__ import annotations

from typing import Any

from kombu import Queue

from focus_store.queue import SAMPLE, TASKS, TRAIN, transport_options
from focus_store.settings import Settings


def celery_configuration(settings: Settings) -> dict[str, Any]:
    return {
        "broker_url": settings.broker_url,
        "broker_transport_options": transport_options(settings),
        # The row is the truth: no result backend, and a message is acknowledged before the work, for a late
        # acknowledgement makes Redis deliver a running task again.
        "result_backend": None,
        "task_ignore_result": True,
        "task_acks_late": False,
        "worker_prefetch_multiplier": 1,
        # Two lanes, so that a sample never waits behind hours of training; no priorities, which this broker ignores.
        "task_queues": [Queue(TRAIN), Queue(SAMPLE)],
        "task_default_queue": TRAIN,
        "task_routes": {TASKS[lane]: {"queue": lane} for lane in (TRAIN, SAMPLE)},
        # JSON only: a message can carry data, never code.
        "task_serializer": "json",
        "accept_content": ["json"],
        # The worker waits for a broker that is unreachable; work under way continues without it.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # Requests and heartbeats go through the record; these would only poll the broker.
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "enable_utc": True,
    }
