"""One function to open every kind of dataset."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.config.experiment import PROCESSED, DataSection
from focus_core.data.answers import DESCRIBE, NOTHING_SAID, Answers
from focus_core.data.checks import check_slab_depth, maps_per_row
from focus_core.data.cmd import open_cmd, parse_name
from focus_core.data.dataset import SURFACE_DENSITY, MapDataset
from focus_core.data.files import fingerprint, open_maps
from focus_core.data.folder import is_folder, open_folder
from focus_core.data.labels import check_columns, check_prior
from focus_core.data.parameter_tables import read_table
from focus_core.data.stored import MEAN_DENSITY, read_as
from focus_core.errors import UserError
from focus_core.parameters import SPACES, Parameter, ParameterSpace, parameter_space
from focus_core.paths import datasets_folder, expanded
from focus_core.suites import suite_command

NORMALISED_MAPS, NORMALISED_PARAMS = "maps_normalized.npy", "params_normalized.npy"


def open_dataset(data: DataSection, home: Path) -> MapDataset:
    """Open the dataset of a configuration's data section; relative paths start at the current folder.

    Only headers, labels and 64 sampled maps are read. Raises UserError for files that are missing, broken or
    mislabelled.
    """
    if data.dataset is not None:
        return _checked_against(data, open_folder(_dataset_folder(data.dataset, home)))
    answers = answers_of(data)
    if data.data_dir is not None:
        folder = Path(PROCESSED) if data.data_dir == "processed" else expanded(data.data_dir)
        return open_pair(folder / NORMALISED_MAPS, folder / NORMALISED_PARAMS, answers)
    if data.maps_path is None or data.params_path is None:
        raise UserError("data: names no maps; give dataset, maps_path with params_path, or data_dir.")
    return open_pair(expanded(data.maps_path), expanded(data.params_path), answers)


def answers_of(data: DataSection) -> Answers:
    """Facts about the files in a configuration."""
    return Answers(data.parameter_space, data.box_size, data.slab_depth, data.stored_as, data.independent_realisations)


def is_normalised(file: Path) -> bool:
    """Whether a file of a pair holds normalised values: its name says so."""
    return "normali" in file.name.lower()


def open_pair(maps_file: Path, params_file: Path, answers: Answers = NOTHING_SAID) -> MapDataset:
    """A CMD pair, an already-normalised pair, or any pair with a given space and box."""
    if parse_name(maps_file) is not None:
        return open_cmd(maps_file, params_file, answers)
    maps, table = read_as(open_maps(maps_file), answers.stored_as, maps_file), read_table(params_file)
    normalised = is_normalised(maps_file)
    if is_normalised(params_file):
        space = _normalised_space(answers.space, table.values)
    elif answers.space is None:
        raise UserError(
            f"data.parameter_space: must be named, for {params_file} does not say what its columns are; known are "
            f"{', '.join(SPACES)}. For other parameters, {DESCRIBE}."
        )
    else:
        space = parameter_space(answers.space)
    check_columns(table, space, params_file)
    check_prior(table.values, space, params_file)
    if answers.slab_depth is not None:
        check_slab_depth(answers.slab_depth, answers.box_size)
    return MapDataset(
        name=maps_file.stem,
        maps=maps,
        theta=table.values,
        space=space,
        box_size=answers.box_size,
        unit=_unit(answers, normalised),
        field="normalised map" if normalised else "surface density",
        redshift=0.0,
        maps_per_row=maps_per_row(len(maps), len(table.values), maps_file, params_file),
        normalised=normalised,
        # Only a given side of a periodic box states that the maps wrap round.
        periodic=answers.box_size is not None,
        provenance={"source": "files", "file": maps_file.name, "bytes": maps_file.stat().st_size},
        digest=fingerprint(maps, params_file, answers.stored_as),
        maps_file=maps_file,
        params_file=params_file,
        slab_depth=answers.slab_depth,
        stored_as=answers.stored_as,
        independent_realisations=_SAID if answers.independent_realisations else "",
    )


_SAID = "data.independent_realisations says so"


def _unit(answers: Answers, normalised: bool) -> str | None:
    if normalised:
        return None
    return MEAN_DENSITY if answers.stored_as == "overdensity" else SURFACE_DENSITY


def _dataset_folder(name: str, home: Path) -> Path:
    """A dataset of the laboratory by name, or a folder by path; a missing one is reported with the command for it."""
    named, given = datasets_folder(home) / name, expanded(name)
    for folder in (named, given):
        if is_folder(folder):
            return folder
    is_path = os.sep in name or given.is_dir()
    wanted = given if is_path else named
    state = "is not a complete dataset folder" if wanted.is_dir() else "does not exist"
    raise UserError(f"data.dataset: '{name}' is not there ({wanted} {state}); make it with `{suite_command(wanted)}`.")


def _checked_against(data: DataSection, dataset: MapDataset) -> MapDataset:
    """Further keys of the configuration beside the name must not contradict the folder."""
    if data.parameter_space is not None and data.parameter_space != dataset.space.name:
        raise UserError(
            f"data.parameter_space: is {data.parameter_space}, but {dataset.name} has {dataset.space.name}; remove it."
        )
    return with_answers(dataset, answers_of(data))


def with_answers(dataset: MapDataset, answers: Answers) -> MapDataset:
    """Facts that a folder leaves open, as given by the user; UserError for contradictions."""
    changes = {key: _agreed(key, getattr(answers, key), getattr(dataset, key), dataset.name) for key in _LENGTHS}
    if answers.slab_depth is not None:
        check_slab_depth(answers.slab_depth, changes["box_size"])
    if answers.stored_as is not None and answers.stored_as != dataset.stored_as:
        if dataset.stored_as is not None:
            raise UserError(
                f"data.stored_as: is {answers.stored_as}, but {dataset.name} holds {dataset.stored_as}; remove it."
            )
        changes |= {"maps": read_as(dataset.maps, answers.stored_as, dataset.maps_file), "stored_as": answers.stored_as}
        changes["unit"] = MEAN_DENSITY if answers.stored_as == "overdensity" else dataset.unit
    if answers.independent_realisations is not None:
        changes["independent_realisations"] = _SAID if answers.independent_realisations else ""
    return dataclasses.replace(dataset, **changes)


_LENGTHS = ("box_size", "slab_depth")


def _agreed(key: str, given: float | None, known: float | None, name: str) -> Any:
    """One of the two lengths [Mpc/h]; UserError where they contradict each other."""
    if given is None or known is None:
        return known or given
    if not math.isclose(given, known, rel_tol=1e-9):
        made = "was made in" if key == "box_size" else "has slabs of"
        raise UserError(f"data.{key}: is {given:g}, but {name} {made} {known:g} Mpc/h; remove it.")
    return known


def _normalised_space(space_name: str | None, theta: NDArray[np.float64]) -> ParameterSpace:
    """Columns of unknown scaling: [−1, 1] unchanged, or the span of the column if it exceeds that.

    The names of a given space are kept, its ranges are not: a value of 0.2 here is not Ωm.
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
