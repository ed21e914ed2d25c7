"""Where the record is and how patient its workers are: one validated object, read from the environment once.

Every variable is optional. An invalid value is refused at the start, by name, not discovered at epoch 40.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fsspec import available_protocols
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from focus_core.errors import UserError
from focus_core.paths import datasets_folder, focus_home, runs_folder
from focus_core.suites import PLAIN_SUITE

# The suite that an empty laboratory simulates.
QUICK = "quick"
BROKERS = ("filesystem://", "redis://", "rediss://", "redis+socket://", "memory://")


@dataclass(frozen=True)
class Settings:
    """Frozen: all processes of a laboratory must use the same record. Seconds are plain floats."""

    home: Path
    database_url: str
    broker_url: str
    artifact_root: Path
    artifact_url: str | None = None  # where artifacts and checkpoints are kept for other hosts; None: nowhere else
    gpu: str | None = None  # the GPU of a worker, as CUDA_VISIBLE_DEVICES names it
    heartbeat_file: Path | None = None  # touched with every heartbeat, for the health check of a container
    port: int = 8501
    prefix: str = ""  # "/focus": the path below which a browser finds the pages, behind a proxy
    heartbeat_seconds: float = 10.0  # how often a worker shows that it is alive
    lease_seconds: float = 45.0  # how long a claimed row is safe without a heartbeat
    reap_seconds: float = 5.0  # how often expired leases and forgotten rows are checked
    republish_seconds: float = 60.0  # a waiting row whose message is older than this is published again
    stall_seconds: float = 900.0  # no step for this long, with a live worker, is "stalled"
    grace_seconds: float = 60.0  # from SIGTERM to SIGKILL: time to write a checkpoint
    poll_seconds: float = 0.5  # how often a supervisor checks its trainer, its journal and the requests
    max_retries: int = 3  # automatic restarts of a crashed run, before the user must look
    train_threads: int = 0  # of the trainer; 0 chooses by the machine
    train_niceness: int = 10  # so that a sample and the pages never wait for a training run
    quick_simulations: int = PLAIN_SUITE["simulations"]  # of the suite that an empty laboratory simulates
    quick_grid: int = PLAIN_SUITE["grid"]  # cells per side of each of them, 1 Mpc/h each

    @property
    def quick_suite(self) -> dict[str, Any]:
        """The request of the quick suite, as `Record.request_simulation` takes it."""
        grid = self.quick_grid
        return {"name": QUICK, "simulations": self.quick_simulations, "grid": grid, "box": float(grid)}

    @property
    def broker_folder(self) -> Path:
        return self.home / "broker"

    @property
    def log_folder(self) -> Path:
        return self.home / "logs"

    @property
    def runs(self) -> Path:
        return runs_folder(self.home)

    @property
    def datasets(self) -> Path:
        return datasets_folder(self.home)

    def run_folder(self, experiment_id: str) -> Path:
        return self.runs / experiment_id

    def environment(self) -> dict[str, str]:
        """The variables that make a child process read exactly these settings."""
        plain = {name: str(getattr(self, field)) for name, field in _NUMBERS.items()}
        return plain | {
            "FOCUS_HOME": str(self.home),
            "FOCUS_DATABASE_URL": self.database_url,
            "FOCUS_BROKER_URL": self.broker_url,
            "FOCUS_ARTIFACT_URL": self.artifact_url or "",
            "FOCUS_GPU": self.gpu or "",
            "FOCUS_HEARTBEAT_FILE": str(self.heartbeat_file or ""),
            "FOCUS_PREFIX": self.prefix,
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read FOCUS_* variables; UserError names the variable and the invalid value."""
        variables = os.environ if environment is None else environment
        given = variables.get("FOCUS_HOME", "").strip()
        home = Path(given).expanduser().resolve() if given else focus_home()
        numbers = {
            field: _number(variables[name], name, cls.__dataclass_fields__[field].type)
            for name, field in _NUMBERS.items()
            if variables.get(name, "").strip()
        }
        settings = cls(
            home=home,
            database_url=_database_url(variables, home),
            broker_url=_broker_url(variables),
            artifact_root=home / "artifacts",
            artifact_url=_artifact_url(variables),
            gpu=variables.get("FOCUS_GPU", "").strip() or None,
            heartbeat_file=Path(beats) if (beats := variables.get("FOCUS_HEARTBEAT_FILE", "").strip()) else None,
            prefix=_prefix(variables.get("FOCUS_PREFIX", "")),
            **numbers,  # type: ignore[arg-type]  # the table below pairs each with its field's type
        )
        _check(settings)
        return settings


_NUMBERS: Mapping[str, str] = {
    "FOCUS_PORT": "port",
    "FOCUS_HEARTBEAT_SECONDS": "heartbeat_seconds",
    "FOCUS_LEASE_SECONDS": "lease_seconds",
    "FOCUS_REAP_SECONDS": "reap_seconds",
    "FOCUS_REPUBLISH_SECONDS": "republish_seconds",
    "FOCUS_STALL_SECONDS": "stall_seconds",
    "FOCUS_GRACE_SECONDS": "grace_seconds",
    "FOCUS_POLL_SECONDS": "poll_seconds",
    "FOCUS_MAX_RETRIES": "max_retries",
    "FOCUS_TRAIN_THREADS": "train_threads",
    "FOCUS_TRAIN_NICENESS": "train_niceness",
    "FOCUS_QUICK_SIMULATIONS": "quick_simulations",
    "FOCUS_QUICK_GRID": "quick_grid",
}
VARIABLES = (
    *("FOCUS_HOME", "FOCUS_DATABASE_URL", "FOCUS_BROKER_URL", "FOCUS_ARTIFACT_URL", "FOCUS_GPU"),
    *("FOCUS_HEARTBEAT_FILE", "FOCUS_PREFIX", *_NUMBERS),
)


