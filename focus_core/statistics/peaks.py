"""Local maxima and minima of a field by their height, the statistic of weak lensing's peak counts.

A pixel is a maximum if it exceeds all eight neighbours, a minimum if all eight exceed it; maps are periodic, and
of equal neighbours neither counts. Heights are ν = (f − f̄)/σ. The maxima of a Gaussian random field are counted by Bond
& Efstathiou 1987, MNRAS 226, 655, appendix 1; as a statistic of lensing maps see Jain & Van Waerbeke 2000, ApJ 530, L1.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focus_core.errors import UserError
from focus_core.schema.messages import check_box
from focus_core.statistics.fields import FloatArray, heights

_NEIGHBOURS = tuple(step for step in itertools.product((-1, 0, 1), repeat=2) if step != (0, 0))


@dataclass(frozen=True)
class PeakCounts:
    """`maxima` and `minima` (B, n_bins) of B maps with heights between `edges` (n_bins + 1,) in units of σ.

    A bin contains heights at or above its lower edge and below its upper one. Extrema beyond the edges are not counted.
    """

    edges: FloatArray
    maxima: NDArray[np.int64]
    minima: NDArray[np.int64]
    box_size: float
    grid: int

    def density(self, counts: NDArray[np.int64]) -> FloatArray:
        """Number per area and per unit of ν, [(h/Mpc)²], of `maxima` or `minima`."""
        return counts / self.box_size**2 / np.diff(self.edges)


def count_peaks(
    fields: ArrayLike, box_size: float, edges: ArrayLike, sigma: float | None = None, source: str = "fields"
) -> PeakCounts:
    """Counts in fields (N, N) or (B, N, N), δ or log10 Σ, raw or smoothed; `sigma` as for `heights`."""
    check_box(box_size, f"{source}: the box side")
    bins = np.asarray(edges, dtype=np.float64)
    if bins.ndim != 1 or len(bins) < 2 or not (np.diff(bins) > 0).all():
        raise UserError(f"{source}: the edges of peak heights must increase; give at least two values in units of σ.")
    nu = heights(fields, sigma, source, "a peak count")
    if nu.shape[-1] < 3:
        raise UserError(f"{source}: have {nu.shape[-1]} pixels per side; a peak needs eight neighbours, so 3 or more.")
    maxima, minima = _by_height(nu, maxima_of(nu), bins), _by_height(nu, maxima_of(-nu), bins)
    return PeakCounts(bins, maxima, minima, float(box_size), nu.shape[-1])


def maxima_of(fields: FloatArray) -> NDArray[np.bool_]:
    """Where a pixel exceeds its eight neighbours on the periodic grid, (B, N, N)."""
    above = np.ones(fields.shape, dtype=np.bool_)
    for step in _NEIGHBOURS:
        above &= fields > np.roll(fields, step, axis=(1, 2))
    return above


def _by_height(nu: FloatArray, chosen: NDArray[np.bool_], edges: FloatArray) -> NDArray[np.int64]:
    which, n_bins = np.nonzero(chosen)[0], len(edges) - 1
    bin_of = np.searchsorted(edges, nu[chosen], side="right") - 1
    inside = (bin_of >= 0) & (bin_of < n_bins)
    flat = np.bincount(which[inside] * n_bins + bin_of[inside], minlength=len(nu) * n_bins)
    return flat.reshape(len(nu), n_bins).astype(np.int64)
