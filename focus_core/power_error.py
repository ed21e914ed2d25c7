"""The "P(k) error" of an epoch: how far the power of its few maps is from that of their simulations, with its error.

Twelve maps at four θ constrain little: the standard error, over the distinct simulations, is shown beside the number
everywhere. numpy alone, so that trainer, record and page compute it with one function.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focus_core.bands import quoted_bands

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PowerError:
    """All dimensionless. `ratio` (n_bands,) is Σ generated / Σ simulated, `ratio_uncertainty` its standard error.

    `error` is the mean of |ratio − 1| over the bands, None if a band has no finite ratio; `uncertainty` its standard
    error. The uncertainties are None if all maps are of one simulation, whose scatter is unknown.
    """

    error: float | None
    uncertainty: float | None
    ratio: FloatArray
    ratio_uncertainty: FloatArray | None
    n_maps: int
    n_simulations: int


def power_error(
    generated: ArrayLike,
    simulated: ArrayLike,
    n_modes: ArrayLike,
    simulations: ArrayLike,
    edges: Sequence[tuple[int, int]],
) -> PowerError:
    """For P(k) of generated maps (rows, n, nk) against the mean P(k) of each row's simulation (rows, nk).

    `n_modes` (nk,) are the modes of rings 1, 2, … k_f; `simulations` (rows,) tells which rows are of one simulation.
    `edges` are bands low ≤ ring < high, the last one closed. The error is that of a ratio of sums over simulations,
    linearised: Σ residuals² n/(n − 1), a simulation in several rows counting once.
    """
    maps, below = np.asarray(generated, dtype=np.float64), np.asarray(simulated, dtype=np.float64)
    weight = np.asarray(n_modes, dtype=np.float64)
    above, truth = (_in_bands(power, weight, edges) for power in (maps.mean(axis=1), below))
    with np.errstate(divide="ignore", invalid="ignore"):
        total = truth.sum(axis=0)
        ratio = above.sum(axis=0) / total
        residual = (above - ratio * truth) / total
    labels, place = np.unique(np.asarray(simulations), return_inverse=True)
    by_simulation = np.zeros((len(labels), len(edges)))
    np.add.at(by_simulation, place.reshape(-1), residual)
    known = len(edges) > 0 and bool(np.isfinite(ratio).all())
    error = float(np.abs(ratio - 1.0).mean()) if known else None
    uncertainties = None
    if len(labels) > 1:
        whole = (by_simulation * np.sign(ratio - 1.0)).mean(axis=1) if known else np.full(len(labels), math.nan)
        uncertainties = _standard_error(whole), _standard_error(by_simulation)
    return PowerError(
        error=error,
        uncertainty=float(uncertainties[0]) if uncertainties is not None and known else None,
        ratio=ratio,
        ratio_uncertainty=None if uncertainties is None else np.asarray(uncertainties[1]),
        n_maps=maps.shape[0] * maps.shape[1],
        n_simulations=len(labels),
    )


def power_error_of_arrays(arrays: Mapping[str, NDArray[Any]], edges: Sequence[tuple[int, int]]) -> PowerError | None:
    """From figs/power_spectrum_epoch_XXXX.npz; None for an older one that lacks its modes or means."""
    if not {"n_modes", "simulation_mean"} <= arrays.keys():
        return None
    return power_error(arrays["generated"], arrays["simulation_mean"], arrays["n_modes"], distinct_rows(arrays), edges)


def distinct_rows(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """One number per row, equal for rows of one simulation; for files without simulation labels, determined from θ."""
    if "simulations" in arrays:
        return np.asarray(arrays["simulations"], dtype=np.int64)
    if "theta" in arrays:
        return np.unique(np.asarray(arrays["theta"]), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return np.arange(len(arrays["generated"]))


def band_edges(grid: int) -> list[tuple[int, int]]:
    """[2, 4), [4, 8), … up to k_Ny/2 = (grid / 4) k_f, the last one closed; none for maps under 8 pixels per side."""
    return [(band.low, band.high) for band in quoted_bands(grid)]


def _in_bands(power: FloatArray, weight: FloatArray, edges: Sequence[tuple[int, int]]) -> FloatArray:
    """(rows, nk) → (rows, n_bands), rings weighted by their modes."""
    rings = np.arange(1, len(weight) + 1)
    columns = []
    for i, (low, high) in enumerate(edges):
        inside = (rings >= low) & ((rings <= high) if i == len(edges) - 1 else (rings < high))
        columns.append(power[:, inside] @ weight[inside] / weight[inside].sum())
    return np.stack(columns, axis=1) if columns else np.zeros((len(power), 0))


def _standard_error(residual: FloatArray) -> FloatArray:
    n = len(residual)
    return np.asarray(np.sqrt(n / (n - 1) * np.square(residual).sum(axis=0)))
