"""A whole record into another database: every row, in one transaction, and compared before it is committed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, Table, func, inspect, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from focus_core.errors import UserError
from focus_core.paths import check_folder
from focus_store.database.engine import make_engine
from focus_store.database.session import check_revision
from focus_store.database.tables import Base
from focus_store.record.record import open_record
from focus_store.settings import Settings

BATCH = 5000
Row = dict[str, Any]


@dataclass(frozen=True)
class Copied:
    rows: Mapping[str, int]  # by table
    digest: str  # of every row, independent of their order


def copy_record(settings: Settings, target_url: str, migrate: Callable[[str], object]) -> Copied:
    """Copy the record of `settings` to `target_url`; `migrate` creates the tables of a database that has none.

    UserError if the target has rows or another revision, or a laboratory still writes to the source. Either every
    row is copied, or none.
    """
    target_settings = _target(settings, target_url)
    _check_idle(settings)
    source, target = make_engine(settings.database_url, writes=False), make_engine(target_url, writes=True)
    try:
        try:
            if not inspect(target).has_table("alembic_version"):
                migrate(target_url)
            check_revision(source, settings)
            check_revision(target, target_settings)
        except DBAPIError as error:
            raise UserError(f"--to {_shown(target_url)}: cannot be used ({_first_line(error)}).") from error
        return _copy(source, target, target_url, Base.metadata.sorted_tables)
    finally:
        source.dispose()
        target.dispose()


def _target(settings: Settings, target_url: str) -> Settings:
    try:
        backend = make_url(target_url).get_backend_name()
    except ArgumentError:
        raise UserError(f"--to {target_url}: is not a database's address; postgresql+psycopg://… is one.") from None
    if backend not in ("sqlite", "postgresql"):
        raise UserError(f"--to {_shown(target_url)}: {backend} is not supported; use postgresql or sqlite.")
    if make_url(target_url) == make_url(settings.database_url):
        raise UserError(f"--to {_shown(target_url)}: is the record itself; name another, empty database.")
    if backend == "sqlite" and (file := make_url(target_url).database):
        check_folder(Path(file).parent, "--to")
    return replace(settings, database_url=target_url)


def _check_idle(settings: Settings) -> None:
    record = open_record(settings)
    try:
        workers = record.laboratory.state().workers
    finally:
        record.close()
    if workers:
        raise UserError(
            f"{_shown(settings.database_url)}: {len(workers)} workers write to it, so a copy would miss their last "
            "lines; end them first: focus-lab down"
        )


def copy_as_it_is(database_url: str, target_url: str) -> Copied:
    """Every row of a record of any revision into one of the same revision that has no rows yet."""
    source, target = make_engine(database_url, writes=False), make_engine(target_url, writes=True)
    try:
        return _copy(source, target, target_url, _tables_of(source))
    finally:
        source.dispose()
        target.dispose()


def _tables_of(engine: Engine) -> list[Table]:
    """The existing tables; columns that still exist have the types that the code uses."""
    found = MetaData()
    found.reflect(engine)
    known = Base.metadata.tables
    for table in found.sorted_tables:
        for column in table.columns:
            if table.name in known and column.name in known[table.name].columns:
                column.type = known[table.name].columns[column.name].type
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def _copy(source: Engine, target: Engine, target_url: str, tables: Sequence[Table]) -> Copied:
    """`tables` are ordered so that referenced ones come first."""
    with source.connect() as reader, target.begin() as writer:
        if reader.dialect.name == "postgresql":
            reader.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for table in tables:
            if writer.scalar(select(func.count()).select_from(table)):
                raise UserError(f"--to {_shown(target_url)}: {table.name} has rows already; name an empty database.")
        told = {table.name: _copy_table(reader, writer, table) for table in tables}
        for table in tables:
            _correct_sequence(writer, table)
            found = _fingerprint(_rows(writer, table))
            if found != told[table.name]:
                raise RuntimeError(f"{table.name}: {found[0]} rows arrived of {told[table.name][0]}, or others")
    digest = hashlib.sha256(repr(sorted(told.items())).encode()).hexdigest()
    return Copied({name: count for name, (count, _) in told.items()}, digest)


def _copy_table(reader: Connection, writer: Connection, table: Table) -> tuple[int, int]:
    """Count and sum of the rows' digests. A column that refers to its own table is filled in at the end."""
    own = [key.parent.name for key in table.foreign_keys if key.column.table is table]
    later: list[Row] = []

    def insert(batch: Sequence[Row]) -> None:
        for row in batch:
            later.extend({"row_id": row["id"], name: row[name]} for name in own if row[name] is not None)
        writer.execute(table.insert(), [row | dict.fromkeys(own) for row in batch])

    told = _fingerprint(_rows(reader, table), insert)
    for row in later:
        row_id = row.pop("row_id")
        writer.execute(update(table).where(table.c.id == row_id).values(**row))
    return told


def _rows(connection: Connection, table: Table) -> Iterator[list[Row]]:
    found = connection.execute(select(table), execution_options={"yield_per": BATCH})
    for part in found.mappings().partitions():
        yield [{name: _clean(value) for name, value in row.items()} for row in part]


def _clean(value: Any) -> Any:
    """PostgreSQL's text cannot contain NUL; a log stored in SQLite may."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def _fingerprint(batches: Iterator[list[Row]], use: Callable[[list[Row]], None] | None = None) -> tuple[int, int]:
    """Number of rows and the sum of their sha256: a sum, because databases sort text differently."""
    count = total = 0
    for batch in batches:
        if use is not None:
            use(batch)
        count += len(batch)
        for row in batch:
            total += int.from_bytes(hashlib.sha256(repr(tuple(row.values())).encode()).digest())
    return count, total % 2**256


def _correct_sequence(writer: Connection, table: Table) -> None:
    """PostgreSQL continues from its own sequence, which ignores rows inserted with explicit numbers."""
    column = table.autoincrement_column
    if column is None or writer.dialect.name != "postgresql":
        return
    sequence = f"pg_get_serial_sequence('{table.name}', '{column.name}')"
    highest = (
        f"SELECT setval({sequence}, COALESCE(MAX({column.name}), 1), MAX({column.name}) IS NOT NULL) FROM {table.name}"
    )
    writer.execute(text(highest))


def _shown(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]