def _database_url(variables: Mapping[str, str], home: Path) -> str:
    url = variables.get("FOCUS_DATABASE_URL", "").strip() or sqlite_url(home / "focus.db")
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except ArgumentError:
        raise UserError(
            f"FOCUS_DATABASE_URL: '{url}' is not a database address; sqlite:////path/focus.db is one."
        ) from None
    if backend not in ("sqlite", "postgresql"):
        raise UserError(f"FOCUS_DATABASE_URL: {backend} is not supported; use sqlite or postgresql.")
    if backend == "postgresql" and find_spec("psycopg") is None:
        raise UserError(
            "FOCUS_DATABASE_URL: PostgreSQL needs the Python package psycopg; run: pip install 'focus-lab[postgresql]'"
        )
    password = _secret(variables, "FOCUS_DATABASE_PASSWORD_FILE")
    return url if password is None else parsed.set(password=password).render_as_string(hide_password=False)


def sqlite_url(file: Path) -> str:
    """The address of a file for any path: in an address `?`, `#` and `%` mean something else."""
    return URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)


def _broker_url(variables: Mapping[str, str]) -> str:
    url = variables.get("FOCUS_BROKER_URL", "").strip() or "filesystem://"
    if not url.startswith(BROKERS):
        raise UserError(
            f"FOCUS_BROKER_URL: '{url}' is not a broker's address; use filesystem:// or redis://host:6379/0."
        )
    password = _secret(variables, "FOCUS_BROKER_PASSWORD_FILE")
    if password is None:
        return url
    scheme, _, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    return f"{scheme}://{user.partition(':')[0] if at else ''}:{quote(password, safe='')}@{host}"


def _prefix(given: str) -> str:
    path = given.strip().strip("/")
    if not re.fullmatch(r"[\w.~/-]*", path, flags=re.ASCII):
        raise UserError(f"FOCUS_PREFIX: '{given}' is not a path; /focus is one.")
    return f"/{path}" if path else ""


def _secret(variables: Mapping[str, str], name: str) -> str | None:
    """A password from its file, without the line's end, so that it is in no environment and no command line."""
    given = variables.get(name, "").strip()
    if not given:
        return None
    try:
        return Path(given).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise UserError(f"{name}: {given} cannot be read ({error.strerror}).") from None


def _artifact_url(variables: Mapping[str, str]) -> str | None:
    url = variables.get("FOCUS_ARTIFACT_URL", "").strip().rstrip("/")
    if not url:
        return None
    scheme, separator, path = url.partition("://")
    if not separator or not path:
        raise UserError(
            f"FOCUS_ARTIFACT_URL: '{url}' is not an address; use s3://bucket/focus or file:///shared/focus."
        )
    if scheme not in available_protocols():
        raise UserError(f"FOCUS_ARTIFACT_URL: {scheme}:// is not known to fsspec; use s3:// or file://.")
    if scheme in ("s3", "s3a") and find_spec("s3fs") is None:
        raise UserError("FOCUS_ARTIFACT_URL: s3:// needs the package s3fs; run: pip install 'focus-lab[s3]'")
    return url


def _number(text: str, name: str, kind: object) -> float | int:
    try:
        return int(text) if kind == "int" else float(text)
    except ValueError:
        raise UserError(f"{name}: '{text}' is not a {'whole ' if kind == 'int' else ''}number.") from None


def _check(settings: Settings) -> None:
    if not 1 <= settings.port <= 65535:
        raise UserError(f"FOCUS_PORT: {settings.port} is not a port; choose one from 1 to 65535.")
    for name, field in _NUMBERS.items():
        value = getattr(settings, field)
        if field.endswith("_seconds") and not 0 < value < float("inf"):
            raise UserError(f"{name}: {value:g} is not a positive number of seconds.")
        if field in ("max_retries", "train_threads", "train_niceness") and value < 0:
            raise UserError(f"{name}: {value} is negative; it counts from 0.")
    if settings.quick_simulations < 1:
        raise UserError(f"FOCUS_QUICK_SIMULATIONS: {settings.quick_simulations} is too few; a suite has 1 or more.")
    if settings.quick_grid % 2 or not 8 <= settings.quick_grid <= 1024:
        raise UserError(f"FOCUS_QUICK_GRID: is {settings.quick_grid}; it must be even, from 8 to 1024.")
    if settings.lease_seconds < 2 * settings.heartbeat_seconds:
        raise UserError(
            f"FOCUS_LEASE_SECONDS: {settings.lease_seconds:g} s is shorter than two heartbeats of "
            f"{settings.heartbeat_seconds:g} s; a busy machine would lose runs that live."
        )
