"""Child processes: started so that they die with us, ended with all their descendants."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Ask Linux to send this process a signal when the thread that started it ends. Elsewhere this does nothing."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)


def _stop_with_parent() -> None:
    die_with_parent(signal.SIGTERM)


def spawn(
    command: Sequence[str], log: Path, environment: Mapping[str, str], *, niceness: int = 0, append: bool = False
) -> subprocess.Popen[bytes]:
    """Start a process in its own session (Ctrl-C is for us alone), writing both streams to `log`.

    It receives our pid in FOCUS_PARENT_PID and gets SIGTERM when we die: call this in a thread that lives as long as
    the child should.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab" if append else "wb") as stream:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=dict(environment) | {"FOCUS_PARENT_PID": str(os.getpid()), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            preexec_fn=_stop_with_parent,
        )
    if niceness:
        give_way(process.pid, niceness)
    return process


def give_way(pid: int, niceness: int) -> None:
    """Give other processes priority. If the process has already ended, its waiting parent finds out why.

    Linux shares a processor between sessions before it considers their processes (sched(7), autogroup): a niceness
    alone counts within the session, and training, which has its own, would take half of every core from a sampler.
    """
    with contextlib.suppress(psutil.Error):
        psutil.Process(pid).nice(niceness)
    session = Path(f"/proc/{pid}/autogroup")
    with contextlib.suppress(OSError):  # not Linux, or without the feature
        if session.exists():
            session.write_text(str(niceness), encoding="ascii")


def family(pid: int) -> list[psutil.Process]:
    """A process and all its present descendants; empty if it has gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(processes: Iterable[psutil.Process], wait_seconds: float = 10.0) -> None:
    """SIGKILL to each that still exists (psutil compares start times, so a reused pid is safe), and wait for them."""
    alive = [process for process in processes if process.is_running()]
    for process in alive:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    wait_until_gone(alive, wait_seconds)


def is_gone(process: psutil.Process) -> bool:
    """Ended, whether or not its parent has collected the exit code. (psutil's own wait would take that from us.)"""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(processes: Sequence[psutil.Process], seconds: float) -> bool:
    """Whether all of them ended within that time."""
    deadline = time.monotonic() + seconds
    while not all(is_gone(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def end(processes: Sequence[psutil.Process], grace_seconds: float) -> None:
    """SIGTERM to the first, time to end in order, then SIGKILL to all that remain."""
    if not processes:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        processes[0].terminate()
    wait_until_gone(processes[:1], grace_seconds)
    kill(processes)


def running_in(folder: Path, option: str) -> list[psutil.Process]:
    """Our processes whose command line has `option folder`: possible leftovers of a killed worker."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(a == option and b == str(folder) for a, b in itertools.pairwise(words)):
            found.append(process)
    return found


def last_sentence(log: Path, prefix: str) -> str | None:
    """The last line of a log that begins with `prefix`, without it: how `focus` reports a mistake."""
    if not log.exists():
        return None
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.removeprefix(prefix) for line in reversed(lines) if line.startswith(prefix)), None)


def last_line(log: Path) -> str:
    """The last non-empty line: in a traceback, the error itself."""
    if not log.exists():
        return ""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")
