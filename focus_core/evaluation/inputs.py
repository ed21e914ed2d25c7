"""The inputs of an evaluation: a file of maps or a run, the dataset, and which of its simulations count."""

from __future__ import annotations

import hashlib
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from focus_core.config.experiment import DataSection
from focus_core.data.column_names import own_name
from focus_core.data.dataset import MapDataset
from focus_core.data.files import sha256_of
from focus_core.data.opening import open_dataset
from focus_core.data.split import Split, read_split, rows_of_older_split, split_rows
from focus_core.errors import UserError
from focus_core.evaluation.expectation import SAME
from focus_core.evaluation.mapsets import MapSet, Training, by_theta
from focus_core.parameters import ParameterSpace
from focus_core.paths import focus_home
from focus_core.run_files import SPLIT
from focus_core.statistics.fields import FloatArray

PARTS = ("train", "validation", "test", "all")
# For maps that no run was trained on, as in a configuration without these keys.
_TRAIN_SPLIT, _SPLIT_SEED = 0.8, 0
# Limits on pixels of simulations, and of maps, that are measured: 8,192 maps of 64², 512 of 256².
MOST_PIXELS = 2**25
MOST_SIMULATIONS = 256


@dataclass(frozen=True)
class GivenMaps:
    """A file of maps as `focus sample` writes them. `box_size` is None if the file does not contain it."""

    path: Path
    maps: NDArray[np.floating[Any]]
    theta: FloatArray
    box_size: float | None
    sha256: str


def read_given(path: Path, space: ParameterSpace) -> GivenMaps:
    """`maps` (n, N, N), `params` (n, d) or (d,), and `param_names` if they are not in the dataset's order."""
    found = _arrays(path)
    maps = np.asarray(found["maps"])
    if maps.ndim == 4 and maps.shape[1] == 1:
        maps = maps[:, 0]
    if maps.ndim != 3 or maps.shape[1] != maps.shape[2] or 0 in maps.shape or maps.dtype.kind not in "fiu":
        raise UserError(
            f"--maps: {path}: maps have shape {maps.shape} of {maps.dtype}; it must be (n, N, N) of numbers."
        )
    finite = np.isfinite(maps).all(axis=(1, 2))
    if not finite.all():
        raise UserError(
            f"--maps: {path}: map {int(np.flatnonzero(~finite)[0])} has pixels that are not finite; leave it out or "
            "draw it again."
        )
    theta = _theta(found, len(maps), space, path)
    box = float(np.asarray(found["box_size"]).reshape(-1)[0]) if "box_size" in found else math.nan
    return GivenMaps(path, maps, theta, box if math.isfinite(box) else None, sha256_of(path))


def open_data(name: str | None, section: DataSection | None) -> MapDataset:
    """The named dataset, otherwise that of a run's configuration."""
    if name is not None:
        return open_dataset(DataSection(dataset=name), focus_home())
    if section is None:
        raise UserError("--dataset: is needed with --maps: the simulations that the maps are held against.")
    try:
        return open_dataset(section, focus_home())
    except UserError as error:
        raise UserError(f"{error} Or name the dataset with --dataset.") from error


def chosen_split(run: Path | None, dataset: MapDataset) -> Split:
    """The run's split, if it belongs to this dataset; otherwise that of a configuration with default settings."""
    split = None if run is None else read_split(run / SPLIT)
    if split is None:
        return split_rows(dataset.simulation, _TRAIN_SPLIT, _SPLIT_SEED)
    if split.n_rows != dataset.n_rows:
        older = rows_of_older_split(split, dataset.theta)
        if older is None:
            raise UserError(
                f"--dataset: {dataset.name} has {dataset.n_rows} rows of θ and the run's split {split.n_rows}; use "
                "--split all for a dataset that the run was not trained on."
            )
        return older
    return split


def simulations_of(part: str, dataset: MapDataset, run: Path | None) -> NDArray[np.int64]:
    """The simulations of a part, in order."""
    if part == "all":
        return np.arange(dataset.n_simulations)
    rows = np.array(getattr(chosen_split(run, dataset), part), dtype=np.int64)
    return np.unique(dataset.simulation[rows])


def spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of them, evenly spaced."""
    if len(rows) <= most:
        return rows
    return np.asarray(rows[np.unique(np.linspace(0, len(rows) - 1, most).round().astype(np.int64))])


def reference_of(dataset: MapDataset, theta: FloatArray) -> MapSet:
    """The simulations that maps are compared with: those at the maps' own θ first, then others, evenly spaced."""
    own = at_theta(dataset.simulation_theta, theta, dataset.space)
    pixels = float(dataset.maps_each.mean()) * dataset.grid**2
    most = max(2, min(MOST_SIMULATIONS, int(MOST_PIXELS / pixels)))
    first = spread(np.flatnonzero(own), most)
    others = spread(np.flatnonzero(~own), most - len(first)) if len(first) < most else first[:0]
    return map_set(dataset, np.sort(np.concatenate([first, others])))


