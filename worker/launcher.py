"""The processes of a laboratory: started, started again when they die, ended with all their descendants.

A supervisor of our own, because the ready-made ones for Procfiles end everything when one child dies, restart nothing,
and know nothing of grandchildren, which here are trainers that hold a GPU.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TextIO

import psutil

from focus_core.config import parse_config
from focus_core.errors import EXIT_DONE, UserError
from focus_store.contracts import JobRow, JobStatus
from focus_store.queue import SAMPLE, TRAIN, make_folders
from focus_store.recipes import recipe
from focus_store.session import open_record
from focus_store.settings import Settings
from worker.processes import family, kill, spawn
from worker.reaper import Reaper
from worker.simulator import register_found

HOST = "127.0.0.1"
QUICK_SUITE = {"name": "quick", "simulations": 64, "grid": 64, "box": 64.0, "seed": 0, "space": "wcdm6"}
_LOOK_SECONDS = 0.2
_LONGEST_PAUSE = 30.0


def address(port: int) -> str:
    return f"http://{HOST}:{port}"


def say(text: str) -> None:
    print(text, flush=True)


def lock_holder(settings: Settings) -> dict[str, Any] | None:
    """{pid, port} of the laboratory that runs in this home, or None."""
    path = settings.home / "laboratory.lock"
    if not path.exists():
        return None
    with path.open("r+", encoding="utf-8") as file:
        return _take(file)


def _take(file: TextIO) -> dict[str, Any] | None:
    """Lock an open lock file; what its holder wrote there if it is taken.

    The holder writes its line right after it took the lock, so for a moment there is none, or that of a dead one.
    """
    for _ in range(50):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return None
        except OSError:
            file.seek(0)
            with contextlib.suppress(ValueError):
                holder = dict(json.loads(file.read()))
                if psutil.pid_exists(holder["pid"]):
                    return holder
            time.sleep(0.1)
    raise UserError(f"{file.name}: is locked, but nobody says by whom; end that process and try again.")


@dataclass
class Child:
    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 1.0
    again_at: float = 0.0
    # Descendants seen while it lived: when it has died, nothing else remembers them.
    kin: dict[int, psutil.Process] = field(default_factory=dict)


class Launcher:
    def __init__(self, settings: Settings, port: int) -> None:
        self._settings, self._port = settings, port
        self._stop = threading.Event()
        self._lock_file: TextIO | None = None
        self._children = [
            Child("train worker", self._worker(TRAIN, "prefork")),
            Child("sample worker", self._worker(SAMPLE, "solo")),
            Child("dashboard", [sys.executable, "-m", "dashboard.serve", "--port", str(port), "--address", HOST]),
        ]

    def lock(self) -> dict[str, Any] | None:
        """Make this the laboratory of its home; {pid, port} of the one that is there already."""
        self._settings.home.mkdir(parents=True, exist_ok=True)
        # "a+": the holder's line must survive an open by somebody who fails to get the lock.
        self._lock_file = (self._settings.home / "laboratory.lock").open("a+", encoding="utf-8")
        holder = _take(self._lock_file)
        if holder is None:
            self._lock_file.truncate(0)
            self._lock_file.write(json.dumps({"pid": os.getpid(), "port": self._port}) + "\n")
            self._lock_file.flush()
        return holder

    def check_port(self) -> None:
        """UserError when somebody else listens there; a laboratory that was just killed gets some seconds to go."""
        deadline = time.monotonic() + 5.0
        while True:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, self._port))
                    return
                except OSError as error:
                    if time.monotonic() > deadline:
                        raise UserError(
                            f"FOCUS_PORT: {self._port} is taken by another program ({error.strerror}); choose a free "
                            f"one, for example FOCUS_PORT={self._port + 1}."
                        ) from None
            time.sleep(0.5)

    def run(self) -> int:
        """Start everything, and keep it running until a signal or `down` ends it."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        make_folders(self._settings)
        repository = open_record(self._settings)
        try:
            repository.republish(all_waiting=True)
            newcomer = self._first_experiment(repository) if repository.is_empty() else None
            for name in register_found(repository):
                say(f"found the dataset {name}")
            for child in self._children:
                say(f"starting the {child.name}")
                self._start(child)
            reaper = Reaper(repository, self._stop)
            reaper.start()
            self._keep_running(_Report(repository, self._port, newcomer))
        finally:
            self._end_all()
        say("FOCUS has ended; interrupted trainings go on with the next focus-lab up")
        return EXIT_DONE

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _first_experiment(self, repository: Any) -> str:
        """The quick suite, and the quickstart behind it; the job's id."""
        first = recipe("quickstart")
        config = parse_config(first.yaml, source=str(first.path))
        job = str(repository.request_simulation(QUICK_SUITE))
        repository.create_experiment(config, recipe="quickstart", after_job=job)
        say("the record is empty: simulating the quick suite, and training the quickstart on it")
        return job

    def _worker(self, lane: str, pool: str) -> list[str]:
        options = ["--concurrency", "1"] if pool == "prefork" else []
        return [
            *(sys.executable, "-m", "celery", "-A", "worker.celery_app", "worker"),
            *("-Q", lane, "--pool", pool, "-n", f"{lane}@%h", *options),
            *("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"),
        ]

    def _start(self, child: Child) -> None:
        log = self._settings.log_folder / f"{child.name.split()[0]}.log"
        # The sampler imports torch without the command line; why not to spin is said in focus_core.cli.
        gentle = {"GOMP_SPINCOUNT": "10000"}
        environment = {**gentle, **os.environ, **self._settings.environment(), "FOCUS_PORT": str(self._port)}
        child.process = spawn(child.command, log, environment, append=True)
        child.started = time.monotonic()

    def _keep_running(self, report: _Report) -> None:
        next_census = 0.0
        while not self._stop.is_set():
            for child in self._children:
                self._look_after(child)
            if time.monotonic() > next_census:
                next_census = time.monotonic() + 2.0
                for child in self._children:
                    self._remember_kin(child)
                report.look()
            self._stop.wait(_LOOK_SECONDS)

    def _look_after(self, child: Child) -> None:
        """Start a dead child again, at once the first time and more slowly when it keeps dying."""
        now = time.monotonic()
        if child.process is not None and (code := child.process.poll()) is not None:
            # A trainer that it left behind has got SIGTERM and writes its checkpoint; the next attempt waits for it.
            child.process = None
            child.pause = 1.0 if now - child.started > 60.0 else min(2 * child.pause, _LONGEST_PAUSE)
            child.again_at = now + child.pause
            log = self._settings.log_folder / f"{child.name.split()[0]}.log"
            say(f"the {child.name} ended with code {code}; starting it again in {child.pause:g} s (see {log})")
        if child.process is None and now >= child.again_at:
            self._start(child)

    def _remember_kin(self, child: Child) -> None:
        if child.process is not None:
            alive = {pid: process for pid, process in child.kin.items() if process.is_running()}
            child.kin = alive | {process.pid: process for process in family(child.process.pid)[1:]}

    def _end_all(self) -> None:
        """SIGTERM to each child, time to write checkpoints, then SIGKILL to all that is left of their families."""
        self._stop.set()
        say("ending: running trainings write a checkpoint")
        for child in self._children:
            self._remember_kin(child)
            if child.process is not None:
                child.process.terminate()
        deadline = time.monotonic() + self._settings.grace_seconds + 10.0
        for child in self._children:
            if child.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(max(0.1, deadline - time.monotonic()))
                self._remember_kin(child)
                kill([*family(child.process.pid), *child.kin.values()])
                child.process.wait()


class _Report:
    """Tells a person what they wait for: that the pages answer, and how far the first simulations are."""

    def __init__(self, repository: Any, port: int, job: str | None) -> None:
        self._repository, self._port, self._job = repository, port, job
        self._answered, self._shown = False, -1

    def look(self) -> None:
        if not self._answered and self._answers():
            self._answered = True
            say(f"FOCUS is at {address(self._port)}")
        if self._job is not None:
            self._progress(self._repository.job(self._job))

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{address(self._port)}/api/health", timeout=2.0) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    def _progress(self, job: JobRow) -> None:
        if job.done != self._shown and job.status in (JobStatus.RUNNING, JobStatus.SUCCEEDED):
            self._shown = job.done
            if sys.stdout.isatty():
                print(f"\rquick suite: {job.done}/{job.total} simulations", end="", flush=True)
            elif job.done % 8 == 0:
                say(f"quick suite: {job.done}/{job.total} simulations")
        if job.status in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED):
            ended = "is there; the quickstart trains on it" if job.status is JobStatus.SUCCEEDED else job.status
            say(("\n" if sys.stdout.isatty() else "") + f"the quick suite {ended}")
            say(job.message or f"FOCUS is at {address(self._port)}")
            self._job = None
