"""Options that are whole numbers, refused in one sentence if they are out of range."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from focus_core.errors import UserError

_LARGEST_SEED = 2**63


def check_least(arguments: argparse.Namespace, least: Mapping[str, int]) -> None:
    """UserError for a given option that is smaller than allowed."""
    for name, smallest in least.items():
        value = getattr(arguments, name)
        if value is not None and value < smallest:
            raise UserError(f"--{name}: {value} is too small; give {smallest} or more.")


def check_seed(seed: int) -> None:
    """UserError for a seed that torch's generators do not accept; negative ones are refused already."""
    if seed >= _LARGEST_SEED:
        raise UserError(f"--seed: {seed} is too large; give less than 2⁶³.")
