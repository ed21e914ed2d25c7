"""Sessions on the record: one engine for reading, one for writing, and the database's own clock.

Leases use the database's clock, so that machines need not agree on the time.
"""

from __future__ import annotations

import datetime
import functools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Insert, func, inspect, literal_column, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from focus_core.errors import UserError
from focus_store.database.engine import make_engine
from focus_store.database.tables import REVISION, Event, UtcDateTime
from focus_store.settings import Settings

# Crockford's alphabet without u: no two characters look alike, and none spells a word.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def free_id(session: Session, table: type[Any]) -> str:
    while session.get(table, candidate := new_id()) is not None:
        pass
    return candidate


def new_id() -> str:
    """A short public id for URLs: 40 random bits in 8 characters."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))


class Database:
    """The engines of one record, one for reading and one for writing. Nothing is opened before first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @functools.cached_property
    def _reader(self) -> Engine:
        engine = make_engine(self.settings.database_url, writes=False)
        try:
            check_revision(engine, self.settings)
        except BaseException:
            engine.dispose()
            raise
        return engine

    @functools.cached_property
    def _writer(self) -> Engine:
        assert self._reader is not None  # checks the revision before anything is written
        return make_engine(self.settings.database_url, writes=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent view of the record. UserError for text that no database accepts, such as NUL in an address."""
        try:
            with Session(self._reader, expire_on_commit=False) as session:
                yield session
        except DataError as error:
            raise UserError(f"the record cannot look for that: {error.orig}.") from error

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction, committed when the block ends and rolled back when it raises."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self, *, forked: bool = False) -> None:
        """Close every connection; the next use opens new ones.

        Needed after a fork, then with `forked`: the connections are the parent's, and are left alone.
        """
        for name in ("_reader", "_writer"):
            engine = self.__dict__.pop(name, None)
            if engine is not None:
                engine.dispose(close=not forked)


class Gateway:
    """A part of the record, named by a noun: it uses the database, and is given whatever else it needs."""

    def __init__(self, database: Database) -> None:
        self.settings = database.settings
        self.reading, self.writing = database.reading, database.writing


def database_now(session: Session) -> datetime.datetime:
    """UTC, by the database's clock."""
    name = session.get_bind().dialect.name
    clock = "strftime('%Y-%m-%d %H:%M:%f000', 'now')" if name == "sqlite" else "clock_timestamp()"
    column: ColumnElement[Any] = literal_column(clock, UtcDateTime())
    moment = session.scalar(select(column))
    assert isinstance(moment, datetime.datetime)
    return moment


def hold(session: Session, name: str) -> None:
    """Until this transaction ends no other one holds `name`: for rows that must be looked up before they are written.

    On SQLite only one writing transaction is open at any time.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def insert_ignoring(session: Session, table: Any) -> Insert:
    """INSERT … ON CONFLICT DO NOTHING, for replays that must change nothing."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


def insert_replacing(session: Session, table: Any, keys: list[str], values: dict[str, Any]) -> Insert:
    """INSERT … ON CONFLICT (keys) DO UPDATE SET the rest."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**values)
    return statement.on_conflict_do_update(
        index_elements=keys, set_={name: statement.excluded[name] for name in values if name not in keys}
    )


def add_event(
    session: Session,
    subject: str,
    kind: str,
    who: str,
    *,
    before: str | None = None,
    after: str | None = None,
    message: str | None = None,
) -> None:
    row = Event(subject=subject, time=database_now(session), kind=kind, who=who, before=before, after=after)
    row.message = message
    session.add(row)


class RecordUnfit(UserError):
    """The database has other tables than this code expects; `command` fixes it."""

    def __init__(self, message: str, command: str) -> None:
        super().__init__(f"{message}; run: {command}")
        self.command = command


UPDATE_COMMAND = "git pull && make install"


def check_revision(engine: Engine, settings: Settings) -> None:
    """RecordUnfit unless the database has exactly the tables that this code expects."""
    found = revision_of(engine)
    if found != REVISION:
        raise unfit(settings.database_url, found)


def revision_of(engine: Engine) -> str | None:
    """The revision of the tables in the database, None if there are none. A missing file is not created."""
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
        return None
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return None if found is None else str(found)


def unfit(database_url: str, found: str | None) -> RecordUnfit:
    """What to do about a record of the revision `found`; revisions are increasing numbers."""
    where = make_url(database_url).render_as_string(hide_password=True)
    if found is not None and found > REVISION:
        made = f"{where}: the record is of revision {found}, which a newer version of FOCUS made"
        return RecordUnfit(f"{made}; this one knows revision {REVISION} and must be updated", UPDATE_COMMAND)
    state = "is empty" if found is None else f"is of revision {found}"
    return RecordUnfit(
        f"{where}: the record {state}, but this version of FOCUS needs revision {REVISION}", "focus-lab migrate"
    )
