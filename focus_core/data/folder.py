"""The standard dataset folder: `maps.npy`, `params.csv` and `dataset.yaml`, which is written last and completes it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from focus_core.data.checks import check_slab_depth, maps_per_row
from focus_core.data.cmd import realisations_of_suite
from focus_core.data.containers import CONTAINERS
from focus_core.data.dataset import MapDataset
from focus_core.data.files import open_maps, sha256_of
from focus_core.data.labels import check_columns, check_prior
from focus_core.data.parameter_tables import read_table, table_text
from focus_core.data.simulations import blocks_of_one
from focus_core.data.stored import MEAN_DENSITY, read_as
from focus_core.disk.atomic import replacing, write_text
from focus_core.errors import UserError
from focus_core.parameters import ParameterSpace
from focus_core.schema.fields import Integer, Number, StoredAs, Text
from focus_core.schema.messages import LARGEST_BOX, first_mistake
from focus_core.schema.yaml_text import parse_yaml, read_text

MAPS, PARAMS, DESCRIPTION = "maps.npy", "params.csv", "dataset.yaml"


@dataclass(frozen=True)
class Description:
    """The content of `dataset.yaml` besides the hashes. `box_size` and `slab_depth` in Mpc/h.

    `maps_per_simulation` counts the maps of a row of the table, which is a simulation unless the table repeats θ.
    """

    name: str
    field: str
    unit: str | None
    box_size: float | None
    redshift: float
    maps_per_simulation: int
    space: ParameterSpace
    periodic: bool = True
    normalised: bool = False
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    slab_depth: float | None = None
    stored_as: StoredAs | None = None
    independent_realisations: bool = False


class _DescriptionFile(BaseModel):
    """The keys of `dataset.yaml`, which users write and edit by hand: each is checked when the folder is opened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[Text, Field(min_length=1)]
    field: Text
    unit: Text | None = None
    box_size: Annotated[Number, Field(gt=0, le=LARGEST_BOX)] | None = None
    redshift: Annotated[Number, Field(gt=-1)]
    maps_per_simulation: Annotated[Integer, Field(ge=1)]
    periodic: bool = True
    normalised: bool = False
    parameter_space: ParameterSpace
    slab_depth: Annotated[Number, Field(gt=0, le=LARGEST_BOX)] | None = None
    stored_as: StoredAs | None = None
    independent_realisations: bool = False
    provenance: dict[Text, Any] | None = None
    sha256: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] | None = None

    def description(self) -> Description:
        return Description(
            name=self.name,
            field=self.field,
            unit=self.unit,
            box_size=self.box_size,
            redshift=self.redshift,
            maps_per_simulation=self.maps_per_simulation,
            space=self.parameter_space,
            periodic=self.periodic,
            normalised=self.normalised,
            provenance=self.provenance or {},
            slab_depth=self.slab_depth if self.slab_depth is not None else _older_depth(self.provenance or {}),
            stored_as=self.stored_as,
            independent_realisations=self.independent_realisations,
        )


def write_maps(path: Path, pieces: Iterable[NDArray[np.float32]], shape: tuple[int, ...]) -> None:
    """Write a .npy of float32 maps piece by piece, so that no more than one piece is ever in memory.

    Not with `np.save`, which silently loses the end of an array if the disk is full (it ignores the last flush).
    """
    with replacing(path) as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for piece in pieces:
            file.write(np.ascontiguousarray(piece, dtype="<f4").data)


def write_folder(
    folder: Path, pieces: Iterable[NDArray[np.float32]], grid: int, theta: NDArray[np.float64], about: Description
) -> None:
    """Write a dataset folder from maps in the order of the simulations and θ (n_simulations, d)."""
    folder.mkdir(parents=True, exist_ok=True)
    write_maps(folder / MAPS, pieces, (len(theta) * about.maps_per_simulation, grid, grid))
    write_params(folder / PARAMS, theta, about.space)
    write_description(folder, about)


def write_params(path: Path, theta: NDArray[np.float64], space: ParameterSpace) -> None:
    """θ (n_simulations, d), exactly, under the names of the space."""
    write_text(path, table_text(space.names, theta))


