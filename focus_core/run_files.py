"""Every file and folder of a run's folder, in one list that needs no torch.

Trainer, export, import, copies for other hosts, the page's sizes and --fresh all use it, so that
they agree. Files on no line belong to the user: they are counted, and copied to other hosts, but nothing else
touches it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

CONFIG, SCRIPT, README = "config.yaml", "run_model.sh", "README.md"
ENVIRONMENT, SPLIT, TRANSFORM, TRUTH = "environment.json", "split.json", "transform.json", "truth.npz"
LOGS = Path("logs")
LOG, TRAINER_LOG, LOCK = LOGS / "training.log", LOGS / "trainer.log", LOGS / "trainer.lock"
JOURNAL = LOGS / "events.jsonl"
CHECKPOINTS = Path("checkpoints")
HISTORY = CHECKPOINTS / "training_history.png"
WEIGHTS, FIGURES = Path("weights"), Path("figs")
SAMPLER_BENCHMARK = Path("sampler_benchmark")
# In that folder, or as given to `focus benchmark samplers --out`; during a benchmark there is a job's PROGRESS too.
BENCHMARK_RESULT, BENCHMARK_TABLE, BENCHMARK_FIGURE = "result.json", "sampler_benchmark.csv", "sampler_benchmark.png"
BENCHMARK_CASES = "cases_{}.jsonl"  # named by what the cases have in common
EVALUATION = Path("evaluation")
# In that folder, or as given to `focus evaluate --out`.
EVALUATION_RESULT, EVALUATION_PAGE = "evaluation.json", "report.html"


def checkpoint_file(role: str) -> Path:
    return CHECKPOINTS / f"checkpoint_{role}.pt"


BEST, LAST = checkpoint_file("best"), checkpoint_file("last")
PREVIOUS = checkpoint_file("previous")  # the last one before the last
DAMAGED = checkpoint_file("damaged")  # a last one that could not be read, renamed


def weights_file(name: str) -> Path:
    return WEIGHTS / f"{name}.safetensors"


def epoch_files(name: str, epoch: int) -> tuple[Path, Path]:
    """The picture of an epoch, and its arrays."""
    stem = f"{name}_epoch_{epoch:04d}"
    return FIGURES / f"{stem}.png", FIGURES / f"{stem}.npz"


class Part(StrEnum):
    """The categories in which the bytes of a run are counted."""

    WEIGHTS = "Checkpoints and weights"
    FIGURES = "Figures"
    BENCHMARKS = "Benchmarks"
    EVALUATIONS = "Evaluations"
    RECORDS = "Logs and documents"
    OTHER = "Other files"


@dataclass(frozen=True)
class RunFile:
    """Files of one kind. `pattern` matches paths relative to the run's folder; `*` crosses folders."""

    pattern: str
    writer: str
    part: Part
    copied: bool = True  # to other hosts, which resume from it
    exported: bool = True  # weights only if an export includes them; an import takes what is exported
    fresh: bool = True  # moved aside by a fresh start

    @property
    def top(self) -> str:
        return PurePosixPath(self.pattern).parts[0]

    def matches(self, relative: str) -> bool:
        return fnmatchcase(relative, self.pattern)


# Files being written, and the temporary names of an upload; anywhere.
TEMPORARY = RunFile(".*", "whoever writes", Part.OTHER, copied=False, exported=False)

# The first line that matches counts.
RUN_FILES = (
    *(RunFile(name, "the trainer, once", Part.RECORDS, fresh=False) for name in (CONFIG, SCRIPT, README)),
    *(RunFile(name, "the trainer at a start", Part.RECORDS) for name in (ENVIRONMENT, SPLIT, TRANSFORM)),
    RunFile(TRUTH, "the trainer at its first start", Part.RECORDS),
    RunFile(DAMAGED.as_posix(), "the trainer, of one it cannot read", Part.WEIGHTS, copied=False),
    RunFile(HISTORY.as_posix(), "the trainer after an epoch", Part.FIGURES),
    RunFile(f"{CHECKPOINTS}/*", "the trainer after an epoch", Part.WEIGHTS),
    RunFile(f"{FIGURES}/*", "the trainer after an epoch", Part.FIGURES),
    RunFile(LOCK.as_posix(), "the trainer", Part.RECORDS, copied=False, exported=False),
    RunFile(JOURNAL.as_posix(), "the trainer", Part.RECORDS),
    RunFile(f"{LOGS}/*", "the trainer and its supervisor", Part.RECORDS),
    RunFile(f"{WEIGHTS}/*", "the trainer after an epoch", Part.WEIGHTS),
    RunFile(f"{SAMPLER_BENCHMARK}/*", "focus benchmark samplers", Part.BENCHMARKS),
    RunFile(f"{EVALUATION}/*", "focus evaluate", Part.EVALUATIONS),
)

FRESH = tuple(dict.fromkeys(kind.top for kind in RUN_FILES if kind.fresh))  # files and folders that a new start renews


def run_file(relative: str | Path) -> RunFile | None:
    """The kind of a path in a run's folder; None for a file not written by FOCUS."""
    path = PurePosixPath(Path(relative).as_posix())
    if path.name.startswith("."):
        return TEMPORARY
    return next((kind for kind in RUN_FILES if kind.matches(str(path))), None)


def part_of(relative: str | Path) -> Part:
    kind = run_file(relative)
    return Part.OTHER if kind is None else kind.part


def is_copied(relative: str | Path) -> bool:
    """Whether another host needs it; the user's own files are included."""
    kind = run_file(relative)
    return kind is None or kind.copied


def exported_files(folder: Path, *, weights: bool) -> Iterator[str]:
    """Paths of the files in an export or an import of a run, in the order of the list; none of the user's own."""
    found = [(kind, path) for path in _own_files(folder) if (kind := run_file(path)) is not None]
    for kind, path in sorted(
        found, key=lambda pair: (RUN_FILES.index(pair[0]) if pair[0] in RUN_FILES else 0, pair[1])
    ):
        if kind.exported and (weights or kind.part is not Part.WEIGHTS):
            yield path


def _own_files(folder: Path) -> Iterator[str]:
    """Files at the places in the list; a folder among them may be a link."""
    for top in dict.fromkeys(kind.top for kind in RUN_FILES):
        if (folder / top).is_file():
            yield top
        for where, _, names in os.walk(folder / top):
            yield from (Path(where, name).relative_to(folder).as_posix() for name in names)
