"""Reads of the record for pages: one repository per process, bounded caches keyed by what changes.

A key that grows with every change (the change token) makes an idle page cost one look-up by primary key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.record.connection import record
from focus_core.catalogue.jobs import job_kind
from focus_core.catalogue.map_statistics import MAP_STATISTICS
from focus_core.catalogue.statistic_spec import NORMALISED
from focus_core.errors import UserError
from focus_core.figures.tiles import stretch
from focus_core.parameters import ParameterSpace
from focus_store.contracts import (
    DatasetRow,
    EpochFigures,
    ExperimentDetail,
    ExperimentSummary,
    JobRow,
    Series,
    Status,
)
from focus_store.settings import Settings

EXPERIMENTS = 100_000  # of a list, which must be complete: a part would pass for the whole; 1,000 rows take about 60 ms
POINTS = 1000  # a trace never has more; an export has every point


def experiment(experiment_id: str) -> ExperimentDetail:
    return _experiment(home(), experiment_id, record().experiments.change_token(experiment_id))


@st.cache_resource(max_entries=64, show_spinner=False)  # deeply frozen, so every page may share the same object
def _experiment(home: str, experiment_id: str, token: int) -> ExperimentDetail:
    return record().experiments.get(experiment_id)


def is_gone(experiment_id: str) -> bool:
    """Whether it was deleted, perhaps in another window, since a page began to show it."""
    try:
        record().experiments.change_token(experiment_id)
    except UserError:
        return True
    return False


def series(experiment_id: str, token: int, key: str, split: str) -> Series:
    return _series(home(), experiment_id, token, key, split)


@st.cache_data(max_entries=256, show_spinner=False)
def _series(home: str, experiment_id: str, token: int, key: str, split: str) -> Series:
    return record().curves.series(experiment_id, key, split, max_points=POINTS)


def epochs_with_figures(experiment_id: str, token: int) -> list[int]:
    return _epochs(home(), experiment_id, token)


@st.cache_data(max_entries=64, show_spinner=False)
def _epochs(home: str, experiment_id: str, token: int) -> list[int]:
    return record().figures.epochs(experiment_id)


def figures(experiment_id: str, epoch: int) -> EpochFigures:
    """Not cached: two indexed rows, and a resumed run may draw an epoch again."""
    return record().figures.at(experiment_id, epoch)


def arrays(digest: str) -> Mapping[str, NDArray[Any]]:
    """An .npz by its hash, whose content can never change."""
    return _arrays(home(), digest)


@st.cache_data(max_entries=96, show_spinner=False)
def _arrays(home: str, digest: str) -> dict[str, NDArray[Any]]:
    return record().artifacts.arrays(digest)


def finding(kind: str, digest: str) -> Mapping[str, Any]:
    """The result of a job of this kind about a run, by the hash of its result."""
    return _finding(home(), kind, digest)


@st.cache_resource(max_entries=32, show_spinner=False)  # read-only
def _finding(home: str, kind: str, digest: str) -> Mapping[str, Any]:
    return record().findings.found(kind, digest)


@dataclass(frozen=True)
class Frame:
    """What the maps of an epoch were drawn at, without the maps: θ (rows, d), seeds (rows, n), their common truth.

    `stretch` is log10 Σ at the ends of a colour scale for the true maps alone, so that it is the same in every epoch.
    """

    theta: tuple[tuple[float, ...], ...]
    seeds: tuple[tuple[int, ...], ...]
    truth: str  # digest of the true maps
    stretch: tuple[float, float]


def frame(digest: str) -> Frame:
    return _frame(home(), digest)


@st.cache_data(max_entries=512, show_spinner=False)
def _frame(home: str, digest: str) -> Frame:
    found = record().artifacts.arrays(digest)
    rows, n = found["generated"].shape[:2]
    seeds = found["seeds"] if "seeds" in found else np.tile(np.arange(n), (rows, 1))
    low, high = stretch(found["real"])
    return Frame(
        theta=tuple(tuple(float(v) for v in row) for row in found["theta"]),
        seeds=tuple(tuple(int(v) for v in row) for row in seeds),
        truth=hashlib.sha256(np.ascontiguousarray(found["real"]).tobytes()).hexdigest(),
        stretch=(round(low, 3), round(high, 3)),
    )


def summaries(
    status: frozenset[Status] | None,
    text: str | None,
    tag: str | None,
    dataset: str | None,
    *,
    archived: bool = False,
) -> list[ExperimentSummary]:
    """Experiments for the list. A single status is filtered by the database, a group of them here."""
    only = next(iter(status)) if status and len(status) == 1 else None
    rows = _summaries(home(), record().experiments.record_token(), only, text or None, tag, dataset, archived)
    return [row for row in rows if status is None or row.status in status]


@st.cache_resource(max_entries=32, show_spinner=False)  # frozen rows, requested several times in one run of the list
def _summaries(
    home: str,
    token: tuple[int, int, str],
    status: Status | None,
    text: str | None,
    tag: str | None,
    dataset: str | None,
    archived: bool,
) -> list[ExperimentSummary]:
    return record().experiments.find(
        status=status, text=text, tag=tag, dataset=dataset, archived=archived, limit=EXPERIMENTS
    )


def names_with_asked(rows: Sequence[ExperimentSummary], asked: str | None) -> dict[str, str]:
    """Names by id that a page offers, including the one in its address if the list leaves that out.

    UserError if the record has no such experiment: another one in its place would be mistaken for it.
    """
    names = {row.id: row.name for row in rows}
    if asked and asked not in names:
        name = experiment(asked).summary.name
        listed = any(row.id == asked for row in summaries(None, None, None, None))
        names[asked] = name if listed else f"{name} (archived)"
    return names


def active_simulations() -> list[JobRow]:
    return [job for job in record().jobs.every(active_only=True) if job_kind(job.kind).makes_dataset]


def datasets() -> list[DatasetRow]:
    return record().datasets.every()


TRAINING, VALIDATION = 0, 1  # in truth.npz: 0 train, 1 validation, 2 test


@dataclass(frozen=True)
class SimulationCurves:
    """A statistic of every simulation of a dataset: its axis `x` (q,), mean and std (n, q) over the maps of each."""

    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    physical: bool


def simulation_curves(arrays: Mapping[str, NDArray[Any]]) -> dict[str, SimulationCurves]:
    """By the name of the statistic, from the arrays of a dataset's survey or of a run's truth.npz."""
    found = {}
    for statistic in MAP_STATISTICS.values():
        if statistic.mean in arrays:  # older files contain P(k) alone
            unit = arrays.get(f"{statistic.value.name}_unit", arrays["unit"])
            names = (statistic.axis.name, statistic.mean, statistic.std)
            x, mean, std = (np.asarray(arrays[name], dtype=np.float64) for name in names)
            found[statistic.name] = SimulationCurves(x, mean, std, physical=str(unit) != NORMALISED)
    return found


@dataclass(frozen=True)
class Truth:
    """The simulations of a run's dataset: θ (n, d), split (n,), and the curves by the name of each statistic.

    Their `std` is the scatter of single maps of one simulation, `n_maps` their number.
    """

    theta: NDArray[np.float64]
    split: NDArray[Any]
    n_maps: int
    box_size: float | None
    grid: int
    curves: Mapping[str, SimulationCurves]

    def training(self) -> NDArray[np.bool_]:
        return np.asarray(self.split == TRAINING)

    def validation(self) -> tuple[int, ...]:
        """Rows of the simulations on which the run's losses and figures are measured."""
        return tuple(int(i) for i in np.flatnonzero(self.split == VALIDATION))


def truth(detail: ExperimentDetail) -> Truth | None:
    if detail.truth_arrays is None:
        return None
    found = arrays(detail.truth_arrays)
    box = float(found["box_size"])
    return Truth(
        theta=np.asarray(found["theta"], dtype=np.float64),
        split=np.asarray(found["split"]),
        n_maps=int(found["maps_per_simulation"]),
        box_size=box if np.isfinite(box) else None,
        grid=int(found["grid"]),
        curves=simulation_curves(found),
    )


def space(detail: ExperimentDetail) -> ParameterSpace | None:
    return None if detail.parameter_space is None else ParameterSpace.from_dict(detail.parameter_space)


def home() -> str:
    """Part of every cache's key: tests open several records in one process."""
    return Settings.from_environment().database_url
