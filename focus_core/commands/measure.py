"""`focus measure`: a statistic of physical maps as a CSV file."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.catalogue.map_statistics import MAP_STATISTICS
from focus_core.catalogue.statistic_spec import MapStatistic, Measured
from focus_core.errors import UserError

SUMMARY = "measure a statistic of maps, the one-point distribution say"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    known = "; ".join(f"{s.name}: {s.title[0].lower()}{s.title[1:]}" for s in MAP_STATISTICS.values())
    parser.add_argument("statistic", choices=MAP_STATISTICS.names, metavar="NAME", help=known)
    add_maps(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE.csv", help="a line for each map and entry of its axis"
    )


def run(arguments: argparse.Namespace) -> int | None:
    measure(MAP_STATISTICS[arguments.statistic], arguments)
    return None


def add_maps(parser: argparse.ArgumentParser) -> None:
    """The file of maps, the side of its box and the output file, for every command that measures."""
    parser.add_argument(
        "maps",
        type=Path,
        metavar="MAPS",
        help="physical maps (n, N, N) or (N, N), no overdensities: .npy, .npz (of `focus sample`), HDF5 or FITS",
    )
    parser.add_argument("--box", type=float, help="side of the box in Mpc/h, where the file does not say it")
    parser.add_argument(
        "--mean",
        action="store_true",
        help="the mean over maps instead, where error is the standard error of that mean over maps; it takes the maps "
        "as independent, which sister maps of one simulation are not",
    )


def measure(statistic: MapStatistic, arguments: argparse.Namespace) -> None:
    from focus_core.paths import check_writable
    from focus_core.statistics.measuring import measure_field

    check_writable(arguments.out, "--out")
    maps = open_maps(arguments.maps, arguments.out)
    box = box_of(arguments.maps, arguments.box, needed=statistic.needs_box)
    stack = maps[None] if maps.ndim == 2 else maps
    found = measure_field(statistic, stack, box, normalised=False, source=str(arguments.maps))
    write_lines(arguments.out, lines(statistic, found, arguments.maps, mean=arguments.mean))


def open_maps(path: Path, out: Path) -> NDArray[Any]:
    """The stack in a file; refuses an output path that would overwrite it."""
    from focus_core.data.files import open_stack

    maps = open_stack(path)
    if out.exists() and out.samefile(path):
        raise UserError(f"--out: {out} is the file of maps itself; choose another file.")
    return np.asarray(maps)


def write_lines(out: Path, lines: Sequence[str]) -> None:
    from focus_core.disk.atomic import write_text

    try:
        write_text(out, "\n".join(lines) + "\n")
    except OSError as error:
        raise UserError(f"--out: {out} cannot be written ({error.strerror}).") from error


def box_of(path: Path, given: float | None, *, needed: bool = True) -> float | None:
    """Side of the box [Mpc/h] from the file, otherwise from the option; UserError if they differ, or if none gives it
    and it is `needed`."""
    from focus_core.data.containers import CONTAINERS, read_number

    own = read_number(path, "box_size") if path.suffix.lower() in CONTAINERS else None
    if own is None:
        if given is None and needed:
            raise UserError(f"--box: {path} does not say the side of its box; give it in Mpc/h.")
        return given
    if given is not None and not math.isclose(own, given, rel_tol=1e-9):
        raise UserError(f"--box: is {given:g}, but {path} was made in {own:g} Mpc/h; leave it out.")
    return own


def lines(statistic: MapStatistic, found: Measured, source: Path, *, mean: bool) -> list[str]:
    """Columns as the entry names its axes; the `error` of a mean is its standard error over maps."""
    arrays = statistic.coordinates(found)
    if not mean:
        rows = (row for number, curve in enumerate(found.values) for row in statistic.rows(number, arrays, curve))
        return [",".join(row) for row in (statistic.columns(), *rows)]
    if len(found.values) < 2:
        raise UserError(f"{source}: holds one map, and the error of a mean over maps needs two; leave --mean out.")
    error = found.values.std(axis=0, ddof=1) / len(found.values) ** 0.5
    head = [name for name in statistic.columns()[1:] if name != "error"]
    bare = replace(statistic, error=None)
    rows = (row[1:] for row in bare.rows(0, arrays, found.values.mean(axis=0)))
    table = [[*row, f"{e:.10g}"] for row, e in zip(rows, error, strict=True)]
    return [",".join(row) for row in [[*head, "error"], *table]]
