"""Utilisation of this worker's device, for its heartbeat: found without torch."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import Any

import psutil

from worker.devices.gpu import devices
from worker.processes import family

_PATIENCE_SECONDS = 10.0


def usage(pid: int, gpu: str | None) -> dict[str, Any]:
    """`memory_used` and `memory_total` in bytes and `utilisation` 0 … 1: of the GPU, or of the worker and its children.

    `gpu` is the worker's assigned index or UUID. What cannot be measured is None.
    """
    found = _gpu_usage(gpu) if devices()[0].kind == "cuda" else None
    return found or _processor_usage(pid)


def parse_usage(text: str) -> dict[str, Any] | None:
    """The first line of `memory used, memory total [MiB], utilisation [%]`; None if it contains no numbers."""
    words = [word.strip() for word in text.partition("\n")[0].split(",")]
    if len(words) != 3 or not (words[0].isdigit() and words[1].isdigit()):
        return None
    share = int(words[2]) / 100 if words[2].isdigit() else None
    return {"memory_used": int(words[0]) * 2**20, "memory_total": int(words[1]) * 2**20, "utilisation": share}


def _gpu_usage(gpu: str | None) -> dict[str, Any] | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    chosen = [f"--id={gpu}"] if gpu else []
    query = "--query-gpu=memory.used,memory.total,utilization.gpu"
    try:
        answer = subprocess.run(
            [program, *chosen, query, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None  # the driver does not answer: the processor's numbers are reported instead
    return parse_usage(answer.stdout)


class _Clock:
    """Processor seconds of a process family at the last measurement, by process: a share is a difference."""

    seconds: float = 0.0
    at: float = 0.0


_clock = _Clock()


def _processor_usage(pid: int) -> dict[str, Any]:
    """Resident memory of the worker and all its descendants, and its share of the cores since the last measurement."""
    memory, seconds = 0, 0.0
    for process in family(pid):
        try:
            memory += process.memory_info().rss
            times = process.cpu_times()
        except psutil.Error:
            continue  # it ended meanwhile
        seconds += times.user + times.system
    share = _share(seconds)
    return {"memory_used": memory, "memory_total": psutil.virtual_memory().total, "utilisation": share}


def _share(seconds: float) -> float | None:
    now, before, then = time.monotonic(), _clock.seconds, _clock.at
    _clock.seconds, _clock.at = seconds, now
    if then == 0.0 or now <= then or seconds < before:
        return None
    return min(1.0, (seconds - before) / (now - then) / (psutil.cpu_count() or 1))
