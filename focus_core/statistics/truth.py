"""truth.npz of a run: the curves of every simulation, so that its readers need not open the dataset."""

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
from focus_core.statistics.kept import measured_of
from focus_core.statistics.measuring import about_one, by_simulation, dataset_arrays
from focus_core.statistics.power import PowerSpectrum, power_spectrum


def field_power(maps: NDArray[Any], box_size: float | None, normalised: bool, source: str = "maps") -> PowerSpectrum:
    """P(k) of maps (n, N, N), of the overdensity if they are physical and of the values if they are normalised.

    A box of unknown side counts as 2π: k is then in units of k_f.
    """
    return power_spectrum(about_one(maps) if normalised else maps, box_size or 2.0 * math.pi, source)


def read_truth(run_folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a run's truth.npz; UserError if it is not there or damaged."""
    path = run_folder / TRUTH
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file}
    except FileNotFoundError:
        raise UserError(f"{path}: is not there; a training run writes it at its start: resume the run once.") from None
    except (ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: is damaged ({error}); delete it and resume the run once.") from error


def write_truth(path: Path, dataset: MapDataset, split: Split, home: Path) -> None:
    """Write the arrays of each simulation atomically, with the split; earlier measurements are kept in `home`.

    `field_mean` and `field_scatter` are the mean of a simulation's maps, and the standard deviation of their means.
    UserError, before anything is written, for maps that certainly do not match their declaration.
    """
    measured = measured_of(dataset, home)
    field_mean, field_scatter = by_simulation(measured["map_means"], dataset.map_simulation)
    check_field_means(dataset, field_mean, field_scatter)
    membership = np.zeros(dataset.n_rows, dtype=np.int8)
    membership[list(split.validation)], membership[list(split.test)] = 1, 2
    with replacing(path) as file:
        np.savez(
            file,
            allow_pickle=False,
            split=membership[dataset.first_rows],
            field_mean=field_mean,
            field_scatter=field_scatter,
            **dataset_arrays(dataset, measured),
        )


def findings_of(path: Path, dataset: MapDataset) -> Findings:
    """Findings on the labels from the means in truth.npz; none if an earlier version wrote it."""
    with np.load(path, allow_pickle=False) as found:
        if "field_mean" not in found or len(found["field_mean"]) != dataset.n_simulations:
            return Findings()
        return check_field_means(dataset, found["field_mean"], found["field_scatter"])
