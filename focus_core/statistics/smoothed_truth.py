"""The smoothed truth: ln E[P_band | θ] regressed over a whole suite, so that cosmic variance averages out.

Band powers scatter around their mean like gamma variables with a common relative width, hence a gamma likelihood with a
logarithmic link, fitted by iteratively reweighted least squares; with this link the weights are equal, and each
iteration is an ordinary least-squares fit of η + (P − μ)/μ, shortened where it overshoots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focus_core.errors import UserError
from focus_core.parameters import ParameterSpace

FloatArray = NDArray[np.float64]

_ITERATIONS = 1000
_TOLERANCE = 1e-10
# Halvings of a step that overshoots, and the change [of ln P] below which a fit counts as converged.
_HALVINGS, _SETTLED = 60, 1e-3
# Second-order terms if a space has these parameters: P responds to Ω_m and σ8 far more than to the rest.
_QUADRATIC = (("Omega_m", "Omega_m"), ("Omega_m", "sigma_8"), ("sigma_8", "sigma_8"))


@dataclass(frozen=True)
class SmoothedTruth:
    """E[P_band | θ] = exp(X(θ)·coefficients), with `coefficients` (n_terms, n_bands); θ is in [−1, 1].

    The training θ and powers are kept with the fit for `bootstrap`. `dispersion` (n_bands,) is the variance of P/E[P].
    """

    coefficients: FloatArray
    terms: tuple[tuple[int, ...], ...]
    dispersion: FloatArray
    theta_unit: FloatArray
    band_power: FloatArray

    def predict(self, theta_unit: ArrayLike) -> FloatArray:
        """Mean band powers (n, n_bands) [(Mpc/h)²] at θ (n, d) in [−1, 1]."""
        return np.exp(design_matrix(np.asarray(theta_unit, dtype=np.float64), self.terms) @ self.coefficients)

    def bootstrap(self, theta_unit: ArrayLike, rng: np.random.Generator, samples: int = 200) -> FloatArray:
        """Predictions (samples, n, n_bands) of fits to resampled simulations: their scatter is the truth's error."""
        n, predictions = len(self.theta_unit), []
        target = design_matrix(np.asarray(theta_unit, dtype=np.float64), self.terms)
        everything = design_matrix(self.theta_unit, self.terms)
        for _ in range(samples):
            chosen = _resample(n, everything, rng)
            predictions.append(np.exp(target @ gamma_regression(everything[chosen], self.band_power[chosen])))
        return np.stack(predictions)

    def leverage(self, theta_unit: ArrayLike) -> FloatArray:
        """xᵀ(XᵀX)⁻¹x at θ (n, d): variance of ln E there in units of one simulation's. Above 1 it extrapolates."""
        target = design_matrix(np.asarray(theta_unit, dtype=np.float64), self.terms)
        return np.asarray(np.square(target @ np.linalg.pinv(design_matrix(self.theta_unit, self.terms))).sum(axis=1))

    def standard_error(self, theta_unit: ArrayLike) -> FloatArray:
        """Relative standard error (n, n_bands) of `predict`, linearised: √(leverage · dispersion). Costs one fit."""
        return np.sqrt(self.leverage(theta_unit)[:, None] * self.dispersion)

    def error(self, theta_unit: ArrayLike, rng: np.random.Generator, samples: int = 200) -> FloatArray:
        """Relative standard error (n, n_bands) of `predict`."""
        predictions = self.bootstrap(theta_unit, rng, samples)
        return predictions.std(axis=0, ddof=1) / predictions.mean(axis=0)


def fit_smoothed_truth(theta_unit: ArrayLike, band_power: ArrayLike, space: ParameterSpace) -> SmoothedTruth:
    """Fit on θ (n, d) in [−1, 1] and the mean band powers (n, n_bands) of each simulation's maps.

    Terms: a constant, all d parameters, and Ω_m², Ω_m σ8, σ8² if the space has them. UserError if there are fewer
    simulations than twice the terms, or powers that are not positive.
    """
    theta = np.asarray(theta_unit, dtype=np.float64)
    power = np.asarray(band_power, dtype=np.float64)
    if not (np.isfinite(power).all() and (power > 0).all()):
        raise UserError("smoothed truth: band powers must be positive and finite; check the maps.")
    terms = polynomial_terms(space)
    if len(theta) < 2 * len(terms):
        raise UserError(
            f"smoothed truth: {len(theta)} simulations are too few for {len(terms)} terms; it needs {2 * len(terms)}."
        )
    design = design_matrix(theta, terms)
    coefficients = gamma_regression(design, power)
    residual = power / np.exp(design @ coefficients) - 1.0
    dispersion = (residual**2).sum(axis=0) / (len(theta) - np.linalg.matrix_rank(design))
    return SmoothedTruth(coefficients, terms, dispersion, theta, power)


