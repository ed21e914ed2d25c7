"""Memorisation: is a generated map nearer to a training map than real maps of different simulations are to each other?

The distance of two standardised maps under the best shift, flip and turn is d = √(1 − r), with r their correlation
(`statistics.memorisation`): zero for a copy. Every generated map is compared with the training maps that are most
similar in quantities that no shift, flip or turn changes (spectrum by ring and quantiles), and some with all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from focus_core.errors import UserError
from focus_core.evaluation.ground import Ground
from focus_core.evaluation.mapsets import Training
from focus_core.evaluation.measures import log_field
from focus_core.evaluation.scoring import Curve, Numbers, Outcome, entries_of
from focus_core.statistics.fields import FloatArray
from focus_core.statistics.memorisation import nearest_training_map
from focus_core.statistics.power import ring_modes

# Candidates for each map, and maps that are compared with every training map.
_CANDIDATES, _FULL = 8, 8
# Pairs of maps, in pixels, up to which the comparison is complete: a minute on one core.
_MOST_PIXELS = 2**27
_MOST_MAPS = 1024
_CHUNK_PIXELS = 2**21
_QUANTILES = np.linspace(0.01, 0.99, 15)
_RESAMPLES = 300
_LEAST_SIMULATIONS = 4


def memorisation(ground: Ground, level: float) -> Outcome:
    """The nearest of all generated maps to any training map, over the nearest of as many real maps to any map of
    another simulation; 1 where generated maps are no nearer."""
    training = ground.training or Training(
        ground.reference.maps, np.arange(len(ground.reference.maps)), ground.reference.simulation
    )
    n_training = len(np.unique(training.simulation))
    if n_training < _LEAST_SIMULATIONS:
        raise UserError(
            f"the training maps are of {n_training} simulation{'' if n_training == 1 else 's'}; {_LEAST_SIMULATIONS} "
            "are needed to know how near real maps of different ones are."
        )
    rng = ground.rng("memorisation")
    index = _Index(training, ground.tell)
    count = min(len(ground.generated.maps), len(training), _MOST_MAPS)
    drawn = _some(len(ground.generated.maps), count, rng)
    real = _some(len(training), count, rng)
    generated = index.distances(log_field(ground.generated.maps[drawn]), None, rng)
    reference = index.distances(training.logs(real), training.simulation[real], rng)
    value = min(1.0, float(generated.min() / reference.min()))
    chosen = rng.integers(count, size=(_RESAMPLES, 2, count))
    nearest = reference[chosen].min(axis=-1)
    floor = np.sqrt(np.mean((np.minimum(1.0, nearest[:, 0] / nearest[:, 1]) - 1.0) ** 2))
    # A single map is not averaged away by resampling: one copy among many is a copy.
    numbers = Numbers(np.array([value]), np.zeros(1), np.array([floor]))
    entries = entries_of(("nearest distance, generated / real",), numbers, level, 1.0, ground.generated.n)
    note = (
        f"{count:,} of {len(ground.generated.maps):,} maps, each with the {min(_CANDIDATES, len(training))} of "
        f"{len(training):,} training maps that resemble it most, {min(index.full, count)} with all of them."
    )
    return Outcome(entries, (_curve(generated, reference),), note)


class _Index:
    """The training maps by quantities that no shift, flip or turn changes."""

    def __init__(self, training: Training, tell: Callable[[str], None]) -> None:
        self.training, self.tell = training, tell
        grid = training.grid
        step = max(1, _CHUNK_PIXELS // grid**2)
        pieces = []
        for first in range(0, len(training), step):
            tell("memorisation")
            pieces.append(_invariants(training.logs(slice(first, first + step))))
        features = np.concatenate(pieces)
        self.middle, self.width = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
        self.tree = cKDTree((features - self.middle) / self.width)
        self.full = min(_FULL, _MOST_PIXELS // (len(features) * grid**2))
        # A complete comparison is made only if it fits in memory.
        self._everything = training.logs(slice(None)) if self.full else np.zeros((0, grid, grid))

    def distances(self, logs: FloatArray, own: NDArray[np.int64] | None, rng: np.random.Generator) -> FloatArray:
        """√(1 − r) between each map (B,) and its nearest training map of a simulation other than its `own`."""
        simulation = self.training.simulation
        most = int(np.unique(simulation, return_counts=True)[1].max()) if own is not None else 0
        wanted = min(_CANDIDATES + most, len(simulation))
        _, near = self.tree.query((_invariants(logs) - self.middle) / self.width, k=wanted)
        correlation = np.full(len(logs), -1.0)
        for b, candidates in enumerate(near.reshape(len(logs), -1)):
            self.tell("memorisation")
            others = candidates if own is None else candidates[simulation[candidates] != own[b]]
            if len(others):
                correlation[b] = nearest_training_map(logs[b], self.training.logs(others[:_CANDIDATES])).correlation[0]
        for b in rng.permutation(len(logs))[: self.full].tolist():
            self.tell("memorisation")
            mine, theirs = (None, None) if own is None else (own[b : b + 1], simulation)
            found = nearest_training_map(logs[b], self._everything, mine, theirs).correlation[0]
            correlation[b] = max(correlation[b], float(np.nan_to_num(found, nan=-1.0)))
        return np.sqrt(np.maximum(1.0 - correlation, 0.0))


def _curve(generated: FloatArray, reference: FloatArray) -> Curve:
    share = np.linspace(0, 1, 51)
    zeros = np.zeros(len(share))
    return Curve(
        "Distance to the nearest training map", share, "share of maps below", "√(1 − r)",
        np.quantile(generated, share), zeros, np.quantile(reference, share), zeros,
    )  # fmt: skip


def _invariants(logs: FloatArray) -> FloatArray:
    """ln P by ring of the standardised map, and its quantiles."""
    away = logs - logs.mean(axis=(1, 2), keepdims=True)
    away = away / np.maximum(away.std(axis=(1, 2), keepdims=True), 1e-300)
    rings = ring_modes(logs.shape[-1])
    squared = np.abs(np.fft.rfft2(away).reshape(len(away), -1)) ** 2
    power = np.stack([rings.sums @ one for one in squared]) / rings.n_modes
    quantiles = np.quantile(away.reshape(len(away), -1), _QUANTILES, axis=1).T
    return np.concatenate([np.log(power + 1e-12), quantiles], axis=1)


def _some(n: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(rng.permutation(n)[:count])
