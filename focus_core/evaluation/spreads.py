"""Statistics of the differences between maps: the scatter of P(k), its correlation between scales, and χ².

All are of r = P(k)/E[P(k) | θ], so that the trend with θ is not scatter. The fit of E absorbs part of the scatter of
the simulations that it was fitted to, and adds its own to maps that it was not; both are corrected in the deviation of
each simulation's mean.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from focus_core.bands import Band, nyquist_bands
from focus_core.errors import UserError
from focus_core.evaluation.expectation import PAIRED
from focus_core.evaluation.ground import Ground
from focus_core.evaluation.mapsets import MapSet
from focus_core.evaluation.means import POWER, band_weights
from focus_core.evaluation.measures import Part
from focus_core.evaluation.scoring import Curve, Numbers, Outcome, check_simulations, entries_of, spread_of
from focus_core.statistics.fields import FloatArray
from focus_core.statistics.spread import correlation_distance, correlation_matrix, reduced_chi2

_LEAST_MAPS = 8
_RESAMPLES = 200

# From the r of generated (a, q) and of simulated maps (b, q).
Comparison = Callable[[FloatArray, FloatArray], FloatArray]


def power_scatter(ground: Ground, level: float) -> Outcome:
    """σ of P(k) between maps by band, generated over simulated; the band ending at k_Ny is shown but does not count."""
    bands = nyquist_bands(ground.generated.grid)
    pair = _Pair(ground, bands)
    numbers = pair.score(lambda a, b: a.std(axis=0, ddof=1) / b.std(axis=0, ddof=1), 1.0, "scatter")
    early = [2 * band.high <= ground.generated.grid // 2 for band in bands]
    judged = [inside or not any(early) for inside in early]
    entries = entries_of([f"{b.label} k_f" for b in bands], numbers, level, 1.0, ground.generated.n, judged)
    rings = _Pair(ground, None)
    g, t = rings.generated.std(axis=0, ddof=1), rings.simulated.std(axis=0, ddof=1)
    k = ground.measured(POWER)[0]["P(k)"].axis
    curve = Curve(
        "Scatter of P(k) between maps", k, "k  [h/Mpc]", "σ/P",
        g, g / np.sqrt(2 * len(rings.generated)), t, t / np.sqrt(2 * len(rings.simulated)), True,
    )  # fmt: skip
    return Outcome(entries, (curve,))


def power_covariance(ground: Ground, level: float) -> Outcome:
    """Between the correlation matrices of P(k) in a few bins: rms difference, and difference of their mean element."""
    pair = _Pair(ground, _bins(ground.generated.grid))

    def compare(a: FloatArray, b: FloatArray) -> FloatArray:
        first, second = correlation_matrix(a), correlation_matrix(b)
        upper = np.triu_indices(len(first), 1)
        return np.array([correlation_distance(first, second), first[upper].mean() - second[upper].mean()])

    numbers = pair.score(compare, 0.0, "covariance")
    entries = entries_of(
        ("rms difference of correlations", "difference of the mean correlation"), numbers, level, 0.0,
        ground.generated.n,
    )  # fmt: skip
    found = {"generated": correlation_matrix(pair.generated), "simulations": correlation_matrix(pair.simulated)}
    return Outcome(entries, (), "", found)


def chi2(ground: Ground, level: float) -> Outcome:
    """Mean reduced χ² of generated maps about the simulations', over that of each real map about all others."""
    pair = _Pair(ground, _bins(ground.generated.grid))

    def compare(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.array([reduced_chi2(a, b).mean() / reduced_chi2(b).mean()])

    numbers = pair.score(compare, 1.0, "chi2")
    real, drawn = reduced_chi2(pair.simulated), reduced_chi2(pair.generated, pair.simulated)
    note = f"Reduced χ²: {drawn.mean():.2f} generated, {real.mean():.2f} real."
    share = np.linspace(0, 1, 51)
    zeros = np.zeros(len(share))
    curve = Curve(
        "Reduced χ² of single maps", share, "share of maps below", "",
        np.quantile(drawn, share), zeros, np.quantile(real, share), zeros,
    )  # fmt: skip
    return Outcome(
        entries_of(("mean reduced χ², generated / real",), numbers, level, 1.0, ground.generated.n), (curve,), note
    )


class _Pair:
    """r of every generated and of every simulated map, by ring or by band."""

    def __init__(self, ground: Ground, bands: tuple[Band, ...] | None) -> None:
        check_simulations(ground.generated.n, 2)
        if ground.expectation.kind == PAIRED:
            raise UserError(
                f"{ground.reference.n} simulations are too few to tell scatter from dependence on θ; "
                f"{2 * ground.expectation.rank} are needed."
            )
        found, true = (parts["P(k)"] for parts in ground.measured(POWER))
        powers = [self._by_band(part, bands) for part in (found, true)]
        means = ground.reference.means(powers[1])
        at = ground.expectation.of(means, True).at
        own = ground.expectation.at_simulations(means, True)
        wide = ground.expectation.widening
        self._ground = ground
        self.generated = _relative(powers[0], at, ground.generated, 1 / np.sqrt(2 - 1 / wide**2))
        self.simulated = _relative(powers[1], own, ground.reference, wide)
        if len(self.generated) < _LEAST_MAPS:
            raise UserError(f"{len(self.generated)} maps are too few to scatter; {_LEAST_MAPS} are needed.")

    def score(self, compare: Comparison, ideal: float, purpose: str) -> Numbers:
        rng, n = self._ground.rng(purpose), self._ground.generated.n
        drawn = _drawer(self._ground.generated, rng)
        value = compare(self.generated, self.simulated)
        error = spread_of(np.stack([compare(self.generated[drawn(n)], self.simulated) for _ in range(_RESAMPLES)]), n)
        # A perfect emulator's maps are those of other simulations, with as many per simulation as were generated.
        fewer, all_of = self._few(rng), _drawer(self._ground.reference, rng)
        reference = self._ground.reference.n
        perfect = [compare(self.simulated[fewer(n)], self.simulated[all_of(reference)]) for _ in range(_RESAMPLES)]
        floor = np.sqrt(np.mean(np.square(np.stack(perfect) - ideal), axis=0))
        own = self._ground.generated.simulation
        left_out = [compare(self.generated[own != each], self.simulated) for each in range(n)]
        return Numbers(value, error, floor, np.stack(left_out))

    def _few(self, rng: np.random.Generator) -> Callable[[int], NDArray[np.int64]]:
        reference = self._ground.reference
        kept = np.flatnonzero(reference.chosen(self._ground.maps_each))
        return _drawer(MapSet(reference.maps[:0], reference.simulation[kept], reference.theta), rng, kept)

    @staticmethod
    def _by_band(part: Part, bands: tuple[Band, ...] | None) -> FloatArray:
        return part.values if bands is None else part.values @ band_weights(part, bands)


def _drawer(
    maps: MapSet, rng: np.random.Generator, rows: NDArray[np.int64] | None = None
) -> Callable[[int], NDArray[np.int64]]:
    """The rows of all maps of so many simulations, drawn with replacement."""
    places = np.arange(len(maps.simulation)) if rows is None else rows
    own = [places[maps.simulation == s] for s in range(maps.n)]
    return lambda n: np.concatenate([own[s] for s in rng.integers(maps.n, size=n)])


def _relative(power: FloatArray, expected: FloatArray, maps: MapSet, width: float) -> FloatArray:
    """P/E of each map, with the deviation of each simulation's mean widened by this factor."""
    r = power / expected[maps.simulation]
    mean = maps.means(r)
    middle = mean.mean(axis=0)
    return np.asarray(r + ((mean - middle) * (width - 1.0))[maps.simulation])


def _bins(grid: int) -> tuple[Band, ...]:
    """About eight bins from 2 k_f to k_Ny/2, each at least a ring wide and about as wide in ln k."""
    last = max(grid // 4, 4)
    edges = np.unique(np.rint(np.geomspace(2, last + 1, min(9, last))).astype(int))
    return tuple(Band(int(a), int(b)) for a, b in itertools.pairwise(edges))
