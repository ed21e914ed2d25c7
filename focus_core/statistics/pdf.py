"""The one-point distribution of log10 Σ, its distance between two sets of maps, the tail, and the mean of the field.

With F and G the cumulative distributions of log10 Σ over all pixels of two sets,

    KS = sup |F(x) − G(x)|        W₁ = ∫ |F(x) − G(x)| dx    [dex]

(two-sample statistic of Kolmogorov and Smirnov; Vallender 1974, Theory Probab. Appl. 18, 784, for W₁ in one dimension).
Pixels of one map are not independent, so there is no significance: the error is that of resampled simulations, for
which `weights` give the number of times that each map was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focus_core.errors import UserError
from focus_core.statistics.fields import FloatArray, Maps, log_density, surface_density

# Percentiles of the pixels that dominate a spectrum at k_Ny: one pixel in a thousand, one in ten thousand.
TAIL = (99.9, 99.99)


@dataclass(frozen=True)
class OnePoint:
    """Distribution of log10 Σ of B maps: `density` (B, n_bins) [1/dex] between `edges` (n_bins + 1,) [dex].

    `below` and `above` (B,) are the parts of the pixels beyond the edges: density · widths + below + above = 1.
    """

    edges: FloatArray
    density: FloatArray
    below: FloatArray
    above: FloatArray

    @property
    def centres(self) -> FloatArray:
        return 0.5 * (self.edges[1:] + self.edges[:-1])


@dataclass(frozen=True)
class Distances:
    """Between two sets of maps, (n_weightings,) each: `ks` dimensionless, `wasserstein` [dex]."""

    ks: FloatArray
    wasserstein: FloatArray


def one_point(maps: Maps, edges: ArrayLike, floor: float = 0.0, source: str = "maps") -> OnePoint:
    """Histograms of log10 max(Σ, floor) on increasing `edges` [dex], the last bin closed as numpy's is."""
    bins = np.asarray(edges, dtype=np.float64)
    if bins.ndim != 1 or len(bins) < 2 or not (np.diff(bins) > 0).all():
        raise UserError(
            f"{source}: the edges of a histogram of log10 Σ must increase; give at least two values of dex."
        )
    logs = log_density(maps, floor, source)
    logs = logs.reshape(len(logs), -1)
    counts = np.stack([np.histogram(each, bins)[0] for each in logs]) / logs.shape[1]
    return OnePoint(bins, counts / np.diff(bins), (logs < bins[0]).mean(axis=1), (logs > bins[-1]).mean(axis=1))


def distances(
    first: Maps,
    second: Maps,
    first_weights: ArrayLike | None = None,
    second_weights: ArrayLike | None = None,
    floor: float = 0.0,
) -> Distances:
    """KS and W₁ of the pixels of two sets of maps (B₁, N, N) and (B₂, M, M).

    `…_weights` (n_weightings, B) weight whole maps, several weightings at once; without them every map counts once.
    """
    logs = [log_density(maps, floor, name) for maps, name in ((first, "first maps"), (second, "second maps"))]
    weights = [_weights(given, len(each)) for given, each in zip((first_weights, second_weights), logs, strict=True)]
    values = np.concatenate([each.ravel() for each in logs])
    order = np.argsort(values, kind="stable")
    widths = np.diff(values[order])
    # The map of each pixel, and the sign of its step in F − G, all in the order of their values.
    pixels = [each[0].size for each in logs]
    owner = np.concatenate([np.repeat(np.arange(len(each)), n) for each, n in zip(logs, pixels, strict=True)])[order]
    in_first = (np.arange(len(values)) < logs[0].size)[order]
    ks, wasserstein = [], []
    for a, b in zip(*_paired(*weights), strict=True):
        steps = np.where(in_first, _of(a, owner) / (a.sum() * pixels[0]), -_of(b, owner) / (b.sum() * pixels[1]))
        gap = np.abs(np.cumsum(steps)[:-1])
        ks.append(gap[widths > 0].max(initial=0.0))
        wasserstein.append((gap * widths).sum())
    return Distances(np.array(ks), np.array(wasserstein))


def tail_percentiles(
    maps: Maps, percents: ArrayLike = TAIL, weights: ArrayLike | None = None, source: str = "maps"
) -> FloatArray:
    """Percentiles of Σ over all pixels of all maps, (n_weightings, n_percents) in the maps' unit.

    The smallest Σ that at least so many per cent of the (weighted) pixels do not exceed: Hyndman & Fan 1996
    (Am. Stat. 50, 361), definition 1, so that a percentile is always the value of a pixel.
    """
    wanted = np.asarray(percents, dtype=np.float64)
    if not ((wanted > 0) & (wanted <= 100)).all():
        raise UserError(f"{source}: percentiles must be above 0 and at most 100 (found {wanted.tolist()}).")
    density = surface_density(maps, source, "a percentile")
    values = density.ravel()
    order = np.argsort(values, kind="stable")
    owner = order // density[0].size
    rows = []
    for chosen in _weights(weights, len(density)):
        cumulative = np.cumsum(chosen[owner])
        # Sums of integer weights are exact, a percentage of them is not: a hair less, so that rounding skips no pixel.
        target = wanted / 100 * cumulative[-1] * (1 - 1e-12)
        rows.append(values[order[np.searchsorted(cumulative, target)]])
    return np.stack(rows)


def field_mean(maps: Maps, source: str = "maps") -> FloatArray:
    """Mean Σ of each map, (B,) in the maps' unit."""
    return np.asarray(surface_density(maps, source, "a mean").mean(axis=(1, 2)))


def rms_log_ratio(generated: ArrayLike, true: ArrayLike) -> float:
    """Root mean square over simulations of ln(mean Σ generated / mean Σ true), both (n_simulations,)."""
    ratio = np.log(np.asarray(generated, dtype=np.float64) / np.asarray(true, dtype=np.float64))
    return float(np.sqrt(np.mean(ratio**2)))


def _weights(given: ArrayLike | None, n_maps: int) -> FloatArray:
    """(n_weightings, n_maps)."""
    if given is None:
        return np.ones((1, n_maps))
    weights = np.atleast_2d(np.asarray(given, dtype=np.float64))
    if weights.shape[1] != n_maps or (weights < 0).any() or not (weights.sum(axis=1) > 0).all():
        raise ValueError(
            f"weights {weights.shape} of {n_maps} maps must be (n, n_maps), not negative, and not all zero"
        )
    return weights


def _paired(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Equal numbers of weightings of each set; a single one is repeated for all of the other's."""
    n = max(len(first), len(second))
    return np.broadcast_to(first, (n, first.shape[1])), np.broadcast_to(second, (n, second.shape[1]))


def _of(weights: FloatArray, owner: NDArray[np.int64]) -> FloatArray:
    """The weight of each pixel's map; for the other set's maps any value, which `np.where` discards."""
    return weights[np.minimum(owner, len(weights) - 1)]
