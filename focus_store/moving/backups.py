"""A record is backed up before its tables are changed, and restored if that fails."""

from __future__ import annotations

import datetime
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from focus_core.errors import UserError
from focus_store.database.engine import make_engine
from focus_store.database.session import revision_of
from focus_store.database.tables import REVISION
from focus_store.moving.copying import copy_as_it_is

Migrate = Callable[[str, str], tuple[str | None, str | None]]  # address and revision to the revisions before and after


@dataclass(frozen=True)
class Migrated:
    before: str | None
    after: str | None
    backup: Path | None  # of a record that has been changed


def migrate_safely(database_url: str, folder: Path, migrate: Migrate) -> Migrated:
    """Bring a record to today's revision; its content is saved in a file of `folder` before anything is changed.

    A migration is one transaction, which a database rolls back if it fails. If one did not stay within it, the record
    is restored from the file, whose path is in the exception.
    """
    engine = make_engine(database_url, writes=False)
    try:
        found = revision_of(engine)
        if found is None or found >= REVISION:
            return Migrated(*migrate(database_url, "head"), None)
        before, backup = _shape(engine), _back_up(database_url, found, folder, migrate)
        try:
            return Migrated(*migrate(database_url, "head"), backup)
        except BaseException as error:
            if _shape(engine) == before:
                error.add_note(f"The record is as it was, of revision {found}; a copy of it is {backup}.")
            else:
                _restore(engine, backup, found, error)
            raise
    finally:
        engine.dispose()


def _back_up(database_url: str, revision: str, folder: Path, migrate: Migrate) -> Path:
    """The record as an SQLite file of the same revision, from either database."""
    folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.datetime.now(datetime.UTC)
    path = folder / f"record-{revision}-{moment:%Y%m%dT%H%M%S%f}.db"
    with _telling_why(folder), tempfile.TemporaryDirectory(dir=folder) as beside:
        unfinished = Path(beside) / path.name
        if make_url(database_url).get_backend_name() == "sqlite":
            _copy_file(Path(make_url(database_url).database or ""), unfinished)
        else:
            migrate(f"sqlite:///{unfinished}", revision)
            copy_as_it_is(database_url, f"sqlite:///{unfinished}")
        return unfinished.rename(path)


@contextmanager
def _telling_why(folder: Path) -> Iterator[None]:
    """An unreachable server is not an error of the folder, and is waited for elsewhere."""
    try:
        yield
    except (OSError, sqlite3.Error, DBAPIError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(reason, (OSError, sqlite3.Error)):
            raise
        raise UserError(
            f"{folder}: the record cannot be kept there before its tables are changed ({reason}); make room and try "
            "again. The record is as it was."
        ) from error


def _restore(engine: Engine, backup: Path, revision: str, error: BaseException) -> None:
    if engine.dialect.name == "sqlite":
        _copy_file(backup, Path(engine.url.database or ""))
        error.add_note(f"The record was put back from {backup}.")
    else:
        # The remaining tables are unknown, and a server's database may contain more than a record.
        address = engine.url.render_as_string(hide_password=True)
        error.add_note(f"{address} is not as it was; the record of revision {revision} is {backup}.")


def _copy_file(source: Path, target: Path) -> None:
    """SQLite's own copy: includes the write-ahead log, and is complete or fails."""
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(target)) as writer:
        reader.backup(writer)


def _shape(engine: Engine) -> tuple[object, ...]:
    """Revision, tables and columns: equal before and after a change that was rolled back."""
    revision, tables = revision_of(engine), inspect(engine)
    columns = {name: sorted(column["name"] for column in tables.get_columns(name)) for name in tables.get_table_names()}
    return revision, sorted(columns.items())
