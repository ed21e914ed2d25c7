"""One door to every kind of dataset."""

from __future__ import annotations

import dataclasses
import math
import os
import shlex
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from focus_core.config import PROCESSED, DataSection
from focus_core.data.checks import maps_per_simulation
from focus_core.data.cmd import open_cmd, parse_name
from focus_core.data.dataset import SURFACE_DENSITY, MapDataset
from focus_core.data.files import Table, fingerprint, open_maps, read_table
from focus_core.data.folder import is_folder, open_folder
from focus_core.data.labels import check_columns, check_prior
from focus_core.errors import UserError
from focus_core.parameters import CAMELS_LH6, Parameter, ParameterSpace, parameter_space
from focus_core.paths import datasets_folder, expanded

NORMALISED_MAPS, NORMALISED_PARAMS = "maps_normalized.npy", "params_normalized.npy"


def open_dataset(data: DataSection, home: Path) -> MapDataset:
    """Open what a configuration's data section names; relative paths start at the current folder.

    Nothing is read but headers, labels and 64 sampled maps. Raises UserError for whatever is missing, broken or
    mislabelled.
    """
    if data.dataset is not None:
        return _checked_against(data, open_folder(_dataset_folder(data.dataset, home)))
    if data.data_dir is not None:
        folder = Path(PROCESSED) if data.data_dir == "processed" else expanded(data.data_dir)
        return open_pair(folder / NORMALISED_MAPS, folder / NORMALISED_PARAMS, data.parameter_space, data.box_size)
    if data.maps_path is None or data.params_path is None:
        raise UserError("data: names no maps; give dataset, maps_path with params_path, or data_dir.")
    maps_file, params_file = expanded(data.maps_path), expanded(data.params_path)
    return open_pair(maps_file, params_file, data.parameter_space, data.box_size)


def open_pair(maps_file: Path, params_file: Path, space_name: str | None, box_size: float | None) -> MapDataset:
    """A CMD pair, an already-normalised pair, or any pair whose space and box are said."""
    if parse_name(maps_file) is not None:
        space = parameter_space(space_name) if space_name else CAMELS_LH6
        return open_cmd(maps_file, params_file, space, box_size)
    maps, table = open_maps(maps_file), read_table(params_file)
    normalised = "normali" in maps_file.name.lower()
    if "normali" in params_file.name.lower():
        space = _normalised_space(space_name, table.values)
    elif space_name is None:
        raise UserError(f"data.parameter_space: must be named, for {params_file} does not say what its columns are.")
    else:
        space = parameter_space(space_name)
    check_columns(table, space, params_file)
    check_prior(table.values, space, params_file)
    theta = _one_row_a_simulation(table, len(maps))
    return MapDataset(
        name=maps_file.stem,
        maps=maps,
        theta=theta,
        space=space,
        box_size=box_size,
        unit=None if normalised else SURFACE_DENSITY,
        field="normalised map" if normalised else "surface density",
        redshift=0.0,
        maps_per_simulation=maps_per_simulation(len(maps), len(theta), maps_file, params_file),
        normalised=normalised,
        # Only somebody who gives the side of a periodic box has said that the maps wrap round.
        periodic=box_size is not None,
        provenance={"source": "files", "file": maps_file.name, "bytes": maps_file.stat().st_size},
        digest=fingerprint(maps, params_file),
        maps_file=maps_file,
        params_file=params_file,
    )


def _dataset_folder(name: str, home: Path) -> Path:
    """A dataset of the laboratory by name, or a folder by path; a missing one is told with the command to make it."""
    named, given = datasets_folder(home) / name, expanded(name)
    for folder in (named, given):
        if is_folder(folder):
            return folder
    is_path = os.sep in name or given.is_dir()
    wanted = given if is_path else named
    command = f"focus simulate --out {shlex.quote(str(wanted))} --simulations 64 --grid 64 --box 64 --seed 0"
    state = "is not a complete dataset folder" if wanted.is_dir() else "does not exist"
    raise UserError(f"data.dataset: '{name}' is not there ({wanted} {state}); make it with `{command}`.")


def _checked_against(data: DataSection, dataset: MapDataset) -> MapDataset:
    """What the configuration says beside the name must not contradict the folder."""
    if data.parameter_space is not None and data.parameter_space != dataset.space.name:
        raise UserError(
            f"data.parameter_space: is {data.parameter_space}, but {dataset.name} has {dataset.space.name}; remove it."
        )
    if data.box_size is None or dataset.box_size is None:
        return dataclasses.replace(dataset, box_size=dataset.box_size or data.box_size)
    if not math.isclose(data.box_size, dataset.box_size, rel_tol=1e-9):
        raise UserError(
            f"data.box_size: is {data.box_size:g}, but {dataset.name} was made in {dataset.box_size:g} Mpc/h; "
            "remove it."
        )
    return dataset


def _normalised_space(space_name: str | None, theta: NDArray[np.float64]) -> ParameterSpace:
    """Columns whose scaling is unknown: [−1, 1] as they stand, or the span of the column where they leave that.

    The names of a given space are kept, its ranges are not: a value of 0.2 here is nobody's Ωm.
    """
    if space_name is not None:
        named = parameter_space(space_name)
        if theta.shape[1] != len(named):
            raise UserError(f"data.parameter_space: {space_name} has {len(named)} columns, the file {theta.shape[1]}.")
        labels = [(p.name, p.symbol, p.html, p.tex) for p in named.parameters]
    else:
        labels = [(f"theta_{i}", f"θ{i}", f"θ<sub>{i}</sub>", rf"\theta_{i}") for i in range(1, theta.shape[1] + 1)]
    parameters = tuple(
        Parameter(*label, *_span(column), unit="normalised") for label, column in zip(labels, theta.T, strict=True)
    )
    return ParameterSpace(f"{space_name or 'unnamed'}_normalised", parameters)


def _span(column: NDArray[np.float64]) -> tuple[float, float]:
    low, high = float(column.min()), float(column.max())
    if max(-low, high) <= 1.0 + 1e-6:
        return -1.0, 1.0
    return (low, high) if low < high else (low - 1.0, high + 1.0)


def _one_row_a_simulation(table: Table, n_maps: int) -> NDArray[np.float64]:
    """Files with a row for every map repeat the row of a simulation: sisters are recognised by equal θ.

    Runs of equal rows are cut to their greatest common length, so that neighbours at one θ stay apart.
    """
    theta = table.values
    if len(theta) != n_maps or n_maps < 2:
        return theta
    starts = np.flatnonzero(np.any(theta[1:] != theta[:-1], axis=1)) + 1
    length = math.gcd(*np.diff([0, *starts, n_maps]).tolist())
    return theta[::length]
