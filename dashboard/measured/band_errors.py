"""P(k) error by band, from the arrays of an epoch's figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.power_error import band_edges, power_error_of_arrays


@dataclass(frozen=True)
class BandError:
    """Ratio of means − 1 over the rings low ≤ m < high (m ≤ high in the last band), in units of k_f.

    `uncertainty` is its standard error over the simulations, None if there is only one.
    """

    low: int
    high: int
    error: float
    uncertainty: float | None = None


def band_errors(arrays: Mapping[str, NDArray[Any]], grid: int) -> list[BandError]:
    """Σ generated / Σ simulated − 1 in each band, rings weighted by their modes; only bands with a finite ratio.

    `arrays` is figs/power_spectrum_epoch_XXXX.npz: generated (rows, 3, nk), simulation_mean (rows, nk), n_modes (nk,).
    """
    edges = band_edges(grid)
    found = power_error_of_arrays(arrays, edges)
    if found is None:
        return []
    errors = [None] * len(edges) if found.ratio_uncertainty is None else found.ratio_uncertainty.tolist()
    return [
        BandError(low, high, float(ratio) - 1.0, error)
        for (low, high), ratio, error in zip(edges, found.ratio, errors, strict=True)
        if np.isfinite(ratio)
    ]
