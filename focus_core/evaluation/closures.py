"""Closure: a small regressor trained to infer θ from real maps is applied to generated ones.

Its input from each map is ln P(k) of Σ and of log10 Σ by ring, the mean of the field and the scattering coefficients,
and their squares, standardised; it is a ridge regression, its penalty chosen by generalised cross-validation (Golub,
Heath & Wahba 1979, Technometrics 21, 215). Estimates of a simulation are means over its maps. It is trained and
tested on different simulations; its residuals on real test maps are the standard with which those of generated
maps are compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from focus_core.errors import UserError
from focus_core.evaluation.ground import Ground
from focus_core.evaluation.measures import Parts
from focus_core.evaluation.scoring import Entry, Numbers, Outcome, draws, entries_of, spread_of
from focus_core.statistics.fields import FloatArray

LEAST_TRAINING, LEAST_TEST = 200, 50
SCATTER_LEVEL = 0.20
# Share of a parameter's variance that the regressor must explain on real maps for its residuals to be meaningful.
_LEAST_R2 = 0.3
_CODE = "focus_core.evaluation.measures"
# The features, and which of them are positive and enter through their logarithm.
_SEEN = (("power", True), ("log_power", True), ("mean_of_field", False), ("coefficients", False))


def closure(ground: Ground, level: float) -> Outcome:
    """For each parameter that real maps constrain: bias of generated maps against real ones in units of the scatter of
    real ones, and the relative difference of their scatters."""
    training, generated, real = _parts(ground)
    features = [_features([ground.measured(f"{_CODE}:{name}")[side] for name, _ in _SEEN]) for side in (0, 1)]
    unit = ground.space.to_unit(ground.reference.theta)
    rows = np.isin(ground.reference.simulation, training)
    reader = _Reader.fitted(features[1][rows], unit[ground.reference.simulation[rows]])
    drawn = ground.generated.means(reader.read(features[0]))[generated] - unit[real]
    held = ground.reference.means(reader.read(features[1]))[real] - unit[real]
    told = 1.0 - held.var(axis=0) / np.maximum(unit[real].var(axis=0), 1e-12)
    kept = np.flatnonzero(told > _LEAST_R2).tolist()
    if not kept:
        raise UserError("real maps tell no parameter of theirs to this regressor, so there is nothing to close.")
    n = len(real)
    share = draws(n, ground.rng("closure")) / n
    entries: list[Entry] = []
    for i in kept:
        entries += _entries(ground.space.parameters[i].symbol, drawn[:, i], held[:, i], share, level)
    silent = [p.symbol for i, p in enumerate(ground.space.parameters) if i not in kept]
    note = f"Trained on {len(training)} simulations, tried at {n} θ. " + (
        f"Real maps do not tell {', '.join(silent)}." if silent else ""
    )
    return Outcome(tuple(entries), (), note.strip())


@dataclass(frozen=True)
class _Reader:
    """θ in [−1, 1] (B, d) from features (B, q)."""

    middle: FloatArray
    width: FloatArray
    weights: FloatArray
    mean: FloatArray

    @classmethod
    def fitted(cls, features: FloatArray, theta: FloatArray) -> _Reader:
        middle, width = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
        seen = _with_squares((features - middle) / width)
        mean = theta.mean(axis=0)
        u, s, v = np.linalg.svd(seen, full_matrices=False)
        projected = u.T @ (theta - mean)
        best, weights = np.inf, np.zeros((seen.shape[1], theta.shape[1]))
        for penalty in np.geomspace(1e-4, 1e2, 13) * len(seen):
            kept = s**2 / (s**2 + penalty)
            residual = theta - mean - u @ (kept[:, None] * projected)
            score = float(np.mean(residual**2) / (1 - kept.sum() / len(seen)) ** 2)
            if score < best:
                best, weights = score, v.T @ ((s / (s**2 + penalty))[:, None] * projected)
        return cls(middle, width, weights, mean)

    def read(self, features: FloatArray) -> FloatArray:
        return _with_squares((features - self.middle) / self.width) @ self.weights + self.mean


def _entries(symbol: str, drawn: FloatArray, held: FloatArray, share: FloatArray, level: float) -> list[Entry]:
    n, width = len(held), float(held.std(ddof=1))

    def numbers(a: FloatArray, b: FloatArray) -> FloatArray:
        """(…, 2) of weights (…, n) of generated and of real residuals."""
        bias = (a @ drawn - b @ held) / width
        scatters = [np.sqrt(np.maximum(w @ r**2 - (w @ r) ** 2, 1e-300)) for w, r in ((a, drawn), (b, held))]
        return np.stack([bias, scatters[0] / scatters[1] - 1.0], axis=-1)

    even = np.full(n, 1 / n)
    value, error = numbers(even, even), spread_of(numbers(share, share), n)
    # A perfect emulator's residuals would be those of real maps with other phases: the real ones, drawn twice.
    again = share[::-1]
    one, other = share @ held, again @ held
    bias = np.sqrt(np.mean((one - other) ** 2)) / width
    spreads = [np.sqrt(np.maximum(w @ held**2 - (w @ held) ** 2, 1e-300)) for w in (share, again)]
    floor = np.array([bias, np.sqrt(np.mean((spreads[0] / spreads[1] - 1.0) ** 2))])
    labels = (f"{symbol}, bias", f"{symbol}, scatter")
    return list(entries_of(labels, Numbers(value, error, floor), (level, SCATTER_LEVEL), 0.0, n))


def _parts(ground: Ground) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Simulations to train on, the θ of generated maps to test, and the simulation at each of those."""
    matching = ground.expectation.matching
    if matching is None:
        raise UserError("the maps are at θ of no simulation, so their real counterparts are not there.")
    own = matching.argmax(axis=1)
    tried = np.arange(ground.generated.n)
    training = np.flatnonzero(~(matching > 0).any(axis=0))
    if len(training) < LEAST_TRAINING and len(tried) >= LEAST_TRAINING + LEAST_TEST:
        # Maps at every θ: a fifth of them is tested on a regressor that was trained on the other simulations.
        tried = tried[:: max(1, min(5, len(tried) // LEAST_TEST))]
        training = np.flatnonzero(~(matching[tried] > 0).any(axis=0))
    if len(training) < LEAST_TRAINING or len(tried) < LEAST_TEST:
        raise UserError(
            f"there are {len(training)} simulations to train a regressor on and {len(tried)} to try it on; "
            f"{LEAST_TRAINING} and {LEAST_TEST} are needed (--n {LEAST_TEST} where a split has as many)."
        )
    return training, tried, own[tried]


def _features(measured: list[Parts]) -> FloatArray:
    columns = []
    for parts, (_, positive) in zip(measured, _SEEN, strict=True):
        for part in parts.values():
            columns.append(np.log(np.maximum(part.values, 1e-300)) if positive else part.values)
    return np.concatenate(columns, axis=1)


def _with_squares(values: FloatArray) -> FloatArray:
    return np.concatenate([values, values**2 - 1.0], axis=1)
