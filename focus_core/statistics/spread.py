"""The scatter of maps about their mean, and the error of any average over simulations.

Maps of one simulation share its θ and its initial phases, so simulations and not maps are drawn with replacement (the
bootstrap of hierarchical data: Davison & Hinkley 1997, Bootstrap Methods and their Application, §3.8). A ratio of means
is a ratio of sums over simulations, and both sums are of the same drawn ones, because cosmic variance and θ cancel in
part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focus_core.errors import UserError

FloatArray = NDArray[np.float64]

# A standard error from so many resamples is accurate to 2 %.
RESAMPLES = 1000

# With three values or fewer, the mean of 1/s² of a normal variable is infinite.
_LEAST_REFERENCE = 4


@dataclass(frozen=True)
class Ratio:
    """A ratio and its bootstrap standard error over simulations, of one shape: by ring, by band or by triangle."""

    ratio: FloatArray
    error: FloatArray


def resampled(n: int, rng: np.random.Generator, samples: int = RESAMPLES) -> NDArray[np.int64]:
    """Simulations drawn with replacement, as many as there are: (samples, n)."""
    return rng.integers(n, size=(samples, n))


def simulation_means(values: ArrayLike, simulation: ArrayLike) -> FloatArray:
    """Means (n_simulations, …) over the maps of each simulation of `values` (n_maps, …), by ascending label."""
    each = np.asarray(values, dtype=np.float64)
    _, place, count = np.unique(np.asarray(simulation), return_inverse=True, return_counts=True)
    sums = np.zeros((len(count), *each.shape[1:]))
    np.add.at(sums, place, each)
    return sums / count.reshape(-1, *(1 for _ in each.shape[1:]))


def ratio_of_means(generated: ArrayLike, true: ArrayLike, rng: np.random.Generator, samples: int = RESAMPLES) -> Ratio:
    """Σ_sim generated / Σ_sim true of means over the maps of each simulation, both (n_simulations, …)."""
    above, below = np.asarray(generated, dtype=np.float64), np.asarray(true, dtype=np.float64)
    if above.shape != below.shape or above.ndim < 1:
        raise ValueError(f"means have shapes {above.shape} and {below.shape}, not one (n_simulations, …)")
    chosen = resampled(len(above), rng, samples)
    drawn = above[chosen].sum(axis=1) / below[chosen].sum(axis=1)
    return Ratio(np.asarray(above.sum(axis=0) / below.sum(axis=0)), np.asarray(drawn.std(axis=0, ddof=1)))


def bootstrap_error(
    statistic: Callable[[NDArray[np.int64]], ArrayLike],
    n_simulations: int,
    rng: np.random.Generator,
    samples: int = RESAMPLES,
) -> FloatArray:
    """Standard error of `statistic(chosen)`, called with the indices (n_simulations,) of drawn simulations."""
    drawn = [np.asarray(statistic(chosen), dtype=np.float64) for chosen in resampled(n_simulations, rng, samples)]
    return np.asarray(np.std(drawn, axis=0, ddof=1))


def relative_scatter(power: ArrayLike, expected: ArrayLike) -> FloatArray:
    """σ_P (nk,): standard deviation of P/E[P | θ] over all maps, of `power` (n_simulations, n_maps, nk).

    `expected` (n_simulations, nk) is E[P | θ] in the same unit, so that the trend with θ is not scatter.
    """
    ratio = np.asarray(power, dtype=np.float64) / np.asarray(expected, dtype=np.float64)[:, None]
    if ratio.shape[0] * ratio.shape[1] < 2:
        raise UserError("scatter between maps: there is one map; it needs two or more.")
    return np.asarray(ratio.reshape(-1, ratio.shape[-1]).std(axis=0, ddof=1))


def scatter_ratio(
    generated: ArrayLike, true: ArrayLike, expected: ArrayLike, rng: np.random.Generator, samples: int = RESAMPLES
) -> Ratio:
    """σ_P of generated maps over that of true ones, by ring (nk,): both (n_simulations, n_maps, nk), of the same θ."""
    above, below = np.asarray(generated, dtype=np.float64), np.asarray(true, dtype=np.float64)
    mean = np.asarray(expected, dtype=np.float64)

    def ratio(chosen: NDArray[np.int64]) -> FloatArray:
        return relative_scatter(above[chosen], mean[chosen]) / relative_scatter(below[chosen], mean[chosen])

    everything = np.arange(len(mean))
    return Ratio(ratio(everything), bootstrap_error(ratio, len(mean), rng, samples))


def correlation_matrix(values: ArrayLike) -> FloatArray:
    """Pearson correlations (nk, nk) of `values` (n, nk) over n maps, such as P(k)/E[P(k) | θ] in each ring."""
    each = np.asarray(values, dtype=np.float64)
    if len(each) < 3 or not (each.std(axis=0) > 0).all():
        raise UserError(
            f"correlation of k with k: {len(each)} maps are too few or the same; it needs three that differ."
        )
    return np.atleast_2d(np.corrcoef(each, rowvar=False))


def correlation_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Root mean square difference of two correlation matrices (nk, nk) over the pairs of different k."""
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    pairs = difference[np.triu_indices(len(difference), 1)]
    return float(np.sqrt(np.mean(pairs**2)))


def reduced_chi2(values: ArrayLike, reference: ArrayLike | None = None) -> FloatArray:
    """χ²/nk (n,) of every map: Σ_k (P − P̄)²/s² over the rings, with mean and variance of the reference, diagonal.

    `values` (n, nk) and `reference` (m, nk) at one θ or divided by E[P | θ]. Without a reference each map is compared
    with all others, leaving itself out: the score of real maps (Mudur, Cuesta-Lazaro & Finkbeiner 2023, arXiv
    2312.07534).
    """
    each = np.asarray(values, dtype=np.float64)
    others = len(each) - 1 if reference is None else len(np.asarray(reference))
    if others < _LEAST_REFERENCE:
        raise UserError(f"χ² of P(k): {others} other maps are too few to scatter; it needs {_LEAST_REFERENCE} or more.")
    if reference is None:
        away = each - each.mean(axis=0)
        n = len(each)
        variance = ((away**2).sum(axis=0) - away**2 * n / (n - 1)) / (n - 2)
        squared = (away * n / (n - 1)) ** 2
    else:
        against = np.asarray(reference, dtype=np.float64)
        variance = np.broadcast_to(against.var(axis=0, ddof=1), each.shape)
        squared = (each - against.mean(axis=0)) ** 2
    if not (variance > 0).all():
        raise UserError("χ² of P(k): the other maps are all the same in a ring; it needs maps that differ.")
    return np.asarray((squared / variance).mean(axis=1))


def expected_reduced_chi2(n_reference: int) -> float:
    """For normal values whose mean and variance are estimated from so many others: (1 + 1/m)(m − 1)/(m − 3).

    The first factor is the error of the mean, the second ⟨σ²/s²⟩ of an inverse χ² variable.
    """
    m = n_reference
    return (1 + 1 / m) * (m - 1) / (m - 3)
