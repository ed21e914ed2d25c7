"""Waiting for a database that is not there yet: logged once, then every minute, until it is available."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from focus_core.errors import StopRequested, UserError
from focus_store.database.session import RecordUnfit

PAUSE_SECONDS = 1.0
_REPEAT_SECONDS = 60.0

T = TypeVar("T")


def first_line(error: BaseException) -> str:
    """The reason itself, for errors that append a statement and a link."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(error).__name__


class Waiting:
    """Logs each new sentence at once, and an unchanged one every minute."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._last, self._at = tell, "", 0.0

    def say(self, sentence: str) -> None:
        if sentence != self._last or time.monotonic() - self._at > _REPEAT_SECONDS:
            self._last, self._at = sentence, time.monotonic()
            self._tell(sentence)


def when_ready(
    action: Callable[[], T],
    database_url: str,
    tell: Callable[[str], None],
    ended: threading.Event,
    *,
    also_unfit: bool = False,
    while_waiting: Callable[[], None] = lambda: None,
) -> T:
    """The result of `action`, once the database is there; StopRequested if `ended` is set before.

    With `also_unfit` it also waits for a record of another revision to be migrated. An SQLite file that cannot be
    opened does not recover by itself, and is a UserError.
    """
    where = make_url(database_url).render_as_string(hide_password=True)
    waiting = Waiting(tell)
    while True:
        try:
            return action()
        except OperationalError as error:
            if where.startswith("sqlite"):
                raise UserError(f"{where}: the record cannot be opened ({first_line(error)}).") from error
            waiting.say(f"waiting for the database {where}: {first_line(error)}")
        except RecordUnfit as error:
            if not also_unfit:
                raise
            waiting.say(f"waiting: {error}")
        while_waiting()
        if ended.wait(PAUSE_SECONDS):
            raise StopRequested("ended while it waited for the database")
