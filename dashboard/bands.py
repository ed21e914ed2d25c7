"""P(k) error by band, from the arrays behind an epoch's figure. numpy alone: this process has no torch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class BandError:
    """Ratio of means − 1 over the rings low ≤ m < high (m ≤ high in the last band), in units of k_f."""

    low: int
    high: int
    error: float


def band_edges(grid: int) -> list[tuple[int, int]]:
    """[2, 4), [4, 8), … up to k_Ny/2 = (grid / 4) k_f, the last one closed; none for maps under 8 pixels a side."""
    limit = grid // 4
    edges = [2]
    while edges[-1] * 2 < limit:
        edges.append(edges[-1] * 2)
    return list(itertools.pairwise([*edges, limit])) if limit >= 2 else []


def band_errors(arrays: Mapping[str, NDArray[Any]], grid: int) -> list[BandError]:
    """Σ generated / Σ simulated − 1 in each band, rings weighted by their modes.

    `arrays` is figs/power_spectrum_epoch_XXXX.npz: generated (rows, 3, nk), simulation_mean (rows, nk), n_modes (nk,).
    Each row's means count once. Bands without a finite ratio are left out.
    """
    generated = np.asarray(arrays["generated"], dtype=np.float64).mean(axis=(0, 1))
    truth = np.asarray(arrays["simulation_mean"], dtype=np.float64).mean(axis=0)
    weight = np.asarray(arrays["n_modes"], dtype=np.float64)
    rings = np.arange(1, len(truth) + 1)
    pairs = band_edges(grid)
    found = []
    for low, high in pairs:
        inside = (rings >= low) & ((rings <= high) if (low, high) == pairs[-1] else (rings < high))
        below = float(weight[inside] @ truth[inside])
        ratio = float(weight[inside] @ generated[inside]) / below if below > 0 else math.nan
        if math.isfinite(ratio):
            found.append(BandError(low, high, ratio - 1.0))
    return found
