"""Files of the CAMELS Multifield Dataset, read in place (arXiv 2109.10915).

`Maps_{field}_{suite}_{set}_z=0.00.npy` holds float32 maps (n_maps, N, N) of a periodic box of 25 Mpc/h, and
`params_{set}_{suite}.txt` one row of θ a simulation; a whole number of consecutive maps belongs to each row.
The built-in simulator writes the same pair and puts its own box side in the suite's name (`Nbody_FOCUSPM-L64n64`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from focus_core.data.checks import maps_per_simulation
from focus_core.data.dataset import SURFACE_DENSITY, MapDataset
from focus_core.data.files import Table, fingerprint, open_maps, read_table
from focus_core.data.labels import check_columns, check_means, check_prior, outside_prior
from focus_core.errors import UserError
from focus_core.parameters import CAMELS_LH6, ParameterSpace

CAMELS_BOX_SIZE = 25.0
BUILT_IN_SUITE = "Nbody_FOCUSPM"

_NAME = re.compile(r"Maps_(?P<field>[A-Za-z]+)_(?P<suite>.+)_(?P<set>[A-Za-z0-9]+)_z=(?P<redshift>\d+\.\d+)\.npy")
_SETS = ("LH", "1P", "CV", "EX", "BE", "SB28")
# One cosmology, the ends of the ranges, and a set that leaves them on purpose: there, out of range is a warning.
_LENIENT_SETS = ("CV", "1P", "EX")
_UNITS = dict.fromkeys(("Mgas", "Mcdm", "Mstar", "Mtot", "HI"), SURFACE_DENSITY) | {
    "Vgas": "km/s",
    "Vcdm": "km/s",
    "T": "K",
    "B": "G",
}
# IllustrisTNG's tables of 1P and SB28 hold the simulation code's own values: 3.6·A_SN1, 7.4·A_SN2, 20·A_AGN2.
_RAW_HEADER = "WindEnergyIn1e51erg"
_RAW_COLUMNS = 28


@dataclass(frozen=True)
class CmdName:
    """The parts of a file name. `box_size` is in Mpc/h."""

    field: str
    suite: str
    set: str
    redshift: float

    @property
    def box_size(self) -> float:
        own = re.fullmatch(rf"{BUILT_IN_SUITE}-L([0-9.]+)n\d+", self.suite)
        return float(own[1]) if own else CAMELS_BOX_SIZE

    @property
    def params_file(self) -> str:
        return f"params_{self.set}_{self.suite}.txt"

    @property
    def maps_file(self) -> str:
        return f"Maps_{self.field}_{self.suite}_{self.set}_z={self.redshift:.2f}.npy"


def parse_name(path: Path) -> CmdName | None:
    """The parts of a CMD file name, or None for any other name."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    if match["set"] not in _SETS:
        raise UserError(f"{path}: the set '{match['set']}' in its name is not known; known are {', '.join(_SETS)}.")
    return CmdName(match["field"], match["suite"], match["set"], float(match["redshift"]))


def open_cmd(
    maps_file: Path, params_file: Path, space: ParameterSpace = CAMELS_LH6, box_size: float | None = None
) -> MapDataset:
    """Open a pair of CMD files with every check of its labels; `box_size` overrides the 25 Mpc/h of CAMELS."""
    name = parse_name(maps_file)
    if name is None:
        raise UserError(f"{maps_file}: is not named like a CMD file, Maps_{{field}}_{{suite}}_{{set}}_z=0.00.npy.")
    maps, table = open_maps(maps_file), read_table(params_file)
    warnings = check_labels(table, name, space, params_file)
    return MapDataset(
        name=maps_file.stem,
        maps=maps,
        theta=table.values,
        space=space,
        box_size=known_box(name, maps_file, box_size),
        unit=_UNITS.get(name.field),
        field=name.field,
        redshift=name.redshift,
        maps_per_simulation=maps_per_simulation(len(maps), len(table.values), maps_file, params_file),
        normalised=False,
        periodic=True,
        provenance=_provenance(name, maps_file),
        digest=fingerprint(maps, params_file),
        maps_file=maps_file,
        params_file=params_file,
        warnings=tuple(warnings),
    )


def known_box(name: CmdName, maps_file: Path, given: float | None) -> float:
    """The box side; what the built-in simulator recorded cannot be contradicted, CAMELS' 25 Mpc/h can."""
    if given is None or given == name.box_size:
        return name.box_size
    if name.suite.startswith(BUILT_IN_SUITE):
        raise UserError(f"data.box_size: is {given:g}, but {maps_file.name} was made in {name.box_size:g} Mpc/h.")
    return given


def check_labels(table: Table, name: CmdName, space: ParameterSpace, source: Path) -> list[str]:
    """Header, columns, ranges and, for LH, column means. Returns warnings where the set may leave the prior."""
    _refuse_raw(table, name, source)
    check_columns(table, space, source)
    _refuse_raw_scale(table.values, name, space, source)
    if name.set in _LENIENT_SETS:
        return outside_prior(table.values, space, source)
    check_prior(table.values, space, source)
    if name.set == "LH":
        check_means(table.values, space, source)
    return []


def _refuse_raw(table: Table, name: CmdName, source: Path) -> None:
    if _RAW_HEADER in (table.header or ()) or table.values.shape[1] == _RAW_COLUMNS or name.set == "SB28":
        raise UserError(_raw_sentence(source, f"{table.values.shape[1]} columns"))


def _refuse_raw_scale(theta: NDArray[np.float64], name: CmdName, space: ParameterSpace, source: Path) -> None:
    """A 1P table varies one parameter at a time, so the median of a column is its fiducial value: 1, or a raw one."""
    if name.set != "1P" or "IllustrisTNG" not in name.suite or space.name != CAMELS_LH6.name:
        return
    for column in ("A_SN2", "A_AGN2"):
        typical = float(np.median(theta[:, space.index(column)]))
        if typical > space.parameters[space.index(column)].maximum:
            raise UserError(_raw_sentence(source, f"{column} is typically {typical:g}"))


def _raw_sentence(source: Path, found: str) -> str:
    return (
        f"{source}: the IllustrisTNG tables of 1P and SB28 hold raw values of the simulation code (3.6·A_SN1, "
        f"7.4·A_SN2, 20·A_AGN2; found: {found}), which FOCUS does not read; convert them to camels_lh6 columns first."
    )


def _provenance(name: CmdName, maps_file: Path) -> dict[str, str | int]:
    """The files of CAMELS were remade in May 2024: size and date tell releases apart where no hash is at hand."""
    source = "FOCUS particle-mesh simulation" if name.suite.startswith(BUILT_IN_SUITE) else "CAMELS Multifield Dataset"
    return {
        "source": source,
        "suite": name.suite,
        "set": name.set,
        "file": maps_file.name,
        "bytes": maps_file.stat().st_size,
    }
