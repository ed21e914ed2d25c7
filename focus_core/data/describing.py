"""A dataset folder for data without a description: any number of parameters, with any names.

Maps stay where they are and are linked; the table is rewritten under the names of its parameters.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from focus_core.data.checks import check_slab_depth, maps_per_row
from focus_core.data.cmd import UNITS, CmdName, parse_name
from focus_core.data.column_names import own_name
from focus_core.data.containers import CONTAINERS
from focus_core.data.dataset import SURFACE_DENSITY, MapDataset
from focus_core.data.files import open_maps, sha256_of
from focus_core.data.folder import (
    DESCRIPTION,
    MAPS,
    PARAMS,
    Description,
    is_folder,
    maps_in,
    open_folder,
    write_description,
    write_params,
)
from focus_core.data.parameter_tables import Table, read_table, unreadable_name
from focus_core.errors import UserError
from focus_core.parameters import SPACES, Parameter, ParameterSpace, Scaling
from focus_core.paths import check_folder
from focus_core.schema.fields import StoredAs
from focus_core.suites import check_dataset_name

# A column of one value cannot be a condition; a range ends at so many significant digits beyond the data.
_RANGE_DIGITS = 4
# With fewer rows, parameters may be consecutive numbers by chance.
_FEWEST_NUMBERED = 6


@dataclass(frozen=True)
class Facts:
    """Facts about the data given by a user; None and () stand for what the files say, or nothing. Lengths in Mpc/h.

    `names` are those of the table's columns, in order; `ranges` and `fixed` are by name.
    """

    name: str | None = None
    field: str | None = None
    unit: str | None = None
    redshift: float | None = None
    box_size: float | None = None
    slab_depth: float | None = None
    stored_as: StoredAs | None = None
    independent_realisations: bool = False
    periodic: bool | None = None
    normalised: bool = False
    names: Sequence[str] = ()
    ranges: Mapping[str, tuple[float, float, Scaling]] = dataclasses.field(default_factory=dict)
    fixed: Mapping[str, float] = dataclasses.field(default_factory=dict)


def describe(
    folder: Path, maps: Path | None, table: Path | None, facts: Facts, hashed: Callable[[int], None] | None = None
) -> MapDataset:
    """Write the files that make `folder` a dataset folder, and open it; without `maps` and `table`, its own are used.

    `hashed(bytes)` is called as the maps are hashed, and may raise. UserError, before anything is written, for facts
    that the files contradict.
    """
    if is_folder(folder):
        raise UserError(f"{folder / DESCRIPTION}: is there already; edit it, or choose another folder.")
    maps_file = _own_maps(folder) if maps is None else maps
    table_file = folder / PARAMS if table is None else table
    pixels, read = open_maps(maps_file), read_table(table_file)
    each = maps_per_row(len(pixels), len(read.values), maps_file, table_file)
    space, theta = space_of(read, table_file, facts)
    about = _description(folder, maps_file, space, each, facts)
    check_folder(folder, "folder")
    folder.mkdir(parents=True, exist_ok=True)
    linked = linked_maps(folder, maps_file)
    write_params(folder / PARAMS, theta, space)
    hashes = {linked.name: sha256_of(linked, hashed), PARAMS: sha256_of(folder / PARAMS)}
    write_description(folder, about, hashes)
    return open_folder(folder)


def space_of(table: Table, source: Path, facts: Facts) -> tuple[ParameterSpace, NDArray[np.float64]]:
    """The space of the columns that vary, with the data's own span where no range is given, and θ in it.

    A column of one value becomes a fixed value, unless a range declares it a parameter.
    """
    names = tuple(facts.names) or tuple(map(own_name, table.header or ()))
    width = table.values.shape[1]
    if len(names) != width:
        said = f"{len(names)} names are given" if names else "it has no header"
        raise UserError(f"--columns: {source} has {width} columns and {said}; name each of them, in order.")
    for name in facts.ranges:
        if name not in names:
            raise UserError(f"--range: '{name}' is no column of {source}; they are {', '.join(names)}.")
    if (wrong := unreadable_name(names)) is not None:
        raise UserError(
            f"--columns: '{wrong}' of {source} cannot name a parameter, for no table that FOCUS writes could say it; "
            "name the columns by words without # ; or quotes, in order."
        )
    columns = dict(zip(names, table.values.T, strict=True))
    varied = [name for name in names if name in facts.ranges or float(np.ptp(columns[name])) > 0.0]
    if not varied:
        raise UserError(
            f"--range: no column of {source} varies, so there is nothing to condition on; say the range of one, "
            f"{names[0]}=MIN:MAX."
        )
    _refuse_numbers_of_rows({name: columns[name] for name in varied if name not in facts.ranges}, source)
    fixed = {name: float(columns[name][0]) for name in names if name not in varied} | dict(facts.fixed)
    try:
        parameters = tuple(_parameter(name, columns[name], facts.ranges.get(name)) for name in varied)
        space = ParameterSpace(f"{facts.name or 'own'}_{len(varied)}", parameters, fixed)
    except ValueError as error:
        raise UserError(f"--range: {error}.") from error
    return space, np.stack([columns[name] for name in varied], axis=1)


def _refuse_numbers_of_rows(columns: Mapping[str, NDArray[np.float64]], source: Path) -> None:
    """A row number beside a name that contains a blank looks like two columns with one name each."""
    for name, column in columns.items():
        if len(column) >= _FEWEST_NUMBERED and np.array_equal(column, column[0] + np.arange(len(column))):
            raise UserError(
                f"--range: the column {name} of {source} numbers its rows, {column[0]:g} to {column[-1]:g}, and is no "
                f"parameter; take it out (names with blanks in them need quotes), or say {name}=MIN:MAX if it is one."
            )


def range_of(text: str) -> tuple[str, tuple[float, float, Scaling]]:
    """ "A_SN1=0.25:4:log" as a name, its ends and their scaling."""
    name, _, ends = text.partition("=")
    parts = [part.strip() for part in ends.split(":")]
    if len(parts) not in (2, 3) or (len(parts) == 3 and parts[2] not in ("log", "linear")):
        raise UserError(f"--range: '{text}' is not of the form NAME=MIN:MAX or NAME=MIN:MAX:log.")
    scaling: Scaling = "log" if parts[2:] == ["log"] else "linear"
    return name.strip(), (number_of(parts[0], "--range"), number_of(parts[1], "--range"), scaling)


def fixed_of(text: str) -> tuple[str, float]:
    """ "Omega_b=0.049" as a name and its value."""
    name, separator, value = (part.strip() for part in text.partition("="))
    if not separator or not name:
        raise UserError(f"--fixed: '{text}' is not of the form NAME=VALUE.")
    return name, number_of(value, "--fixed")


def number_of(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{option}: '{text}' is not a number.") from None


def _parameter(name: str, column: NDArray[np.float64], given: tuple[float, float, Scaling] | None) -> Parameter:
    """Label and scaling of the shipped parameter of that name, if there is one."""
    known = next((p for space in SPACES.values() for p in space.parameters if p.name == name), None)
    low, high, scaling = given or (*_span(column), known.scaling if known and (column > 0).all() else "linear")
    if known is not None:
        return Parameter(name, known.symbol, known.html, known.tex, low, high, scaling, known.unit)
    return Parameter(name, name, escape(name), rf"\mathrm{{{_tex(name)}}}", low, high, scaling)


def _tex(name: str) -> str:
    """TeX that shows exactly this name: a column may have any name, and a $ would end the formula."""
    return "".join(c if c.isalnum() else rf"\{c}" if c in "_ " else rf'{{\char"{ord(c):X}}}' for c in name)


def _span(column: NDArray[np.float64]) -> tuple[float, float]:
    """Span of the data, rounded outwards; a column of one value gets the smallest range around it."""
    low, high = float(column.min()), float(column.max())
    if low == high:
        return low - abs(low) * 0.01 - 1e-6, high + abs(high) * 0.01 + 1e-6
    step = 10.0 ** (math.floor(math.log10(high - low)) + 1 - _RANGE_DIGITS)
    ends = math.floor(low / step) * step, math.ceil(high / step) * step
    rounded = (float(f"{ends[0]:.10g}"), float(f"{ends[1]:.10g}"))
    return (low if low > 0 >= rounded[0] else rounded[0]), rounded[1]


def _description(folder: Path, maps_file: Path, space: ParameterSpace, each: int, facts: Facts) -> Description:
    name = _cmd_name(maps_file)
    field_name = facts.field or (name.field if name else None) or "surface density"
    unit = facts.unit or UNITS.get(field_name) or (SURFACE_DENSITY if facts.field is None else None)
    if facts.slab_depth is not None:
        check_slab_depth(facts.slab_depth, facts.box_size)
    called = facts.name or folder.resolve().name
    check_dataset_name(called)
    redshift = facts.redshift if facts.redshift is not None else (name.redshift if name else 0.0)
    return Description(
        name=called,
        field="normalised map" if facts.normalised and facts.field is None else field_name,
        unit=None if facts.normalised else unit,
        box_size=facts.box_size,
        redshift=redshift,
        maps_per_simulation=each,
        space=space,
        periodic=facts.box_size is not None if facts.periodic is None else facts.periodic,
        normalised=facts.normalised,
        provenance={"source": "files", "maps": str(maps_file.resolve()), "bytes": maps_file.stat().st_size},
        slab_depth=facts.slab_depth,
        stored_as=facts.stored_as,
        independent_realisations=facts.independent_realisations,
    )


def _cmd_name(maps_file: Path) -> CmdName | None:
    """The parts of a CMD name; None for another name, including an unknown set."""
    try:
        return parse_name(maps_file)
    except UserError:
        return None


def _own_maps(folder: Path) -> Path:
    file = maps_in(folder)
    if not file.is_file():
        raise UserError(f"--maps: {folder} holds no {MAPS}; name the file of maps.")
    return file


def linked_maps(folder: Path, maps_file: Path) -> Path:
    """The maps under the name that a dataset folder gives them, as a link to their place."""
    suffix = maps_file.suffix.lower()
    link = (folder / MAPS).with_suffix(suffix if suffix in CONTAINERS else ".npy")
    if link.exists() and link.samefile(maps_file):
        return link
    if link.exists() or link.is_symlink():
        raise UserError(f"{link}: is there already, and is not {maps_file}; choose another folder.")
    link.symlink_to(maps_file.resolve())
    return link
