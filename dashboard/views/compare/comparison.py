"""Experiments side by side: their colours, what was measured, and which of them share a truth. No Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.charts.overlay import MapCurves
from dashboard.look.texts import told_apart
from dashboard.look.theme import AXIS, EXPERIMENT_COLOURS
from dashboard.measured.band_errors import BandError, band_errors
from dashboard.measured.map_curves import epoch_curves
from dashboard.record.queries import Frame
from dashboard.views.datasets.outlook import learnt_other_content
from focus_core.evaluated import Evaluated
from focus_core.parameters import ParameterSpace
from focus_core.power_error import PowerError, band_edges, power_error_of_arrays
from focus_store.contracts import DatasetRow, EpochFigures, ExperimentDetail

Places = tuple[str | None, ...]


def read_slots(text: str) -> Places:
    """The chosen set as written in an address: short ids with commas. An empty place keeps the others' colours."""
    places = [part.strip() or None for part in text.split(",")]
    seen: set[str] = set()
    kept: list[str | None] = []
    for place in places:
        kept.append(None if place in seen else place)
        if place:
            seen.add(place)
    return _trimmed(kept)


def write_slots(slots: Places) -> str:
    return ",".join(place or "" for place in slots)


def choose(slots: Places, wanted: Sequence[str]) -> Places:
    """The set changed to `wanted`: experiments that stay keep their place and colour; new ones fill the first gaps."""
    kept: list[str | None] = [place if place in wanted else None for place in slots]
    for newcomer in (one for one in wanted if one not in kept):
        if None in kept:
            kept[kept.index(None)] = newcomer
        else:
            kept.append(newcomer)
    return _trimmed(kept)


def _trimmed(places: Sequence[str | None]) -> Places:
    last = max((i for i, place in enumerate(places) if place), default=-1)
    return tuple(places[: last + 1])


def colour_of(slot: int) -> str:
    """Eight colours, then grey: a ninth would be mistaken for one of them."""
    return EXPERIMENT_COLOURS[slot] if slot < len(EXPERIMENT_COLOURS) else AXIS


@dataclass(frozen=True)
class Compared:
    """One experiment of the set. `drawn` is the epoch whose P(k) is quoted, None if nothing has been drawn yet.

    `curves` are P(k) at that epoch, or another statistic that a chart shows.
    """

    slot: int
    detail: ExperimentDetail
    drawn: EpochFigures | None = None
    curves: MapCurves | None = None
    bands: tuple[BandError, ...] = ()
    measured: PowerError | None = None  # from the arrays of the quoted epoch
    validation: tuple[int, ...] | None = None  # simulations that it is measured on, by row; None if not yet known
    label: str = ""  # its name, short enough for heads and legends and distinct from those beside it

    @property
    def short(self) -> str:
        return self.label or self.name

    @property
    def id(self) -> str:
        return self.detail.summary.id

    @property
    def name(self) -> str:
        return self.detail.summary.name

    @property
    def evaluation(self) -> Evaluated | None:
        return self.detail.summary.evaluation

    @property
    def uncertainty(self) -> float | None:
        """Standard error of the quoted P(k) error: as recorded, or from the arrays if the record lacks it."""
        recorded = None if self.drawn is None else self.drawn.power_uncertainty
        return recorded if recorded is not None or self.measured is None else self.measured.uncertainty

    @property
    def colour(self) -> str:
        return colour_of(self.slot)

    @property
    def data(self) -> tuple[object, ...]:
        """What must be equal for losses and P(k) errors of two runs to be comparable."""
        dataset = self.detail.environment.get("dataset") or {}
        name = dataset.get("digest") or self.detail.summary.dataset
        return name, self.detail.box_size, self.detail.grid, self.detail.unit

    @property
    def data_words(self) -> str:
        """ "quick, 64² maps of 64 Mpc/h"."""
        grid = f", {self.detail.grid}² maps" if self.detail.grid else ""
        box = f" of {self.detail.box_size:g} Mpc/h" if self.detail.box_size and grid else ""
        return f"{self.detail.summary.dataset}{grid}{box}"


@dataclass(frozen=True)
class DrawnMaps:
    """What a run drew at an epoch: the hash of its arrays, θ and seeds, their parameter space and unit."""

    run: Compared
    epoch: int
    samples: str
    frame: Frame
    space: ParameterSpace
    unit: str

    @property
    def truth(self) -> tuple[object, ...]:
        """Equal for runs that drew the same θ with the same seeds beside the same true maps."""
        return self.frame.truth, self.frame.theta, self.frame.seeds


