"""Databases and brokers on private servers: one pair of servers per session, one empty database per test."""

from __future__ import annotations

import itertools
import os

import psycopg
import pytest
import redis

from migrations.upgrade import migrate
from worker.laboratory.servers import PrivateServers, missing_programs

REASON = "no PostgreSQL or Redis"
_TEMPLATE = "migrated"


class ServerPool:
    """Servers that start with the first test that needs them."""

    def __init__(self) -> None:
        self._servers: PrivateServers | None = None
        self._numbers = itertools.count()
        self._databases: list[str] = []

    @property
    def servers(self) -> PrivateServers:
        if self._servers is None:
            require_servers()
            self._servers = PrivateServers(careless=True)
            self._servers.start()
        return self._servers

    def new_database(self, *, migrated: bool = True) -> str:
        """The address of a new database, with today's tables or with none."""
        name = f"test{next(self._numbers)}"
        if migrated and _TEMPLATE not in self._databases:
            self._create(_TEMPLATE, "template1")
            migrate(self.servers.database_url(_TEMPLATE))
        self._create(name, _TEMPLATE if migrated else "template1")
        return self.servers.database_url(name)

    def empty_broker(self) -> str:
        with redis.Redis(unix_socket_path=f"{self.servers.folder}/redis.sock") as client:
            client.flushall()
        return self.servers.broker_url

    def drop(self, database_url: str) -> None:
        name = database_url.partition("@/")[2].partition("?")[0]
        self._databases.remove(name)
        self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        if self._servers is not None:
            self._servers.stop()
            self._servers = None

    def _create(self, name: str, template: str) -> None:
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._databases.append(name)

    def _run(self, statement: str) -> None:
        with psycopg.connect(host=str(self.servers.folder), user="focus", dbname="postgres", autocommit=True) as open_:
            open_.execute(statement)


def require_servers() -> None:
    """Skip if the programs are not installed, with one line in the summary; with CI=true that is a failure."""
    missing = missing_programs()
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, but {', '.join(missing)} cannot be found")
    if missing:
        pytest.skip(f"{REASON}: {', '.join(missing)} cannot be found")
