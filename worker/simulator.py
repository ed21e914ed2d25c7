"""Simulation jobs: `focus simulate` as a child process, its progress in the record, its dataset registered."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from focus_core.errors import EXIT_DONE, EXIT_STOPPED, EXIT_USER_MISTAKE, UserError
from focus_store.contracts import Claim, JobRow, JobStatus
from focus_store.datasets import ADD
from focus_store.queue import TRAIN
from focus_store.repository import Repository
from worker.processes import end, last_line, last_sentence, running_in, spawn
from worker.supervisor import trainer_environment
from worker.surveys import survey
from worker.watch import Stop, Watch, patiently

STATE, DESCRIPTION = ".suite", "dataset.yaml"  # as focus_core.simulation.suite writes them
log = logging.getLogger(__name__)


def simulate(repository: Repository, claim: Claim, shutting_down: Callable[[], bool]) -> None:
    """Run a simulation job to its end, or until it is cancelled; what is made stays, and a later start goes on."""
    settings = repository.settings
    job = repository.job(claim.id)
    folder = settings.datasets / str(job.arguments["name"])
    for leftover in running_in(folder, "--out"):
        end([leftover], settings.grace_seconds)
    job_log = settings.log_folder / f"job-{claim.id}.log"
    process = spawn(command(job, folder), job_log, trainer_environment(repository), niceness=settings.train_niceness)
    seen = -1

    def look() -> None:
        nonlocal seen
        if (done := finished(folder, job.total)) != seen:
            seen = done
            repository.set_job_progress(claim, done, job.total)

    watch = Watch(repository, claim, process, look, shutting_down)
    code = watch.run()
    if watch.stop in (Stop.LOST, Stop.ORPHANED):
        return
    status, message = _outcome(watch, code, job_log)
    if status is JobStatus.SUCCEEDED:
        ended = _measure(repository, claim, folder, shutting_down)
        if ended is None:
            return
        status, message = ended
    patiently(lambda: repository.release(claim, status, status.value, message))
    for experiment in repository.waiting_behind(claim.id) if status is not JobStatus.QUEUED else ():
        repository.publish(TRAIN, experiment)


def _measure(
    repository: Repository, claim: Claim, folder: Path, shutting_down: Callable[[], bool]
) -> tuple[JobStatus, str | None] | None:
    """Survey a finished suite. One that cannot be surveyed is there all the same: whoever waits for it can train."""
    try:
        row = describe(folder)
        ended = survey(repository, claim, {"name": folder.name, "path": str(folder)}, shutting_down)
        if ended is None or ended[0] is not JobStatus.FAILED:
            return ended
        repository.register_dataset(row)
        return JobStatus.SUCCEEDED, f"the dataset is there, but was not measured: {ended[1]}"
    except UserError as error:
        return JobStatus.FAILED, str(error)


def register_found(repository: Repository) -> list[str]:
    """Register complete datasets in the laboratory's folder that the record never knew; their names."""
    known = {dataset.name for dataset in repository.datasets()} | repository.removed_datasets()
    found = sorted(repository.settings.datasets.glob(f"*/{DESCRIPTION}"))
    names = []
    for folder in (path.parent for path in found if path.parent.name not in known):
        try:
            repository.register_dataset(describe(folder))
            names.append(folder.name)
        except UserError as error:
            log.warning("%s", error)
    _ask_for_surveys(repository)
    return names


def _ask_for_surveys(repository: Repository) -> None:
    """Every dataset that was never measured is measured once; one that could not be waits for a person."""
    asked = {job.arguments["name"] for job in repository.dataset_jobs((ADD,))}
    for dataset in repository.datasets():
        if dataset.survey is None and dataset.name not in asked:
            here = repository.settings.datasets / dataset.name  # the home may have been moved since
            repository.request_dataset(dataset.name, str(here) if (here / DESCRIPTION).exists() else dataset.path)


def command(job: JobRow, folder: Path) -> list[str]:
    options = [
        word
        for key in ("simulations", "grid", "box", "seed", "realisations", "space")
        for word in (f"--{key}", str(job.arguments[key]))
    ]
    return [sys.executable, "-m", "focus_core.cli", "simulate", "--out", str(folder), *options]


def finished(folder: Path, total: int) -> int:
    """Simulations that are on disk."""
    if (folder / DESCRIPTION).exists():
        return total
    state = folder / STATE
    return sum(entry.name.endswith(".npy") for entry in os.scandir(state)) if state.is_dir() else 0


def describe(folder: Path) -> Mapping[str, Any]:
    """A row of the table `dataset` from a standard dataset folder. UserError when it is not one."""
    path = folder / DESCRIPTION
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
        shape = _shape(folder / "maps.npy")
        per_simulation = int(plain["maps_per_simulation"])
        pair = " ".join(plain["sha256"][name] for name in ("maps.npy", "params.csv"))
        return {
            "name": folder.name,
            "path": str(folder),
            "digest": "sha256:" + hashlib.sha256(pair.encode()).hexdigest(),
            "n_maps": shape[0],
            "n_simulations": shape[0] // per_simulation,
            "grid": shape[1],
            "box_size": plain["box_size"],
            "unit": plain["unit"],
            "parameter_space": plain["parameter_space"],
            "provenance": plain.get("provenance"),
            "survey": None,
            "checked_at": None,
        }
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"{path}: is not the description of a dataset ({type(error).__name__}: {error}).") from error


def _shape(path: Path) -> tuple[int, ...]:
    import numpy as np

    return tuple(np.load(path, mmap_mode="r").shape)


def _outcome(watch: Watch, code: int, job_log: Path) -> tuple[JobStatus, str | None]:
    if code == EXIT_DONE:
        return JobStatus.SUCCEEDED, None
    if code == EXIT_USER_MISTAKE:
        return JobStatus.FAILED, last_sentence(job_log, "focus simulate: ") or last_line(job_log)
    if watch.stop is Stop.SHUTDOWN:
        return JobStatus.QUEUED, None
    if watch.stop is Stop.CANCEL or code == EXIT_STOPPED:
        return JobStatus.CANCELLED, "stopped; a resumed job goes on where it was"
    return JobStatus.FAILED, f"the simulation ended with code {code}: {last_line(job_log)} (see {job_log})"
