"""Checking and measuring a dataset: `worker.survey` as a child process, its findings in the record."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from focus_core.data.folder import MAPS
from focus_core.errors import EXIT_DONE, EXIT_USER_MISTAKE, UserError
from focus_store.artifacts import StoredFile
from focus_store.contracts import Claim, JobStatus
from focus_store.dataset_identity import is_only_links, remove_links
from focus_store.repository import Repository
from worker.processes import end, last_line, last_sentence, running_in, spawn
from worker.supervisor import trainer_environment
from worker.watch import Stop, Watch, patiently

# What `worker.survey` leaves in its work folder; the result is written last.
PROGRESS, ARRAYS, SHEETS, LINK, RESULT = "progress", "survey.npz", "sheets", "link", "survey.json"
PREFIX = "focus survey: "
log = logging.getLogger(__name__)


def add_dataset(repository: Repository, claim: Claim, shutting_down: Callable[[], bool]) -> None:
    """Run an `add_dataset` job: check, measure and register, or say in one sentence why not."""
    arguments = repository.job(claim.id).arguments
    outcome = survey(repository, claim, arguments, shutting_down, show_progress=True)
    if outcome is not None:
        status, message = outcome
        patiently(lambda: repository.release(claim, status, status.value, message))


def survey(
    repository: Repository,
    claim: Claim,
    source: Mapping[str, Any],
    shutting_down: Callable[[], bool],
    *,
    show_progress: bool = False,
) -> tuple[JobStatus, str | None] | None:
    """Survey `source` (name, path, and params, space, box of a maps file) and register it; how it ended.

    None when the claim is no longer ours, and then nothing was written.
    """
    settings = repository.settings
    work, job_log = settings.home / "work" / claim.id, settings.log_folder / f"survey-{claim.id}.log"
    for leftover in running_in(work, "--out"):
        end([leftover], settings.grace_seconds)
    shutil.rmtree(work, ignore_errors=True)
    process = spawn(command(source, work), job_log, trainer_environment(repository), niceness=settings.train_niceness)

    def look() -> None:
        if show_progress and (seen := progress(work)) is not None:
            repository.set_job_progress(claim, *seen)

    try:
        watch = Watch(repository, claim, process, look, shutting_down)
        code, message = watch.run(), None
        if watch.stop in (Stop.LOST, Stop.ORPHANED):
            return None
        if code == EXIT_DONE:
            message = register(repository, work)
        return (JobStatus.SUCCEEDED, message) if message else _outcome(watch, code, job_log)
    except UserError as error:
        return JobStatus.FAILED, str(error)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def command(source: Mapping[str, Any], work: Path) -> list[str]:
    words = [sys.executable, "-m", "worker.survey", "--out", str(work)]
    for option in ("path", "name", "params", "space", "box"):
        if source.get(option) is not None:
            words += [f"--{option}", str(source[option])]
    return words


def progress(work: Path) -> tuple[int, int] | None:
    """(simulations measured, all of them)."""
    try:
        done, total = (work / PROGRESS).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return None
    return int(done), int(total)


def register(repository: Repository, work: Path) -> str | None:
    """Put a finished survey into the record: pictures and arrays first, the row that names them last.

    A sentence where it is a known dataset that lies elsewhere now; KnownDataset where that still lies where it lay.
    """
    plain = json.loads((work / RESULT).read_text(encoding="utf-8"))
    row, found = plain["row"], plain["survey"]
    asked, row["name"] = row["name"], repository.name_for(row, found)
    home = repository.settings.datasets / row["name"]
    was_there = os.path.lexists(home)
    row["path"] = str(place(repository, row["name"], Path(row["path"]), work))
    folder = repository.artifact_folder
    arrays = folder.put((work / ARRAYS).read_bytes(), ".npz")
    sheets: list[list[Any]] = []
    files: list[tuple[StoredFile, str]] = [(arrays, "survey")]
    for simulation in found.pop("simulations"):
        sheet = folder.put((work / SHEETS / f"{simulation:06d}.webp").read_bytes(), ".webp")
        sheets.append([simulation, sheet.digest])
        files.append((sheet, "sheet"))
    try:
        repository.register_survey(row, found | {"arrays": arrays.digest, "sheets": sheets}, files)
    except UserError:
        if not was_there:
            remove_links(home)
        raise
    return None if asked == row["name"] else f"is the dataset '{row['name']}', which has moved; its path was updated."


def place(repository: Repository, name: str, path: Path, work: Path) -> Path:
    """Where a configuration finds the dataset by its name: in the laboratory's folder, or by a link there.

    A pair of files becomes a folder of links, made by the survey; a set that has no folder stays where it is.
    """
    home = repository.settings.datasets / name
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
    """Links to what has gone, or to these very maps."""
    old = home / MAPS
    return is_only_links(home) and (not old.exists() or old.resolve() == maps.resolve())


def _outcome(watch: Watch, code: int, job_log: Path) -> tuple[JobStatus, str | None]:
    if code == EXIT_DONE:
        return JobStatus.SUCCEEDED, None
    if code == EXIT_USER_MISTAKE:
        return JobStatus.FAILED, last_sentence(job_log, PREFIX) or last_line(job_log)
    if watch.stop is Stop.SHUTDOWN:
        return JobStatus.QUEUED, None
    if watch.stop is Stop.CANCEL:
        return JobStatus.CANCELLED, "stopped before it was measured"
    return JobStatus.FAILED, f"the survey ended with code {code}: {last_line(job_log)} (see {job_log})"
