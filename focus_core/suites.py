"""What is known of a simulated suite before it is run, without torch: its slabs, its maps, its bytes."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from focus_core.errors import UserError

# A slab is this deep [Mpc/h], or a quarter of a box that is smaller than four of these.
_DEPTH = 16.0
_BYTES_A_PIXEL = 4
DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Boxes of a suite: files in one folder, and weeks of work already at 64³.
LARGEST_SUITE = 1_000_000


# What a suite is by default; `box` in Mpc/h. The quick suite is this one.
PLAIN_SUITE: Mapping[str, Any] = MappingProxyType(
    {"simulations": 64, "grid": 64, "box": 64.0, "seed": 0, "realisations": 1, "space": "wcdm6"}
)


def suite_command(folder: Path, **numbers: float) -> str:
    """The command that makes the default suite, or one with other `numbers`, quoted for a shell."""
    plain = {key: numbers.get(key, PLAIN_SUITE[key]) for key in ("simulations", "grid", "box", "seed")}
    options = " ".join(f"--{key} {f'{value:g}' if isinstance(value, float) else value}" for key, value in plain.items())
    return f"focus simulate --out {shlex.quote(str(folder))} {options}"


def check_dataset_name(name: str) -> str:
    """The name itself; UserError for one that cannot be a folder and a part of an address."""
    if not DATASET_NAME.fullmatch(name):
        raise UserError(f"name: '{name}' cannot name a dataset; use letters, digits, dot, dash and underscore.")
    return name


def default_slabs(grid: int, box_size: float) -> int:
    """Slabs per axis: the divisor of the grid whose depth is closest to 16 Mpc/h, or to a quarter of a small box."""
    wanted = box_size / min(_DEPTH, box_size / 4)
    divisors = [n for n in range(1, grid + 1) if grid % n == 0]
    return min(divisors, key=lambda n: abs(math.log(n / wanted)))


def suite_maps(rows: int, grid: int, box_size: float) -> int:
    """Maps of a suite of so many boxes: its slabs along three axes."""
    return rows * 3 * default_slabs(grid, box_size)


def suite_bytes(rows: int, grid: int, box_size: float) -> int:
    """Of `maps.npy`; during assembly, the finished simulations take the same space again."""
    return suite_maps(rows, grid, box_size) * grid**2 * _BYTES_A_PIXEL
