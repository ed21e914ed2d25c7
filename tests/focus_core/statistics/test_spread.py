"""Scatter, correlation and χ² of P(k) with known covariances, and errors of means over simulations with sister maps."""

from __future__ import annotations

import numpy as np
import pytest
import scipy

from focus_core.errors import UserError
from focus_core.statistics.spread import (
    bootstrap_error,
    correlation_distance,
    correlation_matrix,
    expected_reduced_chi2,
    ratio_of_means,
    reduced_chi2,
    relative_scatter,
    scatter_ratio,
    simulation_means,
)

RNG = np.random.default_rng


def sisters(seed: int, n: int, n_maps: int, between: float, within: float) -> np.ndarray:
    """1 + a deviation of each simulation + one of each map, (n, n_maps, 2)."""
    rng = RNG(seed)
    return 1 + between * rng.normal(size=(n, 1, 2)) + within * rng.normal(size=(n, n_maps, 2))


def test_a_ratio_of_sums_is_not_a_mean_of_ratios_and_its_error_is_that_of_the_mean() -> None:
    rng = RNG(5)
    truth = np.exp(rng.normal(size=(400, 2)))
    generated = truth * np.array([1.1, 0.9]) * rng.gamma(25, 1 / 25, (400, 2))
    found = ratio_of_means(generated, truth, rng)
    np.testing.assert_allclose(found.ratio, generated.sum(0) / truth.sum(0))
    # Propagated by hand: scatter of (generated − ratio·truth) over the sum of truth.
    by_hand = (generated - found.ratio * truth).std(axis=0) * np.sqrt(400) / truth.sum(0)
    np.testing.assert_allclose(found.error, by_hand, rtol=0.15)
    same = ratio_of_means(truth, truth, rng)
    np.testing.assert_allclose(same.ratio, 1)
    np.testing.assert_allclose(same.error, 0, atol=1e-12)


def test_sister_maps_do_not_make_the_error_of_a_ratio_of_means_smaller_than_their_simulations_allow() -> None:
    n, n_maps, between, within = 300, 12, 0.2, 0.1
    generated, true = sisters(1, n, n_maps, between, within), sisters(2, n, n_maps, between, within)
    found = ratio_of_means(generated.mean(axis=1), true.mean(axis=1), RNG(3))
    one = np.sqrt((between**2 + within**2 / n_maps) / n)
    # √2 for two independent means; a bootstrap error of 300 simulations is known to 1/√600 = 4 %.
    np.testing.assert_allclose(found.error, np.sqrt(2) * one, rtol=4 * 0.045)
    np.testing.assert_allclose(found.ratio, 1, atol=4 * np.sqrt(2) * one)
    as_if_independent = ratio_of_means(generated.reshape(-1, 2), true.reshape(-1, 2), RNG(3), samples=200)
    assert (as_if_independent.error < 0.5 * found.error).all()


def test_means_over_simulations_weigh_each_map_of_a_simulation_alike_whatever_their_number_and_order() -> None:
    values = np.array([[1.0, 10.0], [5.0, 50.0], [3.0, 30.0], [4.0, 40.0]])
    np.testing.assert_allclose(simulation_means(values, [7, 2, 7, 7]), [[5, 50], [8 / 3, 80 / 3]])
    np.testing.assert_allclose(simulation_means([1.0, 3.0, 9.0], ["a", "a", "b"]), [2, 9])


def test_the_bootstrap_error_of_a_mean_and_of_a_standard_deviation_are_those_of_a_normal_distribution() -> None:
    values = RNG(4).normal(3.0, 0.5, 400)
    found = bootstrap_error(lambda chosen: [values[chosen].mean(), values[chosen].std()], 400, RNG(5))
    # Known to 1/√800 from the sample and to 1/√2000 from the resamples.
    np.testing.assert_allclose(found, [0.5 / 20, 0.5 / np.sqrt(800)], rtol=4 * 0.06)


