"""Options that are whole numbers, refused in one sentence where they mean nothing."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from focus_core.errors import UserError

_LARGEST_SEED = 2**63


def check_least(arguments: argparse.Namespace, least: Mapping[str, int]) -> None:
    """UserError for an option that is given and smaller than it may be."""
    for name, smallest in least.items():
        value = getattr(arguments, name)
        if value is not None and value < smallest:
            raise UserError(f"--{name}: {value} is too small; give {smallest} or more.")


def check_seed(seed: int) -> None:
    """UserError for one that torch's generators do not take; negative ones are too small already."""
    if seed >= _LARGEST_SEED:
        raise UserError(f"--seed: {seed} is too large; give less than 2⁶³.")
