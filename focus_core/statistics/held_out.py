"""P(k) of generated maps against that of the held-out simulations of a run, mean and scatter, by band.

Everything follows from two moments of each simulation's maps, ring by ring: the mean of r = P(k)/E[P(k) | θ] and the
mean of r². Those of the truth come from the run's truth.npz, so that no dataset is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focus_core.bands import Band
from focus_core.errors import UserError
from focus_core.parameters import ParameterSpace
from focus_core.run_files import TRUTH
from focus_core.statistics.power import bands
from focus_core.statistics.smoothed_truth import fit_smoothed_truth, polynomial_terms
from focus_core.statistics.spread import ratio_of_means, resampled
from focus_core.statistics.truth import read_truth

FloatArray = NDArray[np.float64]
SMOOTHED, SIMULATIONS = "smoothed", "simulations"

_TRUTH_BOOTSTRAPS = 200


@dataclass(frozen=True)
class RingMoments:
    """Means over the maps at each θ, (n, nk): of r and of r². `n_maps` maps at each."""

    first: FloatArray
    second: FloatArray
    n_maps: int


@dataclass(frozen=True)
class Scores:
    """Of P(k) by band, each (n_bands,): generated over true, of the mean and of the scatter, with standard errors."""

    mean: FloatArray
    mean_error: FloatArray
    scatter: FloatArray
    scatter_error: FloatArray


@dataclass(frozen=True)
class HeldOut:
    """The truth at the held-out θ (n, d) of a run.

    `expected` (n, nk) is E[P | θ], by which every spectrum is divided; `mean` (n, nk) the truth of the mean, which is
    the same if the suite was large enough to be smoothed over θ, otherwise the mean of each simulation's own maps.
    `truth_error` (n_bands,) is the relative error of the smoothed truth, zero if it was not smoothed.
    """

    theta: FloatArray
    mean: FloatArray
    expected: FloatArray
    own: RingMoments
    truth_error: FloatArray
    n_modes: NDArray[np.int64]
    bands: tuple[Band, ...]
    kind: str
    grid: int
    unit: str

    def moments(self, power: FloatArray) -> RingMoments:
        """From spectra (n, n_maps, nk) of maps at these θ."""
        r = power / self.expected[:, None]
        return RingMoments(r.mean(axis=1), np.square(r).mean(axis=1), power.shape[1])

    def score(self, found: RingMoments, seed: int = 0) -> Scores:
        """Against the truth; errors by bootstrap over simulations, that of the truth included."""
        mean, mean_error = _mean_ratio(self._band(found.first * self.expected), self._band(self.mean), seed)
        scatter, scatter_error = self._scatter_ratio(found, self.own, seed)
        return Scores(mean, np.hypot(mean_error, self.truth_error * mean), scatter, scatter_error)

    def compare(self, found: RingMoments, other: RingMoments, seed: int = 0) -> Scores:
        """Against maps of the same noise that were drawn differently: the scatter of simulations cancels."""
        above, below = (self._band(each.first * self.expected) for each in (found, other))
        return Scores(*_mean_ratio(above, below, seed), *self._scatter_ratio(found, other, seed))

    def floor(self, seed: int = 0) -> Scores:
        """The held-out simulations themselves, scored as maps are: no smaller deviation from the truth can be detected.

        Their scatter is the truth of the scatter, so that only its error is informative.
        """
        mean, error = _mean_ratio(self._band(self.own.first * self.expected), self._band(self.mean), seed)
        halves = self._scatter(self.own, resampled(len(self.theta), np.random.default_rng(seed)))
        alone = self._scatter(self.own, np.arange(len(self.theta))[None])[0]
        return Scores(mean, np.hypot(error, self.truth_error), np.ones_like(mean), halves.std(axis=0, ddof=1) / alone)

    def _band(self, by_ring: FloatArray) -> FloatArray:
        """(…, nk) → (…, n_bands), rings weighted by their modes."""
        rings = np.arange(1, len(self.n_modes) + 1)
        inside = [band.contains(rings) for band in self.bands]
        return np.stack([np.average(by_ring[..., i], axis=-1, weights=self.n_modes[i]) for i in inside], axis=-1)

    def _scatter(self, found: RingMoments, chosen: NDArray[np.int64]) -> FloatArray:
        """Root of the mean variance of r over all maps and the rings of a band; chosen (R, n) → (R, n_bands)."""
        count = chosen.shape[1] * found.n_maps
        variance = found.second[chosen].mean(axis=1) - np.square(found.first[chosen].mean(axis=1))
        return np.sqrt(self._band(np.maximum(variance, 0.0) * count / max(count - 1, 1)))

    def _scatter_ratio(self, found: RingMoments, other: RingMoments, seed: int) -> tuple[FloatArray, FloatArray]:
        n = len(self.theta)
        everything = np.arange(n)[None]
        ratio = self._scatter(found, everything)[0] / self._scatter(other, everything)[0]
        chosen = resampled(n, np.random.default_rng(seed))
        with np.errstate(divide="ignore", invalid="ignore"):  # a resample of one simulation with one map has no scatter
            drawn = self._scatter(found, chosen) / self._scatter(other, chosen)
        return ratio, np.nanstd(np.where(np.isfinite(drawn), drawn, np.nan), axis=0, ddof=1)


def read_held_out(run_folder: Path, space: ParameterSpace, most: int = 64) -> HeldOut:
    """From the truth.npz of a run. At most `most` simulations, spread evenly over the held-out ones."""
    path, found = run_folder / TRUTH, read_truth(run_folder)
    rows = np.flatnonzero(found["split"] != 0)
    if not len(rows):
        raise UserError(f"{path}: names no held-out simulation, so there is no truth to compare with.")
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))]
    power, scatter = (np.asarray(found[name], dtype=np.float64) for name in ("power_mean", "power_std"))
    theta, grid, n = np.asarray(found["theta"], dtype=np.float64), int(found["grid"]), int(found["maps_per_simulation"])
    chosen = bands(grid)
    if len(theta) >= 2 * len(polynomial_terms(space)):
        fit = fit_smoothed_truth(space.to_unit(theta), power, space)
        at = space.to_unit(theta[rows])
        expected, kind = fit.predict(at), SMOOTHED
        spread = fit.bootstrap(at, np.random.default_rng(0), _TRUTH_BOOTSTRAPS)
    else:
        expected, kind = np.broadcast_to(power.mean(axis=0), power[rows].shape), SIMULATIONS
        spread = np.broadcast_to(expected, (2, *expected.shape))
    own = RingMoments(
        power[rows] / expected,
        (np.square(power[rows]) + np.square(scatter[rows]) * (n - 1) / n) / np.square(expected),
        n,
    )
    mean = expected if kind == SMOOTHED else power[rows]
    unknown = np.zeros(len(chosen))
    held_out = HeldOut(
        theta[rows], mean, expected, own, unknown, found["n_modes"], chosen, kind, grid, str(found["unit"])
    )
    sums = held_out._band(spread).sum(axis=1)
    relative = sums.std(axis=0, ddof=1) / held_out._band(mean).sum(axis=0)
    return replace(held_out, truth_error=relative)


def _mean_ratio(above: FloatArray, below: FloatArray, seed: int) -> tuple[FloatArray, FloatArray]:
    found = ratio_of_means(above, below, np.random.default_rng(seed))
    return found.ratio, found.error


def as_list(values: ArrayLike, digits: int = 6) -> list[float | None]:
    """Plain numbers for JSON, with so many significant digits; None for missing ones."""
    return [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in np.asarray(values, dtype=np.float64)]