def test_the_scatter_of_maps_is_relative_to_what_is_expected_at_their_own_parameters() -> None:
    n, n_maps = 200, 10
    expected = np.exp(RNG(6).normal(size=(n, 2)))
    power = expected[:, None] * sisters(7, n, n_maps, 0.0, 0.25)
    np.testing.assert_allclose(relative_scatter(power, expected), 0.25, rtol=4 / np.sqrt(2 * n * n_maps))
    assert (relative_scatter(power, np.ones_like(expected)) > 1).all()


def test_half_the_scatter_is_a_ratio_of_one_half_with_the_error_of_two_standard_deviations() -> None:
    n, n_maps = 150, 4
    generated, true = sisters(8, n, n_maps, 0.0, 0.1), sisters(9, n, n_maps, 0.0, 0.2)
    found = scatter_ratio(generated, true, np.ones((n, 2)), RNG(10), samples=400)
    error = 0.5 * np.sqrt(2 / (2 * n * n_maps))
    np.testing.assert_allclose(found.ratio, 0.5, atol=4 * error)
    np.testing.assert_allclose(found.error, error, rtol=0.3)


def test_correlations_are_those_of_the_planted_covariance() -> None:
    n = 4000
    covariance = np.array([[4.0, 1.2, 0.0], [1.2, 1.0, -0.3], [0.0, -0.3, 0.25]])
    values = RNG(11).multivariate_normal([10, 5, 1], covariance, n)
    expected = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    found = correlation_matrix(values)
    # The error of a correlation is (1 − ρ²)/√n.
    assert (np.abs(found - expected) <= 4 * (1 - expected**2) / np.sqrt(n) + 1e-12).all()
    assert correlation_distance(expected, np.eye(3)) == pytest.approx(np.sqrt((0.6**2 + 0.6**2) / 3))
    assert correlation_distance(found, expected) < 4 / np.sqrt(n)


def test_leave_one_out_agrees_with_a_loop_that_leaves_one_out() -> None:
    values = RNG(12).lognormal(size=(9, 4))
    expected = []
    for i in range(9):
        others = np.delete(values, i, axis=0)
        expected.append((((values[i] - others.mean(axis=0)) / others.std(axis=0, ddof=1)) ** 2).mean())
    np.testing.assert_allclose(reduced_chi2(values), expected, rtol=1e-10)
    held = reduced_chi2(values[:1], values[1:])
    np.testing.assert_allclose(held, expected[:1], rtol=1e-10)


@pytest.mark.parametrize("n", [8, 20])
def test_the_mean_chi2_of_normal_values_is_that_of_estimated_means_and_variances(n: int) -> None:
    sets = RNG(13).normal(size=(3000, n, 3))
    means = np.array([reduced_chi2(each).mean() for each in sets])
    expected = expected_reduced_chi2(n - 1)
    assert means.mean() == pytest.approx(expected, abs=4 * means.std() / np.sqrt(len(sets)))
    # (x − x̄)²/s² · m/(m + 1) is Student's t² of m − 1 degrees of freedom.
    assert expected == pytest.approx(n / (n - 1) * scipy.stats.t(n - 2).var())


def test_too_few_or_equal_maps_and_shapes_that_differ_are_refused() -> None:
    with pytest.raises(UserError, match="3 other maps are too few"):
        reduced_chi2(np.eye(4))
    with pytest.raises(UserError, match="all the same in a ring"):
        reduced_chi2(np.ones((6, 2)))
    with pytest.raises(UserError, match="there is one map"):
        relative_scatter(np.ones((1, 1, 2)), np.ones((1, 2)))
    with pytest.raises(UserError, match="2 maps are too few"):
        correlation_matrix(np.eye(2))
    with pytest.raises(ValueError, match="not one"):
        ratio_of_means(np.ones((3, 2)), np.ones((2, 2)), RNG(0))