def at_theta(theta: FloatArray, wanted: FloatArray, space: ParameterSpace) -> NDArray[np.bool_]:
    """Which rows of θ (n, d) are among the wanted ones, to single precision, as in tables."""
    if not len(wanted):
        return np.zeros(len(theta), dtype=np.bool_)
    near, _ = cKDTree(space.to_unit(wanted)).query(space.to_unit(theta), p=np.inf)
    return np.asarray(near <= SAME)


def map_set(dataset: MapDataset, simulations: NDArray[np.int64]) -> MapSet:
    """All maps of these simulations; those of one θ are kept separate, since their initial phases differ."""
    labels = dataset.map_simulation
    rows = [np.flatnonzero(labels == s) for s in simulations.tolist()]
    maps = np.asarray(dataset.maps[np.concatenate(rows)], dtype=np.float64)
    return MapSet(
        maps, np.repeat(np.arange(len(rows)), [len(row) for row in rows]), dataset.simulation_theta[simulations]
    )


def training_of(dataset: MapDataset, simulations: NDArray[np.int64]) -> Training:
    """The maps that a model was trained on, read in place."""
    labels = dataset.map_simulation
    rows = np.flatnonzero(np.isin(labels, simulations))
    return Training(dataset.maps, rows, labels[rows])


def given_set(given: GivenMaps, most: int | None) -> tuple[MapSet, str]:
    """Maps by θ, limited to so many θ and pixels, and a sentence about what was left out."""
    everything = by_theta(given.maps, given.theta)
    pixels = MOST_PIXELS // given.maps.shape[-1] ** 2
    each = len(everything.maps) / everything.n
    simulations = min(everything.n, most or everything.n, max(2, int(pixels / each)))
    rows = spread(np.arange(everything.n), simulations)
    chosen = everything if len(rows) == everything.n else everything.only(rows)
    few = max(1, pixels // chosen.n)
    if len(chosen.maps) > pixels:
        kept = chosen.chosen(few)
        chosen = MapSet(chosen.maps[kept], chosen.simulation[kept], chosen.theta)
    note = (
        f"{len(chosen.maps):,} of the file's {len(given.maps):,} maps are judged, evenly chosen."
        if len(chosen.maps) < len(given.maps)
        else ""
    )
    return MapSet(np.asarray(chosen.maps, dtype=np.float64), chosen.simulation, chosen.theta), note


def digest_of(theta: FloatArray) -> str:
    return hashlib.sha256(np.ascontiguousarray(theta, dtype="<f8").tobytes()).hexdigest()[:16]


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in ("maps", "params") if name not in file]
            if missing:
                raise UserError(
                    f"--maps: {path} has no {' and no '.join(missing)}; it needs maps (n, N, N) and params (n, d), as "
                    "focus sample writes them."
                )
            return {name: file[name] for name in ("maps", "params", "param_names", "box_size") if name in file}
    except FileNotFoundError:
        raise UserError(f"--maps: {path}: there is no such file; check the path.") from None
    except (ValueError, EOFError, OSError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise UserError(f"--maps: {path} is no .npz file of arrays ({error}); write it with numpy.savez.") from error


def _theta(found: dict[str, NDArray[Any]], n: int, space: ParameterSpace, path: Path) -> FloatArray:
    """θ (n, d) in the order of the space."""
    theta = np.asarray(found["params"], dtype=np.float64)
    theta = np.broadcast_to(theta, (n, len(theta))) if theta.ndim == 1 and len(theta) == len(space) else theta
    if theta.ndim != 2 or theta.shape != (n, len(space)):
        raise UserError(
            f"--maps: {path}: params have shape {theta.shape}; {n} maps of {space.name} need ({n}, {len(space)})."
        )
    if not np.isfinite(theta).all():
        raise UserError(f"--maps: {path}: params of map {int(np.argwhere(~np.isfinite(theta))[0, 0])} are not finite.")
    for i, parameter in enumerate(space.parameters):
        if parameter.scaling == "log" and (theta[:, i] <= 0).any():
            raise UserError(
                f"--maps: {path}: {parameter.name} has values that are not positive; its scale is logarithmic."
            )
    if "param_names" not in found:
        return theta
    names = [own_name(str(name)) for name in np.asarray(found["param_names"]).reshape(-1)]
    if sorted(names) != sorted(space.names):
        raise UserError(
            f"--maps: {path}: param_names are {', '.join(names)}; the dataset has {', '.join(space.names)}."
        )
    return theta[:, [names.index(name) for name in space.names]]
