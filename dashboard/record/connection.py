"""The record of this process's environment, opened once: for pages, and for routes that run without Streamlit."""

from __future__ import annotations

import functools
import math
import time
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from focus_core.errors import UserError
from focus_store.contracts import LaboratoryState
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings

_BROKER_SECONDS = 5.0


@functools.lru_cache(maxsize=8)
def _open(settings: Settings) -> Record:
    return open_record(settings)


def record() -> Record:
    """Opened at first use; pages and routes share it."""
    return _open(Settings.from_environment())


class RecordAway(UserError):
    """The database does not answer; pages retry by themselves."""


def record_away(error: OperationalError) -> RecordAway:
    settings = Settings.from_environment()
    where = make_url(settings.database_url).render_as_string(hide_password=True)
    lines = str(error.orig or error).strip().splitlines()
    return RecordAway(f"The database {where} does not answer ({lines[0] if lines else 'no reason given'}).")


def laboratory() -> LaboratoryState:
    """UserError if there is no record of our revision; RecordAway if its database does not answer."""
    try:
        return record().laboratory.state()
    except OperationalError as error:
        raise record_away(error) from error


_broker_seen: dict[Settings, tuple[float, str | None]] = {}


def broker_problem() -> str | None:
    """Why the broker cannot be reached, or None; checked at most every five seconds for all pages together."""
    settings = Settings.from_environment()
    asked, problem = _broker_seen.get(settings, (-math.inf, None))
    if time.monotonic() - asked > _BROKER_SECONDS:
        problem = record().queue.publisher.problem()
        _broker_seen[settings] = (time.monotonic(), problem)
    return problem


def artifact_file(digest: str) -> Path | None:
    return record().artifacts.find(digest)