def write_description(folder: Path, about: Description, hashes: Mapping[str, str] | None = None) -> None:
    """`dataset.yaml` of a folder with maps and parameters in place; `hashes` if they are already known."""
    plain = {
        "name": about.name,
        "field": about.field,
        "unit": about.unit,
        "box_size": about.box_size,
        "redshift": about.redshift,
        "maps_per_simulation": about.maps_per_simulation,
        "periodic": about.periodic,
        "normalised": about.normalised,
        **_later_keys(about),
        "parameter_space": about.space.to_dict(),
        "provenance": dict(about.provenance),
        "sha256": dict(hashes or {file.name: sha256_of(file) for file in (maps_in(folder), folder / PARAMS)}),
    }
    write_text(folder / DESCRIPTION, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def _later_keys(about: Description) -> dict[str, Any]:
    """Keys that not every dataset has."""
    keys = ("slab_depth", "stored_as", "independent_realisations")
    return {key: getattr(about, key) for key in keys if getattr(about, key)}


def maps_in(folder: Path) -> Path:
    """The file of maps in a dataset folder: maps.npy, or its counterpart in another format."""
    others = [file for suffix in CONTAINERS if (file := (folder / MAPS).with_suffix(suffix)).is_file()]
    return folder / MAPS if (folder / MAPS).is_file() or len(others) != 1 else others[0]


def open_folder(folder: Path) -> MapDataset:
    """Open a dataset folder; the labels are verified against their recorded hash, the maps by `focus data check`."""
    file = _read_file(folder)
    about, recorded = file.description(), file.sha256 or {}
    maps_file, params_file = maps_in(folder), folder / PARAMS
    maps, table = read_as(open_maps(maps_file), about.stored_as, maps_file), read_table(params_file)
    check_columns(table, about.space, params_file)
    check_prior(table.values, about.space, params_file)
    found = maps_per_row(len(maps), len(table.values), maps_file, params_file)
    rows_each = about.maps_per_simulation // found
    if found * rows_each != about.maps_per_simulation or not blocks_of_one(table.values, rows_each):
        raise UserError(
            f"{folder / DESCRIPTION}: maps_per_simulation is {about.maps_per_simulation}, but {maps_file.name} and "
            f"{PARAMS} hold {found} maps a row."
        )
    if PARAMS in recorded and recorded[PARAMS] != sha256_of(params_file):
        raise UserError(f"{params_file}: was changed since {DESCRIPTION} recorded its sha256; restore or remake it.")
    if about.slab_depth is not None:
        check_slab_depth(about.slab_depth, about.box_size)
    said = f"{DESCRIPTION} says so" if about.independent_realisations else ""
    return MapDataset(
        name=about.name,
        maps=maps,
        theta=table.values,
        space=about.space,
        box_size=about.box_size,
        unit=MEAN_DENSITY if about.stored_as == "overdensity" else about.unit,
        field=about.field,
        redshift=about.redshift,
        maps_per_row=found,
        normalised=about.normalised,
        periodic=about.periodic,
        provenance=dict(about.provenance),
        digest=_digest(recorded, folder),
        maps_file=maps_file,
        params_file=params_file,
        slab_depth=about.slab_depth,
        stored_as=about.stored_as,
        # A table with one row per map, of simulations in consecutive order: the position identifies the boxes of one θ.
        rows_per_simulation=rows_each if rows_each > 1 else None,
        independent_realisations=said or realisations_of_suite(about.provenance, len(table.values), DESCRIPTION),
    )


def _older_depth(provenance: Mapping[str, Any]) -> float | None:
    """Suites of earlier versions wrote it as text: "16 Mpc/h"."""
    number, _, unit = str(provenance.get("slab_depth", "")).partition(" ")
    try:
        depth = float(number)
    except ValueError:
        return None
    return depth if unit == "Mpc/h" and 0 < depth <= LARGEST_BOX else None


def is_folder(path: Path) -> bool:
    return (path / DESCRIPTION).is_file()


def read_description(folder: Path, file: str = DESCRIPTION) -> dict[str, Any]:
    """`dataset.yaml` (or another YAML file of the folder) as plain values."""
    path = folder / file
    if not path.is_file():
        raise UserError(f"{path}: there is no such file, so {folder} is not a (complete) dataset folder.")
    plain, _ = parse_yaml(read_text(path), str(path))
    if not isinstance(plain, dict):
        raise UserError(f"{path}: is not a description of a dataset, which has keys such as name and box_size.")
    return plain


def recorded_hashes(folder: Path) -> dict[str, str]:
    """File name → sha256, as recorded in `dataset.yaml`."""
    return dict(_read_file(folder).sha256 or {})


def _read_file(folder: Path) -> _DescriptionFile:
    try:
        return _DescriptionFile.model_validate(read_description(folder))
    except ValidationError as error:
        raise UserError(f"{folder / DESCRIPTION}: {first_mistake(error)}") from error


def _digest(recorded: Mapping[str, str], folder: Path) -> str:
    """Of the two recorded hashes; a hand-written folder without them is hashed as a whole, once per opening."""
    pair = [recorded.get(file.name) or sha256_of(file) for file in (maps_in(folder), folder / PARAMS)]
    return "sha256:" + hashlib.sha256(" ".join(pair).encode()).hexdigest()
