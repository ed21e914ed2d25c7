"""A child process of a worker from start to end, and its ending described for the user who requested it.

Training runs and every kind of job share it: leftovers of an earlier attempt are ended, the lease is renewed, requests
become signals, and an exit code becomes one of few endings.
"""

from __future__ import annotations

import enum
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from focus_core.errors import EXIT_DONE, EXIT_STOPPED, EXIT_USER_MISTAKE
from focus_store.contracts import Claim
from focus_store.record.record import Record
from worker.devices.gpu import devices
from worker.jobs.watch import Stop, Watch
from worker.processes import end, last_line, last_sentence, running_in, spawn

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Errand:
    """A claimed row, and what a worker needs to process it."""

    record: Record
    claim: Claim
    shutting_down: Callable[[], bool]


@dataclass(frozen=True)
class Child:
    """A process to run. Its command line contains `option folder`, by which its leftovers are found again."""

    command: Sequence[str]
    folder: Path
    log: Path
    noun: str  # "the simulation", for sentences
    prefix: str  # of the log line that reports a user's mistake: "focus simulate: "
    option: str = "--out"


class Why(enum.Enum):
    """How a child ended."""

    FINISHED = "finished"
    REFUSED = "refused"  # a user's mistake, reported in one sentence
    STOPPED = "stopped"  # it ended by itself on request
    KILLED = "killed"  # by a signal
    FAILED = "failed"  # an internal error


@dataclass(frozen=True)
class Ending:
    why: Why
    message: str | None = None  # for a user; None where there is nothing to report
    stop: Stop | None = None  # why it was asked to stop, if it was
    had_to_be_killed: bool = False  # it was asked, and did not stop in time


def run_child(
    errand: Errand,
    child: Child,
    look: Callable[[], None],
    *,
    prepare: Callable[[], None] = lambda: None,
    on_start: Callable[[int], None] = lambda pid: None,
    on_stop: Callable[[Stop], None] = lambda stop: None,
) -> Ending | None:
    """Run it to its end; None if the claim is no longer ours, and then nothing may be written.

    `prepare` is called once nothing of an earlier attempt is running, `on_start` with the pid, `look` every
    `poll_seconds` and once after the end.
    """
    settings = errand.record.settings
    for leftover in running_in(child.folder, child.option):
        log.warning("%s: process %d of an earlier attempt is ended", errand.claim.id, leftover.pid)
        end([leftover], settings.grace_seconds)
    prepare()
    environment = child_environment(errand.record)
    process = spawn(child.command, child.log, environment, niceness=settings.train_niceness)
    on_start(process.pid)
    watch = Watch(errand.record, errand.claim, process, look, errand.shutting_down, on_stop)
    code = watch.run()
    if watch.stop in (Stop.LOST, Stop.ORPHANED):
        log.warning("%s is no longer ours", errand.claim.id)
        return None
    return ending(child, code, watch.stop, had_to_be_killed=watch.killed)


def ending(child: Child, code: int, stop: Stop | None, *, had_to_be_killed: bool = False) -> Ending:
    """What an exit code (negative: a signal) means."""
    if code == EXIT_DONE:
        return Ending(Why.FINISHED, None, stop)
    if code == EXIT_USER_MISTAKE:
        return Ending(Why.REFUSED, last_sentence(child.log, child.prefix) or last_line(child.log), stop)
    if code == EXIT_STOPPED:
        return Ending(Why.STOPPED, None, stop, had_to_be_killed)
    if code < 0:
        hint = " (out of memory?)" if -code == signal.SIGKILL and not had_to_be_killed else ""
        message = f"{child.noun} was ended by {signal.Signals(-code).name}{hint}"
        return Ending(Why.KILLED, message, stop, had_to_be_killed)
    return Ending(Why.FAILED, f"{child.noun} ended with code {code}: {last_line(child.log)} (see {child.log})", stop)


def child_environment(record: Record) -> Mapping[str, str]:
    """Our environment, with the home in which the child looks for datasets, and a limit on its threads."""
    settings = record.settings
    environment = dict(os.environ) | {"FOCUS_HOME": str(settings.home)}
    threads = settings.train_threads or default_threads(_cores(), gpu=devices()[0].kind != "cpu")
    return environment | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def default_threads(cores: int, *, gpu: bool) -> int:
    """All cores of a small machine (niceness lets a sampler through), all but one of a larger, few beside a GPU."""
    if gpu:
        return min(4, cores)
    return cores if cores <= 2 else cores - 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
