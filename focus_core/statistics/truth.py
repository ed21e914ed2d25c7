"""truth.npz of a run: P(k) of every simulation, so that whoever looks at the run need not open its dataset."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.data.dataset import MapDataset
from focus_core.data.mass import Findings, check_field_means
from focus_core.data.split import Split
from focus_core.disk.atomic import replacing
from focus_core.errors import UserError
from focus_core.run_files import TRUTH
from focus_core.statistics.power import PowerSpectrum, power_spectrum
from focus_core.statistics.spread import simulation_means

FloatArray = NDArray[np.float64]

PHYSICAL, NORMALISED = "(Mpc/h)²", "normalised"


def field_power(maps: NDArray[Any], box_size: float | None, normalised: bool, source: str = "maps") -> PowerSpectrum:
    """P(k) of maps (n, N, N), of the overdensity where they are physical and of the values where they are normalised.

    A box of unknown side counts as 2π: k is then in units of k_f.
    """
    if normalised:
        values = np.asarray(maps, dtype=np.float64)
        # The spectrum is that of map/mean − 1: with a mean of one, that of the values about their mean.
        maps = values - values.mean(axis=(-2, -1), keepdims=True) + 1.0
    return power_spectrum(maps, box_size or 2.0 * math.pi, source)


def power_unit(box_size: float | None, normalised: bool) -> str:
    return PHYSICAL if box_size is not None and not normalised else NORMALISED


def read_truth(run_folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a run's truth.npz; UserError if it is not there or damaged."""
    path = run_folder / TRUTH
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file}
    except FileNotFoundError:
        raise UserError(f"{path}: is not there; a training writes it when it starts: resume the run once.") from None
    except (ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: is damaged ({error}); delete it and resume the run once.") from error


def write_truth(path: Path, dataset: MapDataset, split: Split) -> None:
    """Measure every map once, in pieces of bounded memory, and write the arrays of each simulation atomically.

    `field_mean` and `field_scatter` are the mean of a simulation's maps, and the standard deviation of their means.
    UserError, before anything is written, for maps that are certainly not what they are said to be.
    """
    spectra, means = [], []
    for _, maps in dataset.chunks():
        spectra.append(field_power(maps, dataset.box_size, dataset.normalised, str(dataset.maps_file)))
        means.append(maps.mean(axis=(1, 2)))
    power, scatter = by_simulation(np.concatenate([each.power for each in spectra]), dataset.map_simulation)
    field_mean, field_scatter = by_simulation(np.concatenate(means), dataset.map_simulation)
    check_field_means(dataset, field_mean, field_scatter)
    membership = np.zeros(dataset.n_rows, dtype=np.int8)
    membership[list(split.validation)], membership[list(split.test)] = 1, 2
    with replacing(path) as file:
        np.savez(
            file,
            theta=dataset.simulation_theta,
            split=membership[dataset.first_rows],
            names=np.array(dataset.space.names),
            k=spectra[0].k,
            n_modes=spectra[0].n_modes,
            power_mean=power,
            power_std=scatter,
            field_mean=field_mean,
            field_scatter=field_scatter,
            maps_per_simulation=np.int64(np.median(dataset.maps_each)),
            box_size=np.float64(math.nan if dataset.box_size is None else dataset.box_size),
            grid=np.int64(dataset.grid),
            unit=np.array(power_unit(dataset.box_size, dataset.normalised)),
        )


def findings_of(path: Path, dataset: MapDataset) -> Findings:
    """What the means in truth.npz say of the labels; nothing where an earlier version wrote it."""
    with np.load(path, allow_pickle=False) as found:
        if "field_mean" not in found or len(found["field_mean"]) != dataset.n_simulations:
            return Findings()
        return check_field_means(dataset, found["field_mean"], found["field_scatter"])


def by_simulation(values: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (of one map: 0) over the maps of each simulation, of `values` (n_maps, …)."""
    mean = simulation_means(values, labels)
    count = np.bincount(labels).reshape(-1, *[1] * (values.ndim - 1))
    squares = simulation_means(np.square(values - mean[labels]), labels) * count
    return mean, np.sqrt(squares / np.maximum(count - 1, 1))
