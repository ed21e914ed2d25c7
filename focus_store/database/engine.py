"""Engines on SQLite and PostgreSQL, configured so that readers and writers never cause each other to fail.

SQLite writers start with BEGIN IMMEDIATE: a deferred transaction that becomes a writer fails at once with
"database is locked", however long the busy timeout is. Readers have a separate engine, or they would queue
behind the writers. This module imports nothing of FOCUS, because migrations use it.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url

# Write-ahead logging needs shared memory, which these do not provide between machines.
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs3", "nfs4", "cifs", "smbfs", "smb2", "smb3", "afs", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs"}
    | {"fuse.glusterfs", "fuse.ceph", "9p", "afpfs", "webdav", "orangefs", "panfs", "fuse.rclone"}
)


def network_file_system(path: Path) -> str | None:
    """The name of the network file system that holds `path`, or None on a local disk."""
    path = path.resolve()
    mounts = [m for m in psutil.disk_partitions(all=True) if path.is_relative_to(m.mountpoint)]
    if not mounts:
        return None
    nearest = max(mounts, key=lambda mount: len(mount.mountpoint))
    return nearest.fstype if nearest.fstype.lower() in NETWORK_FILE_SYSTEMS else None


# A server that vanished silently is given up within half a minute, not after the system's two hours.
_IMPATIENCE = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


def _make_postgresql(url: URL, *, writes: bool) -> Engine:
    """Readers see one snapshot, as on SQLite; writers compare and set, for which each statement sees the newest."""
    return create_engine(
        url,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
        connect_args={name: value for name, value in _IMPATIENCE.items() if name not in url.query},
    )


_PATIENCE, _BETWEEN_TRIES = 20.0, 0.02  # in seconds


def _set_journal_mode(connection: sqlite3.Connection, journal: str) -> None:
    """Changing the journal mode fails at once, whatever the busy timeout, while a new file is being written."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode = {journal}")
            return
        except sqlite3.OperationalError as error:
            # The low byte: the rest specifies the kind of "busy".
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(_BETWEEN_TRIES)


def make_engine(database_url: str, *, writes: bool, migrates: bool = False) -> Engine:
    """An engine on SQLite or PostgreSQL; on SQLite its transactions begin as writers or as readers.

    One that `migrates` disables SQLite's foreign keys: there a table is changed by a copy that replaces it, and
    dropping the old table would delete all rows that refer to it. `check_references` is called at the end.
    """
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite":
        return _make_postgresql(url, writes=writes)
    engine = create_engine(url)
    file = Path(url.database or "")
    journal = "DELETE" if network_file_system(file.parent) else "WAL"
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        connection.execute(f"PRAGMA busy_timeout = {1000 * _PATIENCE:.0f}")
        _set_journal_mode(connection, journal)
        for pragma in (
            "synchronous = NORMAL" if journal == "WAL" else "synchronous = FULL",
            f"foreign_keys = {'OFF' if migrates else 'ON'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def check_references(connection: Connection) -> None:
    """After a migration: RuntimeError if a row refers to a missing one. PostgreSQL never lets that happen."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            table, _, other, _ = broken[0]
            raise RuntimeError(f"{len(broken)} rows refer to rows that are not there, of {table} to {other} for one")
