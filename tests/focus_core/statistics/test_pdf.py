"""The one-point distribution against scipy and the closed forms of a lognormal field."""

from __future__ import annotations

import numpy as np
import pytest
import scipy

from focus_core.errors import UserError
from focus_core.statistics.pdf import distances, field_mean, one_point, rms_log_ratio, tail_percentiles

RNG = np.random.default_rng


def lognormal(seed: int, mean: float, dex: float, shape: tuple[int, ...]) -> np.ndarray:
    """log10 Σ is normal, of this mean and scatter."""
    return 10 ** RNG(seed).normal(mean, dex, shape)


def test_distances_agree_with_scipy_for_sets_of_different_size_with_ties() -> None:
    first, second = lognormal(1, 11, 0.3, (3, 8, 8)), lognormal(2, 11.1, 0.4, (2, 6, 6))
    second.ravel()[:20] = first.ravel()[:20]  # the same value in both sets, and several times
    second.ravel()[20:25] = second.ravel()[0]
    a, b = np.log10(first).ravel(), np.log10(second).ravel()
    found = distances(first, second)
    assert found.ks[0] == pytest.approx(scipy.stats.ks_2samp(a, b).statistic, abs=1e-12)
    assert found.wasserstein[0] == pytest.approx(scipy.stats.wasserstein_distance(a, b), abs=1e-12)


def test_weighted_maps_count_as_maps_that_are_repeated_so_that_simulations_can_be_resampled() -> None:
    first, second = lognormal(3, 11, 0.3, (3, 4, 4)), lognormal(4, 11, 0.5, (2, 4, 4))
    found = distances(first, second, [[2, 0, 1], [1, 1, 1]], [[1, 3], [1, 1]])
    again = distances(first[[0, 0, 2]], second[[0, 1, 1, 1]])
    np.testing.assert_allclose([found.ks[0], found.wasserstein[0]], [again.ks[0], again.wasserstein[0]])
    plain = distances(first, second)
    np.testing.assert_allclose([found.ks[1], found.wasserstein[1]], [plain.ks[0], plain.wasserstein[0]])


def test_two_shifted_lognormal_fields_are_apart_by_their_closed_forms() -> None:
    dex, shift, pixels = 0.3, 0.1, 200 * 16 * 16
    found = distances(lognormal(5, 11, dex, (200, 16, 16)), lognormal(6, 11 + shift, dex, (200, 16, 16)))
    # W₁ is the shift, with the error of a difference of two means; KS is F − G midway, with that of two proportions.
    assert found.wasserstein[0] == pytest.approx(shift, abs=4 * dex * np.sqrt(2 / pixels))
    assert found.ks[0] == pytest.approx(2 * scipy.stats.norm.cdf(shift / 2 / dex) - 1, abs=4 * np.sqrt(0.5 / pixels))


def test_two_lognormal_fields_of_different_scatter_are_apart_by_the_mean_modulus_of_a_normal() -> None:
    pixels = 200 * 16 * 16
    found = distances(lognormal(7, 11, 0.30, (200, 16, 16)), lognormal(8, 11, 0.36, (200, 16, 16)))
    expected = 0.06 * np.sqrt(2 / np.pi)
    assert found.wasserstein[0] == pytest.approx(expected, abs=4 * 0.36 * np.sqrt(2 / pixels))


def test_a_histogram_is_a_density_and_agrees_with_the_normal_distribution_of_the_logarithm() -> None:
    maps = lognormal(9, 11, 0.3, (50, 16, 16))
    edges = np.linspace(10.4, 11.6, 13)
    found = one_point(maps, edges)
    np.testing.assert_allclose(found.density @ np.diff(edges) + found.below + found.above, 1)
    expected = np.diff(scipy.stats.norm.cdf(edges, 11, 0.3))
    error = np.sqrt(expected * (1 - expected) / maps.size)
    assert np.abs((found.density.mean(axis=0) * np.diff(edges) - expected) / error).max() < 4
    assert found.below.mean() == pytest.approx(scipy.stats.norm.cdf(-2), abs=4 * np.sqrt(0.023 / maps.size))
    np.testing.assert_allclose(found.centres[[0, -1]], [10.45, 11.55])


def test_tail_percentiles_agree_with_numpys_weighted_quantile() -> None:
    maps, weights = lognormal(10, 11, 0.4, (4, 16, 16)), np.array([3.0, 0.0, 1.0, 2.0])
    found = tail_percentiles(maps, [50, 99.9, 99.99, 100], [np.ones(4), weights])
    for row, w in zip(found, (np.ones(4), weights), strict=True):
        expected = np.quantile(maps.ravel(), [0.5, 0.999, 0.9999, 1], weights=np.repeat(w, 256), method="inverted_cdf")
        np.testing.assert_allclose(row, expected, rtol=1e-14)


def test_tail_percentiles_and_mean_of_a_lognormal_field_are_its_closed_forms() -> None:
    mean, dex = 11.0, 0.2
    maps = lognormal(11, mean, dex, (400, 16, 16))
    found = np.log10(tail_percentiles(maps)[0])
    for value, p in zip(found, (0.999, 0.9999), strict=True):
        z = scipy.stats.norm.ppf(p)
        error = dex * np.sqrt(p * (1 - p) / maps.size) / scipy.stats.norm.pdf(z)
        assert value == pytest.approx(mean + dex * z, abs=4 * error)
    s = dex * np.log(10)
    expected, relative = 10**mean * np.exp(s**2 / 2), np.sqrt(np.expm1(s**2) / maps.size)
    assert field_mean(maps).mean() == pytest.approx(expected, rel=4 * relative)


def test_the_field_mean_offset_is_the_root_mean_square_of_the_logarithm() -> None:
    assert rms_log_ratio([np.e, 1.0], [1.0, 1.0]) == pytest.approx(np.sqrt(0.5))
    assert rms_log_ratio([1.1, 1 / 1.1], [1.0, 1.0]) == pytest.approx(np.log(1.1))


def test_edges_percentiles_and_maps_without_a_logarithm_are_refused() -> None:
    with pytest.raises(UserError, match="must increase"):
        one_point(np.ones((4, 4)), [1.0, 1.0])
    with pytest.raises(UserError, match="at most 100"):
        tail_percentiles(np.ones((4, 4)), [101])
    with pytest.raises(UserError, match="second maps: map 0 has pixels that are not positive"):
        distances(np.ones((4, 4)), np.eye(4))
