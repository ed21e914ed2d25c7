"""`focus spectrum`: P(k) of physical maps as a CSV file."""

from __future__ import annotations

import argparse
from pathlib import Path

from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_core.commands.measure import add_maps, measure

SUMMARY = "measure the power spectrum P(k) of maps"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_maps(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="map,k,power,n_modes,error")


def run(arguments: argparse.Namespace) -> int | None:
    """k in h/Mpc, power and its Gaussian error in (Mpc/h)²; modes of the full plane; maps counted from 0."""
    measure(POWER_SPECTRUM, arguments)
    return None
