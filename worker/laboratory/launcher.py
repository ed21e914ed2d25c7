"""The processes of a laboratory: started, restarted when they die, ended with all their descendants.

Our own supervisor, because the ready-made ones for Procfiles end everything when one child dies, restart nothing,
and ignore grandchildren, which here are trainers that hold a GPU.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType

import psutil
from sqlalchemy.exc import DBAPIError

from focus_core.config.experiment import parse_config
from focus_core.errors import EXIT_DONE, EXIT_FAULT, StopRequested, UserError
from focus_store.contracts import JobRow, JobStatus
from focus_store.queue import SAMPLE, TRAIN, make_folders
from focus_store.recipes import recipe
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings
from worker.consumer.readiness import Waiting, first_line, when_ready
from worker.consumer.reaper import Reaper
from worker.devices.gpu import devices
from worker.jobs.simulation import register_found
from worker.laboratory import services
from worker.processes import family, kill, spawn

HOST = "127.0.0.1"
_LOOK_SECONDS = 0.2
_LONGEST_PAUSE = 30.0


def address(port: int) -> str:
    return f"http://{HOST}:{port}"


def say(text: str) -> None:
    print(text, flush=True)


@dataclass
class Service:
    name: str
    command: list[str]
    log: str
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 1.0
    again_at: float = 0.0
    # Descendants seen while it lived: after its death they cannot be found otherwise.
    kin: dict[int, psutil.Process] = field(default_factory=dict)


def visible_gpus(settings: Settings) -> list[str]:
    """The GPUs that get a pair of workers each, from FOCUS_GPU; empty if one pair uses whatever is there."""
    given = settings.gpu or os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if given.strip():
        found = [name.strip() for name in given.split(",") if name.strip()]
    else:
        found = [str(device.index) for device in devices() if device.kind == "cuda"]
    return found if len(found) > 1 else []


def children(settings: Settings, port: int) -> list[Service]:
    """The dashboard, and a training and a sampling worker: for the machine, or for each of its GPUs."""
    found = [Service("dashboard", services.dashboard(port, HOST), "dashboard")]
    gpus = visible_gpus(settings)
    for gpu in gpus or [""]:
        number, environment = (f"-{gpus.index(gpu)}", {"FOCUS_GPU": gpu}) if gpu else ("", {})
        of_gpu = f" of GPU {gpu}" if gpu else ""
        for lane in (TRAIN, SAMPLE):
            command = services.worker(lane, number)
            found.append(Service(f"{lane} worker{of_gpu}", command, f"{lane}{number}", environment))
    return found


def check_port(port: int) -> None:
    """UserError if another process listens there; a laboratory that was just killed gets a few seconds to go."""
    deadline = time.monotonic() + 5.0
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise UserError(
                        f"FOCUS_PORT: {port} is taken by another program ({error.strerror}); choose a free "
                        f"one, for example FOCUS_PORT={port + 1}."
                    ) from None
        time.sleep(0.5)


class Launcher:
    """`on_migrate` brings the record up to date; `fit` checks that the laboratory's servers are still there."""

    def __init__(
        self, settings: Settings, port: int, on_migrate: Callable[[], object], fit: Callable[[], bool] = lambda: True
    ) -> None:
        self._settings, self._port, self._on_migrate, self._fit = settings, port, on_migrate, fit
        self._stop = threading.Event()
        self._children = children(settings, port)

    def run(self) -> int:
        """Start everything, and keep it running until a signal or `down` ends it."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        make_folders(self._settings)
        record = open_record(self._settings)
        try:
            # The page is available before the record is: it shows what it is waiting for.
            newcomer = when_ready(
                lambda: self._open(record), self._settings.database_url, say, self._stop,
                while_waiting=self._show_page,
            )  # fmt: skip
            for child in self._children:
                self._start_first(child)
            reaper = Reaper(record, self._stop)
            reaper.start()
            self._keep_running(_Report(record, self._port, newcomer))
        except StopRequested:
            say("nothing was started")
        finally:
            self._end_all()
        if not self._fit():
            say("FOCUS ends, because its servers have gone; see the logs")
            return EXIT_FAULT
        say("FOCUS has ended; interrupted training runs continue with the next focus-lab up")
        return EXIT_DONE

    def _open(self, record: Record) -> str | None:
        """The migrated record, its queue, its datasets; for an empty one the first job, by its id."""
        self._on_migrate()
        record.queue.republish(all_waiting=True)
        newcomer = self._first_experiment(record) if record.laboratory.is_empty() else None
        for name in register_found(record):
            say(f"found the dataset {name}")
        return newcomer

    def _show_page(self) -> None:
        self._start_first(self._children[0])
        self._look_after(self._children[0])

    def _start_first(self, child: Service) -> None:
        if child.started == 0.0:
            say(f"starting the {child.name}")
            self._start(child)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _first_experiment(self, record: Record) -> str:
        """The quick suite, and the quickstart after it; returns the job's id."""
        first = recipe("quickstart")
        config = parse_config(first.yaml, source=str(first.path))
        job = record.jobs.request_simulation(self._settings.quick_suite)
        record.experiments.create(config, recipe="quickstart", after_job=job)
        say("the record is empty: simulating the quick suite, and training the quickstart on it")
        return job

    def _start(self, child: Service) -> None:
        log = self._settings.log_folder / f"{child.log}.log"
        # The sampler imports torch without the command line; focus_core.cli explains why not to spin.
        gentle = {"GOMP_SPINCOUNT": "10000"}
        ours = self._settings.environment() | {"FOCUS_PORT": str(self._port)}
        environment = {**gentle, **os.environ, **ours, **child.environment}
        child.process = spawn(child.command, log, environment, append=True)
        child.started = time.monotonic()

    def _keep_running(self, report: _Report) -> None:
        next_census = 0.0
        while not self._stop.is_set() and self._fit():
            for child in self._children:
                self._look_after(child)
            if time.monotonic() > next_census:
                next_census = time.monotonic() + 2.0
                for child in self._children:
                    self._remember_kin(child)
                report.look()
            self._stop.wait(_LOOK_SECONDS)

    def _look_after(self, child: Service) -> None:
        """Restart a dead child, at once the first time and more slowly if it keeps dying."""
        now = time.monotonic()
        if child.process is not None and (code := child.process.poll()) is not None:
            # A trainer that it left behind has received SIGTERM and writes a checkpoint; the next attempt waits for it.
            child.process = None
            child.pause = 1.0 if now - child.started > 60.0 else min(2 * child.pause, _LONGEST_PAUSE)
            child.again_at = now + child.pause
            log = self._settings.log_folder / f"{child.log}.log"
            say(f"the {child.name} ended with code {code}; starting it again in {child.pause:g} s (see {log})")
        if child.process is None and now >= child.again_at:
            self._start(child)

    def _remember_kin(self, child: Service) -> None:
        if child.process is not None:
            alive = {pid: process for pid, process in child.kin.items() if process.is_running()}
            child.kin = alive | {process.pid: process for process in family(child.process.pid)[1:]}

    def _end_all(self) -> None:
        """SIGTERM to each child, time to write checkpoints, then SIGKILL to all remaining descendants."""
        self._stop.set()
        say("ending: training runs write a checkpoint")
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
    """Reports progress to the user: that the pages answer, and how far the first simulations are.

    If the database goes away meanwhile, it waits for that too, as the workers and the page do.
    """

    def __init__(self, record: Record, port: int, job: str | None) -> None:
        self._record, self._port, self._job = record, port, job
        self._answered, self._shown = False, -1
        self._waiting = Waiting(say)

    def look(self) -> None:
        if not self._answered and self._answers():
            self._answered = True
            say(f"FOCUS is at {address(self._port)}")
        if self._job is not None:
            try:
                self._progress(self._record.jobs.get(self._job))
            except DBAPIError as error:
                self._waiting.say(f"waiting for the database: {first_line(error)}")

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
