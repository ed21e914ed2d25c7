"""Private PostgreSQL and Redis: started from their binaries, on Unix sockets alone, removed at the end.

`focus-lab stack` and the tests run on these.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focus_core.errors import UserError
from worker.processes import die_with_parent, last_line

POSTGRESQL, REDIS = "postgresql", "redis"
USER = "focus"
# Debian keeps PostgreSQL's programs off the PATH, as do Red Hat and Homebrew.
_ELSEWHERE = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_START_SECONDS = 60.0
# A server whose data need not survive a power cut, as in tests.
_CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")


def find_program(name: str) -> Path | None:
    """On the PATH, or where packages put it; of several versions the newest."""
    if (found := shutil.which(name)) is not None:
        return Path(found)
    candidates = [path for pattern in _ELSEWHERE for path in Path("/").glob(f"{pattern[1:]}/{name}")]
    return max(candidates, key=lambda path: [int(part) for part in re.findall(r"\d+", str(path))], default=None)


def missing_programs() -> list[str]:
    """What must be installed before private servers can start."""
    return [name for name in ("postgres", "initdb", "redis-server") if find_program(name) is None]


@dataclass(frozen=True)
class Account:
    """The account that the servers run as: PostgreSQL refuses to run as root."""

    name: str
    uid: int
    gid: int

    def options(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account() -> Account | None:
    """None means our own account."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise UserError("the stack: PostgreSQL does not run as root, and there is no user postgres or nobody; add one.")


class PrivateServers:
    """Both servers, their sockets in a temporary folder. `data` keeps PostgreSQL's files from one start to the next.

    Linux ends them when the thread that started them ends; elsewhere, and for the folder, call `stop`.
    """

    def __init__(self, data: Path | None = None, *, careless: bool = False) -> None:
        if missing := missing_programs():
            raise UserError(
                f"the stack: {', '.join(missing)} cannot be found; install them (Debian: apt install postgresql "
                "redis-server), or use focus-lab up, which needs neither."
            )
        self._account = server_account()
        # Short, since the path of a Unix socket may have no more than 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="focus-", dir="/tmp" if Path("/tmp").is_dir() else None))
        self._give(self.folder)
        self._data, self._careless = data or self.folder / "data", careless
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def broker_url(self) -> str:
        return f"redis+socket://{self.folder}/redis.sock"

    def database_url(self, name: str = "focus") -> str:
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def start(self) -> None:
        """Both servers, and the database `focus`. UserError, with nothing left behind, if one does not start."""
        try:
            if not (self._data / "PG_VERSION").exists():
                self._make_cluster()
            for name in (POSTGRESQL, REDIS):
                self.start_server(name)
            self._make_database()
        except BaseException:
            self.stop()
            raise

    def start_server(self, name: str) -> None:
        """Start a server that is not running, and wait until it answers."""
        command, last_signal = {
            POSTGRESQL: (self._postgresql(), signal.SIGINT),  # PostgreSQL's signal for a fast, orderly shutdown
            REDIS: (self._redis(), signal.SIGTERM),
        }[name]
        with self.log(name).open("ab") as stream:
            self._processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the laboratory, whose final updates go into the record
                preexec_fn=lambda: die_with_parent(last_signal),
                **self._options(),
            )
        self._await(name, self._answers_sql if name == POSTGRESQL else self._answers_ping)

    def process(self, name: str) -> subprocess.Popen[bytes]:
        return self._processes[name]

    def start_the_dead(self) -> list[str]:
        """Restart the servers that have ended; returns their names."""
        dead = [name for name, process in self._processes.items() if process.poll() is not None]
        for name in dead:
            self.start_server(name)
        return dead

    def stop(self, grace_seconds: float = 0.0) -> None:
        """End both and remove the folder. PostgreSQL waits `grace_seconds` for its clients to disconnect."""
        postgresql, redis = self._processes.get(POSTGRESQL), self._processes.get(REDIS)
        if postgresql is not None and grace_seconds > 0.0:
            _end(postgresql, signal.SIGTERM, grace_seconds)
        hurry = signal.SIGQUIT if self._careless else signal.SIGINT
        for process, number in ((postgresql, hurry), (redis, signal.SIGTERM)):
            if process is not None and not _end(process, number, 20.0):
                process.kill()
                process.wait()
        self._processes.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def __enter__(self) -> PrivateServers:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _options(self) -> dict[str, Any]:
        return {} if self._account is None else self._account.options()

    def _give(self, folder: Path) -> None:
        if self._account is not None:
            os.chown(folder, self._account.uid, self._account.gid)

    def _make_cluster(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        self._give(self._data)
        command = [str(find_program("initdb")), "-D", str(self._data), "-U", USER, "-A", "trust", "-E", "UTF8"]
        command += ["--no-sync"] if self._careless else []
        # C.UTF-8 sorts the same everywhere and knows that λ is a small Λ; not every system has it.
        for locale in (["--locale", "C.UTF-8"], []):
            done = subprocess.run([*command, *locale], capture_output=True, text=True, cwd="/", **self._options())
            if done.returncode == 0:
                return
        raise UserError(f"the stack: initdb could not make {self._data} ({done.stderr.strip().splitlines()[-1]}).")

    def _postgresql(self) -> list[str]:
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "unix_socket_permissions=0700"]
        settings += ["logging_collector=off", *(_CARELESS if self._careless else ())]
        return [str(find_program("postgres")), "-D", str(self._data), *(w for s in settings for w in ("-c", s))]

    def _redis(self) -> list[str]:
        """Without persistence: messages are nudges, and the reaper sends lost ones again."""
        where = ["--port", "0", "--unixsocket", f"{self.folder}/redis.sock", "--unixsocketperm", "700"]
        return [str(find_program("redis-server")), *where, "--save", "", "--dir", str(self.folder)]

    def _await(self, name: str, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not answers():
            if self._processes[name].poll() is not None or time.monotonic() > deadline:
                raise UserError(f"the stack: {name} does not start ({last_line(self.log(name))}).")
            time.sleep(0.05)

    def _answers_sql(self) -> bool:
        psycopg = _psycopg()
        try:
            with psycopg.connect(host=str(self.folder), user=USER, dbname="postgres"):
                return True
        except psycopg.OperationalError:
            return False

    def _answers_ping(self) -> bool:
        import redis

        client = redis.Redis(unix_socket_path=f"{self.folder}/redis.sock")
        try:
            return bool(client.ping())
        except redis.exceptions.RedisError:
            return False
        finally:
            client.close()

    def _make_database(self) -> None:
        with _psycopg().connect(host=str(self.folder), user=USER, dbname="postgres", autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = 'focus'").fetchone() is None:
                connection.execute("CREATE DATABASE focus")


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError:
        raise UserError(
            "the stack: the Python package psycopg is not installed; run: pip install 'focus-lab[postgresql]'"
        ) from None
    return psycopg


def _end(process: subprocess.Popen[bytes], number: int, seconds: float) -> bool:
    """Whether it ended within that time after the signal."""
    process.send_signal(number)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def reaches(folder: Path) -> bool:
    """Whether the servers' account may enter a folder: root's own are closed to it."""
    account = server_account()
    if account is None:
        return True
    test = [shutil.which("test") or "/usr/bin/test", "-x", str(folder)]
    return subprocess.run(test, cwd="/", check=False, **account.options()).returncode == 0
