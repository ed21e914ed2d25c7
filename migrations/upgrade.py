"""Bringing a database to a revision, from wherever FOCUS is installed."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from focus_store.database.engine import check_references, make_engine

_LOCK = 0x464F435553  # "FOCUS": any number that no other program locks


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration with the scripts of this very package, clone or installation."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    revision = ScriptDirectory.from_config(configuration()).get_current_head()
    assert revision is not None
    return revision


class UnknownRevisionError(Exception):
    """The database is of a revision that this version of FOCUS does not have: a newer one made it."""

    def __init__(self, revision: str) -> None:
        super().__init__(f"revision {revision} is not known here")
        self.revision = revision


def known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()}


def migrate(database_url: str, revision: str = "head") -> tuple[str | None, str | None]:
    """Bring the database up to `revision`, in one transaction; the revisions before and after.

    The folder of a SQLite file is made. Whoever calls second while the first is at work waits, and finds it done.
    """
    return _run(database_url, revision, up=True)


def migrate_down(database_url: str, revision: str) -> tuple[str | None, str | None]:
    """Bring the database down to `revision` ("base": no tables). What the older tables cannot hold is lost."""
    return _run(database_url, revision, up=False)


def _run(database_url: str, revision: str, *, up: bool) -> tuple[str | None, str | None]:
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = make_engine(database_url, writes=True, migrates=True)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                # SQLite's BEGIN IMMEDIATE makes the second one wait; here a lock of ours does, until the commit.
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
            before = MigrationContext.configure(connection).get_current_revision()
            if before is not None and before not in known_revisions():
                raise UnknownRevisionError(before)
            run = command.upgrade if up else command.downgrade
            run(configuration(connection), revision)
            check_references(connection)
            return before, MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
