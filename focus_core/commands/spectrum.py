"""`focus spectrum`: P(k) of physical maps as a CSV file."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from focus_core.errors import UserError

if TYPE_CHECKING:
    from focus_core.statistics.power import PowerSpectrum

SUMMARY = "measure the power spectrum P(k) of maps"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "maps",
        type=Path,
        metavar="MAPS",
        help="physical maps (n, N, N) or (N, N), no overdensities: .npy, .npz (of `focus sample`), HDF5 or FITS",
    )
    parser.add_argument("--box", type=float, help="side of the box in Mpc/h, where the file does not say it")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="map,k,power,n_modes,error")
    parser.add_argument(
        "--mean",
        action="store_true",
        help="the mean over maps instead: k,power,n_modes,error, where error is the standard error of that mean over "
        "maps; it takes the maps as independent, which sister maps of one simulation are not",
    )


def run(arguments: argparse.Namespace) -> int | None:
    from focus_core.data.files import open_stack
    from focus_core.disk.atomic import write_text
    from focus_core.paths import check_writable
    from focus_core.statistics.power import power_spectrum

    check_writable(arguments.out, "--out")
    maps = open_stack(arguments.maps)
    box = _box(arguments.maps, arguments.box)
    if arguments.out.exists() and arguments.out.samefile(arguments.maps):
        raise UserError(f"--out: {arguments.out} is the file of maps itself; choose another file.")
    spectrum = power_spectrum(np.asarray(maps), box, source=str(arguments.maps))
    lines = _mean_lines(spectrum, arguments.maps) if arguments.mean else _lines(spectrum)
    try:
        write_text(arguments.out, "\n".join(lines) + "\n")
    except OSError as error:
        raise UserError(f"--out: {arguments.out} cannot be written ({error.strerror}).") from error
    return None


def _box(path: Path, given: float | None) -> float:
    """Side of the box [Mpc/h] that the file says, or else the option; UserError where they differ or none says it."""
    from focus_core.data.containers import CONTAINERS, read_number

    own = read_number(path, "box_size") if path.suffix.lower() in CONTAINERS else None
    if own is None:
        if given is None:
            raise UserError(f"--box: {path} does not say the side of its box; give it in Mpc/h.")
        return given
    if given is not None and not math.isclose(own, given, rel_tol=1e-9):
        raise UserError(f"--box: is {given:g}, but {path} was made in {own:g} Mpc/h; leave it out.")
    return own


def _lines(spectrum: PowerSpectrum) -> list[str]:
    """k in h/Mpc, power and error in (Mpc/h)²; modes of the full plane; maps counted from 0."""
    lines = ["map,k,power,n_modes,error"]
    for index, (power, error) in enumerate(zip(spectrum.power, spectrum.error, strict=True)):
        for k, p, n, e in zip(spectrum.k, power, spectrum.n_modes, error, strict=True):
            lines.append(f"{index},{k:.10g},{p:.10g},{n},{e:.10g}")
    return lines


def _mean_lines(spectrum: PowerSpectrum, source: Path) -> list[str]:
    n_maps = len(spectrum.power)
    if n_maps < 2:
        raise UserError(f"{source}: holds one map, and the error of a mean over maps needs two; leave --mean out.")
    mean = spectrum.power.mean(axis=0)
    error = spectrum.power.std(axis=0, ddof=1) / n_maps**0.5
    rows = zip(spectrum.k, mean, spectrum.n_modes, error, strict=True)
    return ["k,power,n_modes,error", *(f"{k:.10g},{p:.10g},{n},{e:.10g}" for k, p, n, e in rows)]
