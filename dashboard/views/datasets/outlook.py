"""What the Datasets page computes itself, without torch: a first check, changed files, the cost of a suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dashboard.look.markup import Readout
from dashboard.look.words import NOTHING, Amount, duration, size
from focus_core.data.answers import Answers
from focus_core.data.checking import open_path
from focus_core.errors import UserError
from focus_core.suites import suite_bytes, suite_maps
from focus_store.contracts import DatasetRow, ExperimentDetail, JobRow, JobStatus
from focus_store.settings import Settings

# A job that found its suite already made gives no timing.
_LEAST_SECONDS_A_BOX = 0.01


def check_at_once(settings: Settings, path: str, params: str | None, answers: Answers) -> None:
    """Headers, labels and the number of rows, as `focus data check` reports them, while the user is still looking.

    Pixels and hashes are left to a worker. If the broker is a server, the files may be on another machine only: then
    files that are not here are left to the worker too.
    """
    place = Path(path).expanduser()
    if not place.exists() and not settings.broker_url.startswith("filesystem://"):
        return
    open_path(place, None if params is None else Path(params).expanduser(), answers)


def default_name(path: str) -> str:
    """A dataset's name from its path, with only the characters that a name may have."""
    stem = Path(path.strip().rstrip("/")).stem
    cleaned = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in stem)
    return cleaned.lstrip("._-")[:64]


def changed_files(dataset: DatasetRow, *, missing: bool = True) -> list[str]:
    """Files that have changed since the dataset was checked, each with what differs; [] if none has.

    By size and time alone, which costs nothing; a new check reads every byte. Without `missing`, files that are not
    here are passed over: the pages may run on a host without the datasets.
    """
    stamps: Mapping[str, Any] = (dataset.survey or {}).get("files", {})
    changed = []
    for file, (bytes_then, time_then) in stamps.items():
        try:
            now = Path(file).stat()
        except OSError as error:
            if missing:
                changed.append(f"{file} ({error.strerror})")
            continue
        if now.st_size != bytes_then:
            changed.append(f"{file} ({bytes_then:,} bytes then, {now.st_size:,} now)")
        elif now.st_mtime_ns != time_then:
            changed.append(f"{file} (written again)")
    return changed


def other_digest(used: str | None, dataset: DatasetRow) -> bool:
    """Whether a run used other content. A fingerprint of sampled maps and a full sha256 cannot be compared."""
    return used is not None and used.split(":")[0] == dataset.digest.split(":")[0] and used != dataset.digest


def learnt_other_content(detail: ExperimentDetail, datasets: Sequence[DatasetRow]) -> bool:
    """Whether the record's digest under the name of this run's dataset differs from the one that its trainer found."""
    used = (detail.environment.get("dataset") or {}).get("digest")
    return any(other_digest(used, row) for row in datasets if row.name == detail.summary.dataset)


def seconds_a_cell(jobs: Sequence[JobRow]) -> tuple[float, str] | None:
    """(seconds per cell of a box, name of the suite) as last measured; a box's cost is proportional to its cells."""
    for job in jobs:
        if job.status is not JobStatus.SUCCEEDED or not (job.started_at and job.ended_at):
            continue
        seconds = (job.ended_at - job.started_at).total_seconds() / max(job.total, 1)
        if seconds > _LEAST_SECONDS_A_BOX:
            return seconds / int(job.arguments["grid"]) ** 3, str(job.arguments["name"])
    return None


def suite_readouts(rows: int, grid: int, box: float, measured: tuple[float, str] | None) -> list[Readout]:
    """Before a suite is requested: time, number of maps, disk space."""
    maps = suite_maps(rows, grid, box)
    each = duration(measured[0] * grid**3) if measured else NOTHING
    whole = duration(measured[0] * grid**3 * rows) if measured else NOTHING
    source = f"about, scaled from {measured[1]}" if measured else "the first simulation measures it"
    return [
        Readout("Time", whole, source),
        Readout("A simulation", each, f"{grid}³ particles, 20 steps"),
        Readout("Maps", f"{maps:,}", f"{maps // rows} per simulation, {grid}²"),
        Readout("Force resolution", Amount(f"{box / grid:.3g}", "Mpc/h"), "one cell"),
        Readout("Disk", size(suite_bytes(rows, grid, box)), "twice that while it is put together"),
    ]


def provenance_words(dataset: DatasetRow) -> str:
    """ "PM simulation, force resolution 1 Mpc/h", or the source that the files name."""
    provenance = dataset.provenance or {}
    resolution = provenance.get("force_resolution")
    if not resolution and str(provenance.get("source", "")).startswith("FOCUS particle-mesh") and dataset.box_size:
        resolution = f"{dataset.box_size / dataset.grid:.3g} Mpc/h (one cell)"  # our CMD files do not record it
    if resolution:
        return f"PM simulation, force resolution {resolution}: the truth of its own dataset, not of nature"
    known = [str(provenance[key]) for key in ("source", "suite", "set") if isinstance(provenance.get(key), str)]
    return ", ".join(known) or "provenance unknown"


def free_name(name: str, known: Sequence[DatasetRow]) -> None:
    """UserError if a suite of that name already exists."""
    if any(dataset.name == name for dataset in known):
        raise UserError(f"name: '{name}' is a dataset already; choose another name.")