def polynomial_terms(space: ParameterSpace) -> tuple[tuple[int, ...], ...]:
    """Columns to be multiplied for each term; () is the constant."""
    linear = [(i,) for i in range(len(space))]
    quadratic = [(space.index(a), space.index(b)) for a, b in _QUADRATIC if a in space.names and b in space.names]
    return ((), *linear, *quadratic)


def design_matrix(theta: FloatArray, terms: tuple[tuple[int, ...], ...]) -> FloatArray:
    return np.stack([theta[:, list(columns)].prod(axis=1) for columns in terms], axis=1)


def gamma_regression(design: FloatArray, power: FloatArray) -> FloatArray:
    """Gamma regression with a log link, all bands at once: (n_terms, n_bands)."""
    return gamma_fit(design, power)[0]


def gamma_fit(design: FloatArray, power: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The regression's coefficients (n_terms, n_bands), and which bands have failed (n_bands,).

    A step overshoots if one power is far above its expectation, and the next overflows. The deviance
    Σ η + P e^(−η) is convex, so a step that would raise it is halved until it does not. A band has failed if its powers
    are not positive and finite, or its fit does not converge: it gets its mean for every θ, if it has one.
    """
    usable = np.isfinite(power).all(axis=0) & (power > 0).all(axis=0)
    safe = np.where(usable, power, 1.0)
    # The minimum-norm solution leaves out directions in which θ does not vary at all.
    solve = np.linalg.pinv(design).astype(np.float64)
    coefficients: FloatArray = solve @ np.log(safe)
    change: FloatArray = np.full(power.shape[1], np.inf)
    for _ in range(_ITERATIONS):
        with np.errstate(over="ignore", invalid="ignore"):
            step: FloatArray = solve @ (safe * np.exp(-(design @ coefficients)) - 1.0)
            step *= _lengths(design, safe, coefficients, step)
        change = np.abs(step).max(axis=0)
        coefficients = coefficients + step
        if not (change >= _TOLERANCE).any():
            break
    failed = ~usable | ~np.isfinite(coefficients).all(axis=0) | (change > _SETTLED)
    coefficients[:, failed] = _constant(design, solve, power[:, failed])
    return coefficients, np.asarray(failed, dtype=np.bool_)


def _lengths(design: FloatArray, power: FloatArray, coefficients: FloatArray, step: FloatArray) -> FloatArray:
    """The fraction of the step (n_bands,) that lowers the deviance of each band: 1, halved repeatedly if needed."""
    length = np.ones(power.shape[1])
    before = _deviance(design @ coefficients, power)
    for _ in range(_HALVINGS):
        after = _deviance(design @ (coefficients + step * length), power)
        longer = ~(after <= before + 1e-12 * np.abs(before))
        if not longer.any():
            return length
        length[longer] /= 2.0
    length[longer] = 0.0
    return length


def _deviance(linear: FloatArray, power: FloatArray) -> FloatArray:
    return np.asarray((linear + power * np.exp(-linear)).sum(axis=0))


def _constant(design: FloatArray, solve: FloatArray, power: FloatArray) -> FloatArray:
    """Coefficients of ln⟨P⟩ for every θ, from the positive and finite values in each band; 0 if there are none."""
    good = np.isfinite(power) & (power > 0)
    total = np.where(good, power, 0.0).sum(axis=0)
    level = np.log(np.where(total > 0, total / np.maximum(good.sum(axis=0), 1), 1.0))
    return np.asarray(solve @ np.broadcast_to(level, (len(design), power.shape[1])))


def _resample(n: int, design: FloatArray, rng: np.random.Generator) -> NDArray[np.int64]:
    """Simulations drawn with replacement, redrawn if too few distinct ones were drawn to determine every term."""
    rank = np.linalg.matrix_rank(design)
    while True:
        chosen = rng.integers(n, size=n)
        if np.linalg.matrix_rank(design[chosen]) == rank:
            return chosen
