"""Files of the CAMELS Multifield Dataset, read in place (arXiv 2109.10915).

`Maps_{field}_{suite}_{set}_z=0.00.npy` holds float32 maps (n_maps, N, N) of a periodic box of 25 Mpc/h, and
`params_{set}_{suite}.txt` one row of θ a simulation; a whole number of consecutive maps belongs to each row.
The built-in simulator writes the same pair and puts its own box side in the suite's name (`Nbody_FOCUSPM-L64n64`).
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.data.answers import DESCRIBE, NOTHING_SAID, Answers
from focus_core.data.camels import (
    LENIENT_SETS,
    MAPS_PER_SIMULATION,
    Suite,
    independent_by_name,
    is_known_set,
    sobol_parameters,
)
from focus_core.data.checks import check_slab_depth, maps_per_row
from focus_core.data.dataset import SURFACE_DENSITY, MapDataset
from focus_core.data.files import fingerprint, open_maps
from focus_core.data.labels import check_columns, check_means, check_prior, outside_prior
from focus_core.data.parameter_tables import Table, read_table
from focus_core.data.simulations import blocks_of_one
from focus_core.data.stored import MEAN_DENSITY, read_as
from focus_core.errors import UserError
from focus_core.parameters import CAMELS_LH6, CAMELS_NBODY2, ParameterSpace, parameter_space
from focus_core.schema.yaml_text import parse_yaml, read_text

PROVENANCE = "provenance.yaml"  # beside the pairs of the built-in simulator

_NAME = re.compile(r"Maps_(?P<field>[A-Za-z]+)_(?P<suite>.+)_(?P<set>[A-Za-z0-9]+)_z=(?P<redshift>\d+\.\d+)\.npy")
UNITS = dict.fromkeys(("Mgas", "Mcdm", "Mstar", "Mtot", "HI"), SURFACE_DENSITY) | {
    "Vgas": "km/s",
    "Vcdm": "km/s",
    "T": "K",
    "B": "G",
}
# IllustrisTNG's tables of 1P and SB28 contain the simulation code's own values: 3.6·A_SN1, 7.4·A_SN2, 20·A_AGN2.
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
    def about(self) -> Suite:
        return Suite(self.suite)

    @property
    def box_size(self) -> float:
        return self.about.box_size

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
    if not is_known_set(match["set"]):
        raise UserError(
            f"{path}: the set '{match['set']}' in its name is not known; known are LH, 1P, CV, EX, BE and SB with a "
            f"number. Give the file another name and {DESCRIBE}."
        )
    return CmdName(match["field"], match["suite"], match["set"], float(match["redshift"]))


def open_cmd(maps_file: Path, params_file: Path, answers: Answers = NOTHING_SAID) -> MapDataset:
    """Open a pair of CMD files with every check of its labels; facts that the names leave open must be given."""
    name = parse_name(maps_file)
    if name is None:
        raise UserError(f"{maps_file}: is not named like a CMD file, Maps_{{field}}_{{suite}}_{{set}}_z=0.00.npy.")
    maps, table = read_as(open_maps(maps_file), answers.stored_as, maps_file), read_table(params_file)
    space = name.about.space if answers.space is None else parameter_space(answers.space)
    table, remarks = _used_columns(table, name, space)
    warnings = check_labels(table, name, space, params_file)
    if name.about.is_nbody and space != CAMELS_NBODY2:
        warnings.append(f"{params_file}: N-body maps know only Omega_m and sigma_8; the other labels have no effect.")
    each = maps_per_row(len(maps), len(table.values), maps_file, params_file)
    box, depth, doubts = _box_and_depth(name, maps_file, answers, each)
    independent, rows_each = _independence(name, maps_file, table.values, each, answers)
    dataset = MapDataset(
        name=maps_file.stem,
        maps=maps,
        theta=table.values,
        space=space,
        box_size=box,
        unit=MEAN_DENSITY if answers.stored_as == "overdensity" else UNITS.get(name.field),
        field=name.field,
        redshift=name.redshift,
        maps_per_row=each,
        normalised=False,
        periodic=True,
        provenance=_provenance(name, maps_file),
        digest=fingerprint(maps, params_file, answers.stored_as),
        maps_file=maps_file,
        params_file=params_file,
        warnings=(*warnings, *doubts),
        remarks=remarks,
        slab_depth=depth,
        stored_as=answers.stored_as,
        independent_realisations=independent,
        rows_per_simulation=rows_each,
    )
    return dataclasses.replace(dataset, warnings=(*dataset.warnings, *_doubts_of_number(dataset, name)))


def known_box(name: CmdName, maps_file: Path, given: float | None) -> float:
    """The box side; a side stated in the name, or known for the suite, cannot be contradicted."""
    suite = name.about
    if given is None or math.isclose(given, name.box_size, rel_tol=1e-9):
        return name.box_size
    if suite.stated_box is not None or suite.is_official:
        unit = " (25000 is that in kpc/h)" if math.isclose(given, 1e3 * name.box_size) else ""
        raise UserError(
            f"data.box_size: is {given:g}, but {maps_file.name} was made in {name.box_size:g} Mpc/h{unit}; leave it "
            "out, or give the file the name of its own suite."
        )
    return given


def _box_and_depth(
    name: CmdName, maps_file: Path, answers: Answers, each: int
) -> tuple[float, float | None, tuple[str, ...]]:
    """Box side and depth of a slab [Mpc/h], and doubts about them. UserError if one is unknown."""
    suite, box = name.about, known_box(name, maps_file, answers.box_size)
    depth = answers.slab_depth
    if depth is None:
        depth = suite.slab_depth if box == suite.box_size else None
    if depth is None and suite.is_built_in and each % 3 == 0:
        depth = 3.0 * box / each  # its slabs along three axes, each row a simulation
    if depth is None and not suite.is_built_in:
        raise UserError(
            f"data.slab_depth: {maps_file.name} is of a box of {box:g} Mpc/h, whose slabs are of unknown depth; only "
            "those of CAMELS in 25 Mpc/h are known, 5 Mpc/h deep. Give data.box_size and data.slab_depth [Mpc/h]."
        )
    if depth is not None:
        check_slab_depth(depth, box)
    doubts = []
    if not (suite.is_official or suite.is_built_in or suite.stated_box or answers.box_size):
        doubts.append(
            f"{maps_file}: '{suite.name}' is no suite of CAMELS that is known; a box of {box:g} Mpc/h and slabs of "
            f"{depth:g} Mpc/h are taken from the kind of name. Give data.box_size and data.slab_depth if they differ."
        )
    if suite.is_official and answers.slab_depth not in (None, suite.slab_depth):
        doubts.append(f"{maps_file}: slabs of CAMELS are {suite.slab_depth:g} Mpc/h deep; {depth:g} was given.")
    return box, depth, tuple(doubts)


def _independence(
    name: CmdName, maps_file: Path, theta: NDArray[np.float64], each: int, answers: Answers
) -> tuple[str, int | None]:
    """Why rows of one θ are separate boxes ("" if they are not), and the rows per box if the order determines them."""
    if answers.independent_realisations is False:
        return "", None
    said = "data.independent_realisations says so" if answers.independent_realisations else ""
    said = said or _recorded_realisations(name, maps_file, len(theta)) or independent_by_name(name.about, name.set)
    if said and each == 1 and not name.about.is_built_in:
        # One row per map: in an official set the position of a map determines its box.
        if blocks_of_one(theta, MAPS_PER_SIMULATION):
            return said, MAPS_PER_SIMULATION
        return (said, None) if answers.independent_realisations else ("", None)
    return said, None


def _recorded_realisations(name: CmdName, maps_file: Path, n_rows: int) -> str:
    """For a FOCUS suite: its provenance records how often each θ was run, and the total number of boxes."""
    path = maps_file.with_name(PROVENANCE)
    if not (name.about.is_built_in and path.is_file()):
        return ""
    plain, _ = parse_yaml(read_text(path), str(path))
    provenance = plain.get("provenance") if isinstance(plain, dict) else None
    return realisations_of_suite(provenance if isinstance(provenance, dict) else {}, n_rows, PROVENANCE)


def realisations_of_suite(provenance: Mapping[str, Any], n_rows: int, source: str) -> str:
    """The words for a FOCUS suite that repeats θ with other phases, "" if it does not or the number of rows differs."""
    suite = provenance.get("suite")
    if not isinstance(suite, dict):
        return ""
    each, points = suite.get("realisations"), suite.get("simulations")
    if not (isinstance(each, int) and isinstance(points, int)) or each < 2 or each * points != n_rows:
        return ""
    return f"{source} says that each θ was run with {each} initial phases"


def _doubts_of_number(dataset: MapDataset, name: CmdName) -> tuple[str, ...]:
    """Official sets have 15 maps per simulation: fewer are a part of a set, more mean labels with too few rows."""
    if not name.about.is_official or name.set in ("BE",):
        return ()
    most = dataset.maps_per_row if dataset.maps_per_row > 1 else int(dataset.maps_each.max())
    if most > MAPS_PER_SIMULATION and not (dataset.maps_per_row == 1 and name.set == "CV"):
        raise UserError(
            f"{dataset.params_file}: gives {most} maps to a simulation, but official sets have {MAPS_PER_SIMULATION}: "
            f"{dataset.n_maps} maps need a table of {-(-dataset.n_maps // MAPS_PER_SIMULATION)} simulations. It looks "
            "cut, or is of another set; take the set's own table."
        )
    if most < MAPS_PER_SIMULATION:
        return (
            f"{dataset.maps_file}: has {most} maps of a simulation, but official sets have {MAPS_PER_SIMULATION}: "
            "maps were left out, or the table is of another set.",
        )
    return ()


def _used_columns(table: Table, name: CmdName, space: ParameterSpace) -> tuple[Table, tuple[str, ...]]:
    """N-body sets keep six columns, of which the space takes the first two."""
    if space != CAMELS_NBODY2 or table.values.shape[1] != len(CAMELS_LH6):
        return table, ()
    kept = len(space)
    header = None if table.header is None else table.header[:kept]
    remark = (
        "only Omega_m and sigma_8 have an effect in N-body maps and are learned; the other columns of the table are "
        "left out"
    )
    return Table(header, table.values[:, :kept]), (remark,)


def check_labels(table: Table, name: CmdName, space: ParameterSpace, source: Path) -> list[str]:
    """Header, columns, ranges and, for LH, column means. Returns warnings for sets that may leave the prior."""
    _refuse_raw(table, name, source)
    check_columns(table, space, source)
    _refuse_raw_scale(table.values, name, space, source)
    if name.set in LENIENT_SETS:
        return outside_prior(table.values, space, source)
    check_prior(table.values, space, source)
    return check_means(table.values, space, source) if name.set == "LH" else []


def _refuse_raw(table: Table, name: CmdName, source: Path) -> None:
    found, many = table.values.shape[1], sobol_parameters(name.set)
    if _RAW_HEADER in (table.header or ()) or found == _RAW_COLUMNS or name.set == "SB28":
        raise UserError(_raw_sentence(source, f"{found} columns"))
    if many is not None or name.about.has_own_parameters:
        what = f"the set {name.set} varies {many} parameters" if many else f"{name.suite} has parameters of its own"
        raise UserError(
            f"{source}: {what}, for which FOCUS ships no names and ranges; {DESCRIBE}, which takes any number of them."
        )


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
        f"7.4·A_SN2, 20·A_AGN2; found: {found}), which are not camels_lh6; convert them to its columns, or {DESCRIBE}, "
        "which takes any number of parameters."
    )


def _provenance(name: CmdName, maps_file: Path) -> dict[str, str | int]:
    """The files of CAMELS were remade in May 2024: size and date distinguish releases if no hash is available."""
    source = "FOCUS particle-mesh simulation" if name.about.is_built_in else "CAMELS Multifield Dataset"
    return {
        "source": source,
        "suite": name.suite,
        "set": name.set,
        "file": maps_file.name,
        "bytes": maps_file.stat().st_size,
    }