def with_power(
    slot: int,
    detail: ExperimentDetail,
    drawn: EpochFigures | None,
    arrays: Mapping[str, NDArray[Any]] | None,
    validation: tuple[int, ...] | None = None,
) -> Compared:
    if drawn is None or arrays is None:
        return Compared(slot, detail, drawn, validation=validation)
    grid = detail.grid or 2 * len(arrays["k"])
    bands = tuple(band_errors(arrays, grid)) if "n_modes" in arrays else ()
    measured = power_error_of_arrays(arrays, band_edges(grid))
    return Compared(slot, detail, drawn, epoch_curves(arrays, drawn.epoch, grid), bands, measured, validation)


def labelled(runs: Sequence[Compared]) -> list[Compared]:
    """With distinct short names."""
    labels = told_apart([run.name for run in runs])
    return [replace(run, label=label) for run, label in zip(runs, labels, strict=True)]


def quoted_epoch(detail: ExperimentDetail, epochs: Sequence[int]) -> int | None:
    """The epoch of the best checkpoint, or the last one drawn before it, since that checkpoint is the one sampled."""
    best = next((c.epoch for c in detail.checkpoints if c.role == "best"), None)
    if best is None:
        return max(epochs, default=None)
    return at_or_before(epochs, best) or min(epochs, default=None)


def at_or_before(epochs: Sequence[int], epoch: int) -> int | None:
    return max((e for e in epochs if e <= epoch), default=None)


def same_data(runs: Sequence[Compared]) -> bool:
    known = [run.data for run in runs if run.detail.grid is not None]
    return len(set(known)) <= 1


def same_validation(one: Compared, other: Compared) -> bool:
    """Whether two runs of one dataset are measured on the same simulations, as recorded or as planned."""
    if one.validation is not None and other.validation is not None:
        return one.validation == other.validation
    return _chosen_by(one) == _chosen_by(other)


def _chosen_by(run: Compared) -> tuple[object, object]:
    data = run.detail.config.get("data", {})
    return data.get("split_seed"), data.get("train_split")


def comparable(one: Compared, other: Compared) -> bool:
    """Whether losses and P(k) errors of the two are comparable: the same data, and the same simulations of it."""
    return one.data == other.data and same_validation(one, other)


def all_comparable(runs: Sequence[Compared]) -> bool:
    known = [run for run in runs if run.detail.grid is not None]
    return all(comparable(known[0], run) for run in known[1:])


def truth_groups(runs: Sequence[Compared]) -> list[list[Compared]]:
    """Runs with curves, grouped by the truth that they are compared with (equal up to rounding), in their order."""
    groups: list[list[Compared]] = []
    for run in runs:
        if run.curves is not None:
            mine = next((group for group in groups if _same_truth(group[0], run)), None)
            if mine is None:
                groups.append([run])
            else:
                mine.append(run)
    return groups


def _same_truth(one: Compared, other: Compared) -> bool:
    """Another machine or version sums in another order, which changes the last digits."""
    a, b = one.curves, other.curves
    if a is None or b is None or a.x.shape != b.x.shape:
        return False
    return np.allclose(a.x, b.x, rtol=1e-6, atol=0) and np.allclose(a.truth, b.truth, rtol=1e-5, atol=0)


def changed_sentence(runs: Sequence[Compared], datasets: Sequence[DatasetRow]) -> str | None:
    """Set if a run was trained on other content than the record now has under the name of its dataset."""
    names = [run.name for run in runs if learnt_other_content(run.detail, datasets)]
    if not names:
        return None
    whose = "its curves, maps and P(k) belong" if len(names) == 1 else "their curves, maps and P(k) belong"
    return f"Since {' and '.join(names)} trained, the files of the dataset changed: {whose} to the files as they were."


def difference_sentence(runs: Sequence[Compared]) -> str | None:
    """Shown on the page if the runs have different truths; None if they share one."""
    if not same_data(runs):
        kinds = list(dict.fromkeys(run.data_words for run in runs if run.detail.grid is not None))
        which = " and ".join(kinds) if len(kinds) > 1 else f"{kinds[0]}, in two versions of its files"
        return (
            f"These runs were trained on different data ({which}): each P(k) and each map is held against its own "
            "simulations, bands are in units of each run’s own fundamental mode, and losses and P(k) errors of "
            "different data have no ratio."
        )
    if not all_comparable(runs) or len(truth_groups(runs)) > 1:
        return (
            "These runs were trained on the same data but keep other simulations for validation (data.train_split or "
            "data.split_seed differ): each P(k) and each map is held against its own simulations, so losses and P(k) "
            "errors have no ratio and none of them is the best."
        )
    return None
