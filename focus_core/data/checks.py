"""Checks that need every pixel or every row, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from focus_core.catalogue.transforms import taken_by_default
from focus_core.data.answers import how_to_say
from focus_core.data.dataset import MapDataset
from focus_core.errors import UserError

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PixelReport:
    """Statistics of a dataset's pixels, in its unit. `mean_scatter` is the standard deviation of the `map_means`."""

    minimum: float
    maximum: float
    mean: float
    mean_scatter: float
    zero_fraction: float
    map_means: NDArray[np.float64]


def maps_per_row(n_maps: int, n_rows: int, maps_file: Path, params_file: Path) -> int:
    """n_maps / n_rows, or a UserError if that is not a whole number."""
    if n_rows < 1 or n_maps % n_rows:
        raise UserError(
            f"{maps_file}: holds {n_maps} maps, which is not a whole number of maps for each of the {n_rows} rows of "
            f"{params_file}; one of the two files belongs to another set or is incomplete, or the table lists every "
            "map and some are missing."
        )
    return n_maps // n_rows


def check_pixels(maps: NDArray[np.float64], first: int, source: Path, taken: str | None, otherwise: str = "") -> None:
    """Refuse maps that are not finite and, if a logarithm or a power will be `taken`, negative or all zero.

    `first` is the index in the file of the first map of this piece (n, N, N). `otherwise` is an alternative that the
    caller can offer for maps with negative pixels.
    """
    low, high = maps.min(axis=(1, 2)), maps.max(axis=(1, 2))
    finite = np.isfinite(low) & np.isfinite(high)
    if not finite.all():
        raise UserError(f"{source}: map {first + _first(~finite)} has pixels that are not finite.")
    if taken is None:
        return
    if (low < 0).any():
        worst = _first(low < 0)
        raise UserError(
            f"{source}: map {first + worst} has a negative pixel ({low[worst]:g}), but its {taken} is to be taken"
            f"{_why_negative(maps[worst], source)}; give physical maps, or name the file maps_normalized.npy if it is "
            f"already normalised{otherwise and f', or {otherwise}'}."
        )
    if (high == 0).any():
        worst = _first(high == 0)
        raise UserError(f"{source}: map {first + worst} is zero everywhere: it has no logarithm and no contrast.")


def scan_pixels(dataset: MapDataset, progress: Progress | None = None) -> PixelReport:
    """Read every map once, with the checks of `check_pixels`; `progress(done, total)` counts maps, and may raise."""
    low, high, zeros = np.inf, -np.inf, 0
    means, report = [], progress or (lambda done, total: None)
    report(0, dataset.n_maps)
    for first, maps in dataset.chunks():
        check_pixels(maps, first, dataset.maps_file, taken_by_default(dataset.normalised))
        low, high = min(low, float(maps.min())), max(high, float(maps.max()))
        zeros += int(np.count_nonzero(maps == 0))
        means.append(maps.mean(axis=(1, 2)))
        report(first + len(maps), dataset.n_maps)
    every = np.concatenate(means)
    pixels = dataset.n_maps * dataset.grid**2
    return PixelReport(low, high, float(every.mean()), float(every.std()), zeros / pixels, every)


def check_slab_depth(depth: float, box: float | None) -> None:
    """A slab is a positive part of its box."""
    if not 0.0 < depth <= (np.inf if box is None else box * (1 + 1e-9)):
        side = "" if box is None else f", at most the {box:g} of the box"
        raise UserError(f"data.slab_depth: is {depth:g}; it must be a positive number of Mpc/h{side}.")


def _why_negative(one: NDArray[np.float64], source: Path) -> str:
    """The likely cause of negative pixels in a map declared as physical, with the setting that reads it."""
    if one.min() >= -1.0 - 1e-3 and abs(one.mean()) < 0.5:
        return f". These look like overdensities δ = Σ/Σ̄ − 1. {how_to_say(source, 'stored_as', 'overdensity')}"
    if one.max() < 0.0 and one.min() > -40.0:
        return f". These look like log10 of a small quantity. {how_to_say(source, 'stored_as', 'log10')}"
    return ""


def _first(flags: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(flags)[0])
