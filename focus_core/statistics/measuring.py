"""The catalogue's statistics measured: on fields as they are, and on every simulation of a dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.catalogue.by_path import load
from focus_core.catalogue.map_statistics import statistics_of
from focus_core.catalogue.statistic_spec import MapStatistic, Measure, Measured
from focus_core.data.dataset import MapDataset
from focus_core.statistics.fields import FloatArray
from focus_core.statistics.spread import simulation_means


def measure_field(
    statistic: MapStatistic, maps: NDArray[Any], box_size: float | None, normalised: bool, source: str = "maps"
) -> Measured:
    """For maps (n, N, N); a box of unknown side counts as 2π, so that wave numbers are in units of k_f."""
    code: Measure = load(statistic.measure)
    return code(about_one(maps) if normalised else maps, 2.0 * math.pi if box_size is None else box_size, source)


def about_one(maps: NDArray[Any]) -> FloatArray:
    """Normalised maps in the form of Σ/Σ̄: their values about their mean, plus one."""
    values = np.asarray(maps, dtype=np.float64)
    return np.asarray(values - values.mean(axis=(-2, -1), keepdims=True) + 1.0)


class DatasetCurves:
    """Collects measurements of a dataset's maps, piece by piece in their order."""

    def __init__(self, dataset: MapDataset) -> None:
        self._dataset = dataset
        self._found: dict[MapStatistic, list[Measured]] = {s: [] for s in statistics_of(dataset.normalised)}
        self._means: list[FloatArray] = []

    def add(self, maps: FloatArray) -> None:
        dataset = self._dataset
        for statistic, found in self._found.items():
            source = str(dataset.maps_file)
            found.append(measure_field(statistic, maps, dataset.box_size, dataset.normalised, source))
        self._means.append(maps.mean(axis=(1, 2)))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By simulation, for every statistic; `map_means` (n_maps,) are of the pixels of each map."""
        arrays: dict[str, NDArray[Any]] = {}
        for statistic, found in self._found.items():
            values = np.concatenate([piece.values for piece in found])
            mean, scatter = by_simulation(values, self._dataset.map_simulation)
            arrays |= statistic.coordinates(found[0]) | {statistic.mean: mean, statistic.std: scatter}
        return arrays | {"map_means": np.concatenate(self._means)}


def dataset_arrays(dataset: MapDataset, measured: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Results of `DatasetCurves`, with everything that their readers need to know about the dataset."""
    units = {
        f"{statistic.value.name}_unit": np.array(statistic.unit(dataset.box_size, dataset.normalised))
        for statistic in statistics_of(dataset.normalised)
    }
    return {
        "theta": dataset.simulation_theta,
        "names": np.array(dataset.space.names),
        **{name: values for name, values in measured.items() if name != "map_means"},
        "maps_per_simulation": np.array(np.int64(np.median(dataset.maps_each))),
        "box_size": np.array(math.nan if dataset.box_size is None else dataset.box_size, dtype=np.float64),
        "grid": np.array(dataset.grid, dtype=np.int64),
        **units,
        # Files of earlier versions contain P(k) alone, and its unit under this name.
        "unit": np.array(next(iter(statistics_of(dataset.normalised))).unit(dataset.box_size, dataset.normalised)),
    }


def by_simulation(values: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (of one map: 0) over the maps of each simulation, of `values` (n_maps, …)."""
    mean = simulation_means(values, labels)
    count = np.bincount(labels).reshape(-1, *[1] * (values.ndim - 1))
    squares = simulation_means(np.square(values - mean[labels]), labels) * count
    return mean, np.sqrt(squares / np.maximum(count - 1, 1))
