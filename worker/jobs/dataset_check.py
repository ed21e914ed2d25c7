"""Checking and measuring a dataset: `worker.jobs.survey` as a child process, its results in the record."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from focus_core.catalogue.job_kinds.dataset_check import DATASET_CHECK
from focus_core.data.folder import MAPS
from focus_core.errors import UserError
from focus_store.contracts import JobStatus
from focus_store.files.artifacts import StoredFile
from focus_store.record.dataset_identity import is_only_links, remove_links
from focus_store.record.record import Record
from worker.jobs.child import Errand
from worker.jobs.work import JobEnd, JobWork

# Files that `worker.jobs.survey` leaves in its work folder; the result is written last.
ARRAYS, SHEETS, LINK, RESULT = "survey.npz", "sheets", "link", "survey.json"


class DatasetCheckWork(JobWork):
    """Check, measure and register, or report in one sentence why not."""

    def targets(self, folder: Path) -> Sequence[Path]:
        return (*super().targets(folder), self.settings.datasets)

    def keep(self, folder: Path) -> JobEnd:
        return JobStatus.SUCCEEDED, register(self.record, folder)


def survey(errand: Errand, source: Mapping[str, Any]) -> JobEnd | None:
    """Survey `source` as a part of another job, whose progress is unchanged; returns how it ended.

    None if the claim is no longer ours, and then nothing was written.
    """
    job = errand.record.jobs.get(errand.claim.id)
    part = replace(job, arguments=source)
    try:
        return DatasetCheckWork(errand, part, replace(DATASET_CHECK, progress=lambda folder, total: None)).run()
    except UserError as error:
        return JobStatus.FAILED, str(error)


def register(record: Record, work: Path) -> str | None:
    """Put a finished survey into the record: pictures and arrays first, the row that names them last.

    A sentence if it is a known dataset that has moved; KnownDataset if that is still at its old place.
    """
    plain = json.loads((work / RESULT).read_text(encoding="utf-8"))
    row, found = plain["row"], plain["survey"]
    asked, row["name"] = row["name"], record.datasets.name_for(row, found)
    home = record.settings.datasets / row["name"]
    was_there = os.path.lexists(home)
    row["path"] = str(place(record, row["name"], Path(row["path"]), work))
    folder = record.artifacts
    arrays = folder.put((work / ARRAYS).read_bytes(), ".npz")
    sheets: list[list[Any]] = []
    files: list[tuple[StoredFile, str]] = [(arrays, "survey")]
    for simulation in found.pop("simulations"):
        sheet = folder.put((work / SHEETS / f"{simulation:06d}.webp").read_bytes(), ".webp")
        sheets.append([simulation, sheet.digest])
        files.append((sheet, "sheet"))
    try:
        record.datasets.register_survey(row, found | {"arrays": arrays.digest, "sheets": sheets}, files)
    except UserError:
        if not was_there:
            remove_links(home)
        raise
    return None if asked == row["name"] else f"is the dataset '{row['name']}', which has moved; its path was updated."


def place(record: Record, name: str, path: Path, work: Path) -> Path:
    """Where a configuration finds the dataset by its name: in the laboratory's folder, or by a link there.

    A pair of files becomes a folder of links, made by the survey; a set without a folder stays where it is.
    """
    home = record.settings.datasets / name
    home.parent.mkdir(parents=True, exist_ok=True)
    if path == work / LINK:
        if os.path.lexists(home) and not _is_replaceable(home, path / MAPS):
            raise UserError(f"name: '{name}' is taken by {home.resolve()}; choose another name.")
        remove_links(home)
        path.replace(home)
        return home
    if not path.is_dir():
        return path
    if home.resolve() != path.resolve() and _is_replaceable(home, path / MAPS):
        remove_links(home)
    if not os.path.lexists(home):
        home.symlink_to(path.resolve(), target_is_directory=True)
    elif home.resolve() != path.resolve():
        raise UserError(f"name: '{name}' is taken by {home.resolve()}; choose another name.")
    return home if path.resolve() == home.resolve() and not home.is_symlink() else path


def _is_replaceable(home: Path, maps: Path) -> bool:
    """Links to a missing target, or to these very maps."""
    old = home / MAPS
    return is_only_links(home) and (not old.exists() or old.resolve() == maps.resolve())
