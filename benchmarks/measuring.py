"""Shared by the speed scripts: loops that take turns step by step, medians, and the line that describes the machine."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from focus_core.costs.processor import processor_name

ROOT = Path(__file__).resolve().parents[1]
MINIMUM = 5


Times = dict[str, list[float]]


def alternate(loops: Mapping[str, Iterator[Any]], steps: int, warm_up: int = 2) -> tuple[Times, Times]:
    """Seconds of each of `steps` steps of every loop, one step of each in turn: wall-clock and processor time.

    Other load on the machine then affects all of them alike. Each round begins with another loop. Processor time,
    of all threads, hardly depends on other work; with one thread it is the wall-clock time of a quiet machine.
    """
    names = list(loops)
    times, work = ({name: list[float]() for name in names} for _ in range(2))
    for step in range(warm_up + steps):
        turn = step % len(names)
        for name in names[turn:] + names[:turn]:
            began, worked = time.perf_counter(), time.process_time()
            next(loops[name])
            if step >= warm_up:
                times[name].append(time.perf_counter() - began)
                work[name].append(time.process_time() - worked)
    return times, work


def median_ratio(slower: Sequence[float], faster: Sequence[float]) -> tuple[float, float, float]:
    """Median, smallest and largest of slower/faster, round by round."""
    ratios = [a / b for a, b in zip(slower, faster, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def ratio_text(slower: Sequence[float], faster: Sequence[float]) -> str:
    return "{:.2f} ({:.2f}–{:.2f})".format(*median_ratio(slower, faster))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine(device: torch.device | None = None) -> str:
    """Processor, threads, versions, commit and load: the heading of every table."""
    kind = torch.cuda.get_device_name(device) if device is not None and device.type == "cuda" else processor_name()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{kind}, {torch.get_num_threads()} threads, torch {torch.__version__}, commit {_commit()}{load}"


def _commit() -> str:
    """The checkout's commit, with a plus if the measured code has changed since; "unknown" outside a checkout."""

    def git(*words: str) -> str:
        try:
            return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
        except OSError:  # a machine without git
            return ""

    changed = git("status", "--porcelain", "--", "focus_core", "benchmarks/*.py")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")
