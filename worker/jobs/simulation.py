"""Simulation jobs: `focus simulate` as a child process, its progress in the record, its dataset registered."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from focus_core.catalogue.job_kinds.simulation import DESCRIPTION
from focus_core.errors import UserError
from focus_store.contracts import JobStatus
from focus_store.record.datasets import ADD
from focus_store.record.record import Record
from worker.jobs.dataset_check import survey
from worker.jobs.work import JobEnd, JobWork

log = logging.getLogger(__name__)


class SimulationWork(JobWork):
    """`focus simulate` into the dataset's own folder, which is kept: a later start continues where this one stopped."""

    keeps_folder = True

    def folder(self) -> Path:
        return self.settings.datasets / str(self.job.arguments["name"])

    def keep(self, folder: Path) -> JobEnd | None:
        """Survey a finished suite. If that fails, the suite still exists, and runs that wait for it can train."""
        row = describe(folder)
        ended = survey(self.errand, {"name": folder.name, "path": str(folder)})
        if ended is None or ended[0] is not JobStatus.FAILED:
            return ended
        self.record.datasets.register(row)
        return JobStatus.SUCCEEDED, f"the dataset is there, but was not measured: {ended[1]}"


def register_found(record: Record) -> list[str]:
    """Register complete datasets in the laboratory's folder that the record does not know; returns their names."""
    known = {dataset.name for dataset in record.datasets.every()} | record.datasets.removed()
    found = sorted(record.settings.datasets.glob(f"*/{DESCRIPTION}"))
    names = []
    for folder in (path.parent for path in found if path.parent.name not in known):
        try:
            record.datasets.register(describe(folder))
            names.append(folder.name)
        except UserError as error:
            log.warning("%s", error)
    _ask_for_surveys(record)
    return names


def _ask_for_surveys(record: Record) -> None:
    """Request one survey of every dataset without one; after a failure it is left to a user."""
    asked = {job.arguments["name"] for job in record.datasets.jobs((ADD,))}
    for dataset in record.datasets.every():
        if dataset.survey is None and dataset.name not in asked:
            here = record.settings.datasets / dataset.name  # the home may have been moved since
            record.datasets.request(dataset.name, str(here) if (here / DESCRIPTION).exists() else dataset.path)


def describe(folder: Path) -> Mapping[str, Any]:
    """A row of the table `dataset` from a standard dataset folder. UserError if it is not one."""
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
