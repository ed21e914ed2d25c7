"""Sending nudges to workers: a message carries an id and nothing else, and may be lost or duplicated without harm.

Tasks are named by text, so that pages can publish without importing a worker.
"""

from __future__ import annotations

import functools
import logging
import os
import uuid
from pathlib import Path
from typing import Any

import kombu.exceptions
from celery import Celery

from focus_core.catalogue.jobs import SAMPLE, TRAIN
from focus_store.settings import Settings

TASKS = {TRAIN: "focus.train", SAMPLE: "focus.sample"}

log = logging.getLogger(__name__)


def message_folder(settings: Settings) -> Path:
    """The folder in which consumers look for messages."""
    return settings.broker_folder / "messages"


def transport_options(settings: Settings, outgoing: Path | None = None) -> dict[str, Any]:
    """Options of the `filesystem://` transport, or those by which a vanished Redis is noticed."""
    if not settings.broker_url.startswith("filesystem://"):
        return {"socket_connect_timeout": 5.0, "socket_keepalive": True, "health_check_interval": 10}
    return {
        "data_folder_in": str(message_folder(settings)),
        "data_folder_out": str(outgoing or message_folder(settings)),
        "control_folder": str(settings.broker_folder / "control"),
        "polling_interval": 0.1,
    }


def make_folders(settings: Settings, outgoing: Path | None = None) -> None:
    """The folders of the `filesystem://` transport, which creates none itself."""
    if settings.broker_url.startswith("filesystem://"):
        for folder in (message_folder(settings), settings.broker_folder / "control", outgoing):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)


_ONE_TRY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}


def _failures() -> tuple[type[Exception], ...]:
    """Exceptions of an unreachable broker. Redis is imported late: the broker of most laboratories is a folder."""
    from redis.exceptions import RedisError

    return (kombu.exceptions.KombuError, OSError, RedisError)


class Publisher:
    """Publishes one task per id. An unreachable broker is not an error: the reaper publishes waiting rows again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def publish(self, lane: str, row_id: str) -> bool:
        """Send the nudge; returns whether the broker received it."""
        try:
            make_folders(self._settings, self._outbox)
            self._app.send_task(TASKS[lane], args=[row_id], queue=lane, ignore_result=True, retry=False)
            self._deliver()
        except _failures() as error:
            log.warning("%s %s waits: its message could not be sent (%s)", lane, row_id, error)
            return False
        return True

    def problem(self) -> str | None:
        """Why the broker cannot be reached, or None. Waits at most five seconds for a server."""
        if self._settings.broker_url.startswith(("filesystem://", "memory://")):
            return None
        try:
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(
                    max_retries=1, interval_start=0, timeout=5.0, reraise_as_library_errors=True
                )
                connection.default_channel.client.ping()
        except _failures() as error:
            return str(error) or type(error).__name__
        return None

    @functools.cached_property
    def _outbox(self) -> Path | None:
        if not self._settings.broker_url.startswith("filesystem://"):
            return None
        return self._settings.broker_folder / "outbox" / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"

    @functools.cached_property
    def _app(self) -> Celery:
        app = Celery("focus", broker=self._settings.broker_url, set_as_current=False)
        app.conf.update(
            # A page that publishes must not wait for an unreachable broker: the reaper will publish again.
            broker_transport_options={**transport_options(self._settings, self._outbox), **_ONE_TRY},
            task_serializer="json",
            accept_content=["json"],
            result_backend=None,
            broker_connection_timeout=4.0,
        )
        return app

    def _deliver(self) -> None:
        """The transport writes a message in place, where a consumer could read half of it; a rename is atomic."""
        if self._outbox is None:
            return
        for file in self._outbox.glob("*.msg"):
            file.replace(message_folder(self._settings) / file.name)
