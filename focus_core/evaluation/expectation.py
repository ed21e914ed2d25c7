"""The expectation from the simulations at the θ of generated maps, for any measured quantity.

With enough simulations a summary of each, such as its mean P(k), is regressed on θ over all of them, which
averages cosmic variance out (`smoothed_truth`); otherwise the simulations at exactly the same θ are used. Positive
summaries have a logarithmic link, others are linear in the terms. A linear expectation is a sum over the simulations
with fixed weights, so that refits to resampled simulations cost one product of matrices for any number of columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from focus_core.errors import UserError
from focus_core.parameters import ParameterSpace
from focus_core.statistics.fields import FloatArray
from focus_core.statistics.smoothed_truth import design_matrix, gamma_regression, polynomial_terms

SMOOTHED, PAIRED = "smoothed", "paired"

_REFITS = 100
# θ that differ by less, relative to the width of the prior, are equal: tables are written in single precision.
SAME = 2e-6
# Mean leverage of the maps' θ above which the simulations do not constrain the fit (`SmoothedTruth.leverage`).
_FARTHEST = 1.0


@dataclass(frozen=True)
class Expected:
    """For one summary of q numbers: `at` (n, q) at the θ of the maps, and `refits` (S, q) of its mean over those θ.

    `residual` (R, q) of each simulation about the fit: a ratio if the summary is positive, otherwise a difference,
    widened to that of simulations not used in the fit. None if simulations were used directly.
    """

    at: FloatArray
    refits: FloatArray
    residual: FloatArray | None
    positive: bool


@dataclass(frozen=True)
class Expectation:
    """From the θ of R simulations to the n θ of maps."""

    kind: str
    design: FloatArray
    target: FloatArray
    matching: FloatArray | None
    resamples: NDArray[np.int64]
    rank: int

    @property
    def n_simulations(self) -> int:
        return len(self.design)

    @property
    def widening(self) -> float:
        """√(R/(R − p)): a fit of p terms absorbs part of the scatter of R simulations."""
        return float(np.sqrt(len(self.design) / max(len(self.design) - self.rank, 1)))

    def of(self, summary: FloatArray, positive: bool, few: FloatArray | None = None) -> Expected:
        """`summary` (R, q) of each simulation; `few` the same from only as many maps as were generated at each θ."""
        if self.matching is not None and self.kind == PAIRED:
            at = self.matching @ summary
            return Expected(at, at.mean(axis=0)[None], None, positive)
        coefficients = self._fit(self.design, summary, positive)
        refits = np.stack(
            [
                self._predict(self.target, self._fit(self.design[rows], summary[rows], positive), positive).mean(axis=0)
                for rows in self.resamples
            ]
        )
        own = self._predict(self.design, coefficients, positive)
        single = summary if few is None else few
        residual = single / own if positive else single - own
        middle = residual.mean(axis=0)
        residual = (residual - middle) * self.widening + (1.0 if positive else 0.0)
        return Expected(self._predict(self.target, coefficients, positive), refits, residual, positive)

    def at_simulations(self, summary: FloatArray, positive: bool) -> FloatArray:
        """(R, q) at the θ of the simulations themselves."""
        return self._predict(self.design, self._fit(self.design, summary, positive), positive)

    @staticmethod
    def _fit(design: FloatArray, summary: FloatArray, positive: bool) -> FloatArray:
        if positive:
            return gamma_regression(design, summary)
        return np.asarray(np.linalg.pinv(design) @ summary)

    @staticmethod
    def _predict(design: FloatArray, coefficients: FloatArray, positive: bool) -> FloatArray:
        linear = design @ coefficients
        return np.exp(linear) if positive else linear


def make_expectation(
    space: ParameterSpace, simulations: FloatArray, theta: FloatArray, rng: np.random.Generator
) -> Expectation:
    """From the θ (R, d) of simulations and those (n, d) of maps; UserError if the former say nothing of the latter."""
    near, far = space.to_unit(simulations), space.to_unit(theta)
    matching = _matching(near, far)
    for terms in (polynomial_terms(space), polynomial_terms(space)[: len(space) + 1]):
        design, target = design_matrix(near, terms), design_matrix(far, terms)
        rank = int(np.linalg.matrix_rank(design))
        if len(design) >= 2 * rank and len(design) > 2:
            _check_reach(design, target)
            return Expectation(SMOOTHED, design, target, matching, _resamples(design, rank, rng), rank)
    if matching is None:
        raise UserError(
            f"{len(design)} simulations are too few for a regression on θ, and the maps are at other θ; give maps at "
            f"the θ of simulations, or {2 * rank} simulations."
        )
    return Expectation(PAIRED, design, target, matching, np.zeros((0, 0), dtype=np.int64), rank)


def _check_reach(design: FloatArray, target: FloatArray) -> None:
    leverage = np.square(target @ np.linalg.pinv(design)).sum(axis=1)
    span = np.linalg.matrix_rank(np.concatenate([design, target])) > np.linalg.matrix_rank(design)
    if leverage.mean() > _FARTHEST or span:
        raise UserError("the maps are at θ outside the range of the simulations, which say nothing there.")


def _matching(simulations: FloatArray, theta: FloatArray) -> FloatArray | None:
    """(n, R): the mean over the simulations at each θ of maps; None if any θ has none."""
    apart = np.abs(theta[:, None] - simulations[None]).max(axis=-1)
    same = (apart <= SAME).astype(np.float64)
    count = same.sum(axis=1, keepdims=True)
    return same / count if (count > 0).all() else None


def _resamples(design: FloatArray, rank: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Simulations drawn with replacement (S, R), redrawn if they determine fewer terms than all do."""
    rows: list[NDArray[np.int64]] = []
    while len(rows) < _REFITS:
        chosen = rng.integers(len(design), size=len(design))
        if np.linalg.matrix_rank(design[chosen]) == rank:
            rows.append(chosen)
    return np.stack(rows)
