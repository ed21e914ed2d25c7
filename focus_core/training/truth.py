"""truth.npz of a run: P(k) of every simulation, so that whoever looks at the run need not open its dataset."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.data.atomic import replacing
from focus_core.data.dataset import MapDataset
from focus_core.data.split import Split
from focus_core.errors import UserError
from focus_core.run_files import TRUTH
from focus_core.statistics.power import PowerSpectrum, power_spectrum

PHYSICAL, NORMALISED = "(Mpc/h)²", "normalised"

# Pixels measured at once, as in the other passes over a dataset.
_CHUNK_PIXELS = 2**22


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
    """Measure every map once, in pieces of whole simulations, and write the arrays atomically."""
    per_simulation = dataset.maps_per_simulation
    step = max(1, _CHUNK_PIXELS // (dataset.grid**2 * per_simulation)) * per_simulation
    means, scatters = [], []
    for first in range(0, dataset.n_maps, step):
        spectrum = field_power(
            dataset.maps[first : first + step], dataset.box_size, dataset.normalised, str(dataset.maps_file)
        )
        power = spectrum.power.reshape(-1, per_simulation, len(spectrum.k))
        means.append(power.mean(axis=1))
        scatters.append(power.std(axis=1, ddof=1) if per_simulation > 1 else np.zeros_like(power[:, 0]))
    membership = np.zeros(dataset.n_simulations, dtype=np.int8)
    membership[list(split.validation)], membership[list(split.test)] = 1, 2
    with replacing(path) as file:
        np.savez(
            file,
            theta=dataset.theta,
            split=membership,
            names=np.array(dataset.space.names),
            k=spectrum.k,
            n_modes=spectrum.n_modes,
            power_mean=np.concatenate(means),
            power_std=np.concatenate(scatters),
            maps_per_simulation=np.int64(per_simulation),
            box_size=np.float64(math.nan if dataset.box_size is None else dataset.box_size),
            grid=np.int64(dataset.grid),
            unit=np.array(power_unit(dataset.box_size, dataset.normalised)),
        )
