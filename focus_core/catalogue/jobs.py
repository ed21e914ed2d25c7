"""Kinds of jobs: work besides training and sampling that a user requests and a worker does in a separate process.

An entry is a module of `job_kinds` and one line here. Record, worker and pages use it, and know no kind by name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focus_core.catalogue.by_path import load
from focus_core.errors import UserError

Arguments = Mapping[str, Any]

# The lanes of work: work that may take long waits in the first, work that a user waits for on a page in the second.
TRAIN, SAMPLE = "train", "sample"

# A file in a job's folder with two numbers, and the total in thousandths if nothing else is counted.
PROGRESS, PARTS = "progress", 1000
# Another file: the message for the user at the end, if there is one.
MESSAGE = "message"

# The possible subjects of a job: the argument that names the subject.
DATASET, EXPERIMENT = "name", "experiment"


def read_progress(folder: Path, total: int) -> tuple[int, int] | None:
    """(done, all) from the file that a command writes into its folder by a rename; None before it exists."""
    try:
        done, all_of_it = (folder / PROGRESS).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return None
    return int(done), int(all_of_it)


def as_they_are(arguments: Arguments) -> dict[str, Any]:
    return dict(arguments)


def refuse_unknown(arguments: Arguments, known: Iterable[str], noun: str) -> None:
    """UserError for an argument that a job of this kind does not take."""
    for key in arguments:
        if key not in known:
            raise UserError(f"{key}: is not an argument of {noun}; known are {', '.join(sorted(known))}.")


@dataclass(frozen=True)
class JobWords:
    """How pages describe a job, in sentences that begin with its subject."""

    waits: str  # "waits to be checked"
    runs: str  # "Simulating"
    failed: str  # "was not simulated"
    under_way: str = "is worked on"  # "is being simulated"
    stopped: str = "stopped; a resumed job begins anew"  # how its end is reported if it was cancelled
    last_part: str = ""  # what it does after all parts are done: "Measuring"
    unit: str = ""  # of its parts; without one that users know, pages show a share
    again: str = "Start again"  # the button of a job that failed or was cancelled


@dataclass(frozen=True)
class Finding:
    """The result of a job about a run: the job works in a folder of the run, which is kept; the record keeps copies.

    `result` is JSON whose "kind" is that of the job. `needs` is fetched first for a run on another host.
    """

    folder: Path
    result: str
    needs: tuple[str, ...]
    beside: tuple[str, ...] = ()  # further files, for users
    # Path of code that gives the columns of the list of experiments derived from the result, by name.
    listed: str = ""


@dataclass(frozen=True)
class JobKind:
    """All facts about a kind of job. Functions are pure; code that needs the record or a worker is a path."""

    name: str  # in the record, and of what a success writes
    noun: str  # "the simulation"
    lane: str
    subject: str  # DATASET or EXPERIMENT: the argument that names its subject
    title: Callable[[Arguments], str]
    command: Callable[[Arguments, Path], list[str]]  # the words of its process, which works in the folder
    mistake: str  # beginning of the line in which that process reports a user's mistake
    words: JobWords
    check: Callable[[Arguments], dict[str, Any]] = as_they_are  # with every default; UserError names the argument
    total: Callable[[Arguments], int] = field(default=lambda arguments: PARTS)
    progress: Callable[[Path, int], tuple[int, int] | None] = read_progress
    offered: str = ""  # the button on its subject's page; without one, pages offer it in their own way
    finds: Finding | None = None  # about a run
    makes_dataset: bool = False  # experiments may wait for the dataset of its name
    admit: str = (
        "focus_store.record.jobs:admit"  # looks into the record: what it refuses, and the job that answers already
    )
    work: str = "worker.jobs.work:JobWork"  # where it works, and what a success writes


# One line per kind.
_KINDS = (
    "focus_core.catalogue.job_kinds.simulation:SIMULATION",
    "focus_core.catalogue.job_kinds.dataset_check:DATASET_CHECK",
    "focus_core.catalogue.job_kinds.sampler_benchmark:SAMPLER_BENCHMARK",
    "focus_core.catalogue.job_kinds.evaluation:EVALUATION",
)


@functools.cache
def job_kinds() -> Mapping[str, JobKind]:
    """Every kind by its name."""
    found: list[JobKind] = [load(path) for path in _KINDS]
    return {kind.name: kind for kind in found}


def job_kind(name: str) -> JobKind:
    """UserError for a kind that this version does not know."""
    try:
        return job_kinds()[name]
    except KeyError:
        known = ", ".join(sorted(job_kinds()))
        raise UserError(f"job: '{name}' is not a kind of job that this version knows; known are {known}.") from None


def finding_kinds() -> tuple[str, ...]:
    """Names of the kinds that measure something about a run."""
    return tuple(name for name, kind in job_kinds().items() if kind.finds is not None)


def kinds_in(lane: str) -> tuple[str, ...]:
    """Names of the kinds that wait in a lane."""
    return tuple(name for name, kind in job_kinds().items() if kind.lane == lane)
