"""The regression recovers coefficients it was given, and its errors are those of repeated suites."""

from __future__ import annotations

import numpy as np
import pytest

from focus_core.errors import UserError
from focus_core.parameters import CAMELS_LH6, WCDM6, Parameter, ParameterSpace
from focus_core.statistics.smoothed_truth import design_matrix, fit_smoothed_truth, gamma_fit, polynomial_terms

SCATTER = 0.25
# constant, six linear, Ω_m², Ω_m σ8, σ8²; two bands.
COEFFICIENTS = np.array(
    [
        [3.0, 1.0],
        [-0.5, -0.3],
        [-0.1, 0.1],
        [0.2, 0.1],
        [0.1, 0.2],
        [0.6, 0.8],
        [0.1, 0],
        [0.2, 0.1],
        [0.1, 0],
        [-0.1, 0.1],
    ]
)


def expected(theta: np.ndarray) -> np.ndarray:
    m, s = theta[:, 0], theta[:, 4]
    design = np.column_stack([np.ones(len(theta)), theta, m * m, m * s, s * s])
    return np.exp(design @ COEFFICIENTS)


def suite(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """θ and gamma-distributed band powers of relative width SCATTER."""
    theta = rng.uniform(-1, 1, (n, 6))
    return theta, expected(theta) * rng.gamma(SCATTER**-2, SCATTER**2, (n, 2))


def test_noiseless_powers_give_their_coefficients_back() -> None:
    theta = np.random.default_rng(0).uniform(-1, 1, (40, 6))
    fit = fit_smoothed_truth(theta, expected(theta), WCDM6)
    np.testing.assert_allclose(fit.coefficients, COEFFICIENTS, atol=1e-8)
    np.testing.assert_allclose(fit.dispersion, 0, atol=1e-12)


def test_the_fit_maximises_the_gamma_likelihood() -> None:
    """Its score equations are Xᵀ(P/μ − 1) = 0."""
    theta, power = suite(80, np.random.default_rng(1))
    fit = fit_smoothed_truth(theta, power, WCDM6)
    m, s = theta[:, 0], theta[:, 4]
    design = np.column_stack([np.ones(80), theta, m * m, m * s, s * s])
    np.testing.assert_allclose(design.T @ (power / fit.predict(theta) - 1), 0, atol=1e-7)


def test_the_mean_is_unbiased_where_a_mean_of_logarithms_is_low() -> None:
    theta, power = suite(20_000, np.random.default_rng(2))
    fit = fit_smoothed_truth(theta, power, WCDM6)
    # Standard error of a coefficient: 0.25/√20,000 over an rms of θ of 0.58, or 0.3 for the quadratic terms: < 0.006.
    np.testing.assert_allclose(fit.coefficients, COEFFICIENTS, atol=0.025)
    np.testing.assert_allclose(fit.dispersion, SCATTER**2, rtol=0.05)


def test_the_bootstrap_error_is_the_scatter_of_repeated_suites() -> None:
    rng = np.random.default_rng(3)
    at = np.zeros((1, 6))
    repeated = np.concatenate([fit_smoothed_truth(*suite(80, rng), WCDM6).predict(at) for _ in range(200)])
    truth = repeated.std(axis=0, ddof=1) / repeated.mean(axis=0)
    errors = [fit_smoothed_truth(*suite(80, rng), WCDM6).error(at, rng, samples=100)[0] for _ in range(10)]
    # 200 suites know their scatter to 5 %; a bootstrap of 80 simulations with ten terms runs somewhat high.
    np.testing.assert_allclose(np.mean(errors, axis=0), truth, rtol=0.3)


def test_spaces_without_the_two_cosmological_parameters_stay_linear() -> None:
    p = Parameter("a", "a", "a", "a", 0, 1)
    plain = ParameterSpace("plain", (p, Parameter("b", "b", "b", "b", 0, 1)))
    rng = np.random.default_rng(4)
    assert fit_smoothed_truth(rng.uniform(-1, 1, (20, 2)), np.ones((20, 1)), plain).coefficients.shape == (3, 1)
    theta = rng.uniform(-1, 1, (30, 6))
    assert fit_smoothed_truth(theta, np.ones((30, 1)), CAMELS_LH6).terms[-2:] == ((0, 1), (1, 1))


def test_too_few_simulations_and_powers_without_a_logarithm_are_refused() -> None:
    theta = np.zeros((19, 6))
    with pytest.raises(UserError, match="19 simulations are too few for 10 terms"):
        fit_smoothed_truth(theta, np.ones((19, 2)), WCDM6)
    with pytest.raises(UserError, match="positive"):
        fit_smoothed_truth(np.zeros((20, 6)), np.zeros((20, 2)), WCDM6)


def test_a_fit_to_powers_with_outliers_settles_at_the_maximum_of_its_likelihood() -> None:
    """Full steps overshoot on such powers and overflow; the gradient of the likelihood is zero where it ends."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        design = design_matrix(np.repeat(rng.uniform(-1, 1, (12, 6)), 3, axis=0), polynomial_terms(CAMELS_LH6))
        power = rng.lognormal(0.0, 2.0, (36, 8))
        coefficients, failed = gamma_fit(design, power)
        assert not failed.any()
        assert np.isfinite(coefficients).all()
        gradient = design.T @ (power * np.exp(-design @ coefficients) - 1.0)
        np.testing.assert_allclose(gradient, 0.0, atol=1e-3)  # of sums of 36


def test_bands_without_a_logarithm_have_failed_and_the_others_have_not() -> None:
    rng = np.random.default_rng(0)
    design = design_matrix(rng.uniform(-1, 1, (40, 6)), polynomial_terms(WCDM6))
    power = rng.gamma(5.0, size=(40, 4))
    alone = gamma_fit(design, power)[0]
    power[3, 1], power[5, 2] = np.inf, 0.0
    coefficients, failed = gamma_fit(design, power)
    np.testing.assert_array_equal(failed, [False, True, True, False])
    np.testing.assert_allclose(coefficients[:, [0, 3]], alone[:, [0, 3]])
    assert np.isfinite(coefficients).all()
    expected = np.delete(power[:, 2], 5).mean()
    np.testing.assert_allclose(np.exp(design @ coefficients)[:, 2], expected)
