"""Counts of maxima and minima against brute force and the theory of a Gaussian random field."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erfc

from focus_core.errors import UserError
from focus_core.statistics.fields import smoothed
from focus_core.statistics.peaks import count_peaks


def gaussian_density_of_maxima(nu: float, gamma: float) -> float:
    """Bond & Efstathiou 1987, appendix 1: maxima per ν and per θ*², for γ = σ₁²/(σ₀σ₂) and θ* = √2 σ₁/σ₂."""
    x, g2 = gamma * nu, gamma**2
    upper = 1 - 0.5 * erfc(x / np.sqrt(2 * (1 - g2)))
    lower = 1 - 0.5 * erfc(x / np.sqrt(2 * (1 - g2) * (3 - 2 * g2)))
    g = (
        (x**2 - g2) * upper
        + x * (1 - g2) * np.exp(-(x**2) / (2 * (1 - g2))) / np.sqrt(2 * np.pi * (1 - g2))
        + np.exp(-(x**2) / (3 - 2 * g2)) / np.sqrt(3 - 2 * g2) * lower
    )
    return float((2 * np.pi) ** -1.5 * np.exp(-(nu**2) / 2) * g)


def test_agrees_with_a_loop_over_pixels_and_their_eight_periodic_neighbours() -> None:
    fields = np.random.default_rng(1).normal(2.0, 3.0, (2, 9, 9))
    edges = np.array([-2.5, -0.5, 0.0, 0.3, 3.5])
    found = count_peaks(fields, 25.0, edges)
    for b, field in enumerate(fields):
        heights = {"maxima": [], "minima": []}
        for i, j in itertools.product(range(9), repeat=2):
            around = [field[(i + a) % 9, (j + c) % 9] for a in (-1, 0, 1) for c in (-1, 0, 1) if (a, c) != (0, 0)]
            nu = (field[i, j] - field.mean()) / field.std()
            if field[i, j] > max(around):
                heights["maxima"].append(nu)
            if field[i, j] < min(around):
                heights["minima"].append(nu)
        np.testing.assert_array_equal(found.maxima[b], np.histogram(heights["maxima"], edges)[0])
        np.testing.assert_array_equal(found.minima[b], np.histogram(heights["minima"], edges)[0])
    assert found.maxima.sum() > 4


def test_the_corner_pixel_of_a_periodic_map_is_a_maximum_once_and_a_plateau_is_none() -> None:
    field = np.zeros((6, 6))
    field[0, 0] = 1.0
    field[3, 3] = field[3, 4] = 2.0
    assert count_peaks(field, 6.0, [-10, 10]).maxima.tolist() == [[1]]
    assert count_peaks(field, 6.0, [-10, 10]).minima.tolist() == [[0]]


def test_minima_are_the_maxima_of_the_negative_field_and_heights_follow_a_given_sigma() -> None:
    field = np.random.default_rng(2).normal(size=(16, 16))
    edges = np.linspace(-4, 4, 9)
    found, turned = count_peaks(field, 16.0, edges), count_peaks(-field, 16.0, edges)
    np.testing.assert_array_equal(found.minima, turned.maxima[:, ::-1])
    wide = count_peaks(3 * field, 16.0, 3 * edges, sigma=float(field.std()))
    np.testing.assert_array_equal(wide.maxima, found.maxima)


def test_a_gaussian_random_field_has_the_maxima_and_minima_of_bond_and_efstathiou() -> None:
    # White noise smoothed by exp(−k²R²/2): σ₀², σ₁², σ₂² ∝ 1/2R², 1/2R⁴, 1/R⁶, so γ² = ½ and θ* = R.
    # In all there are 1/(4√3π θ*²) per area.
    grid, radius, n_maps, gamma = 128, 4.0, 40, np.sqrt(0.5)
    fields = smoothed(np.random.default_rng(3).standard_normal((n_maps, grid, grid)), grid, radius)
    sigma = float(np.sqrt((fields**2).mean()))
    edges = np.array([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
    expected = np.array(
        [quad(gaussian_density_of_maxima, a, b, args=(gamma,))[0] for a, b in itertools.pairwise(edges)]
    )
    expected *= grid**2 / radius**2
    total = quad(gaussian_density_of_maxima, -6, 6, args=(gamma,))[0]
    assert total == pytest.approx(1 / (4 * np.sqrt(3) * np.pi), rel=1e-6)
    found = count_peaks(fields, float(grid), edges, sigma)
    minima = count_peaks(fields, float(grid), -edges[::-1], sigma).minima[:, ::-1]
    for counts in (found.maxima, minima):
        error = counts.std(axis=0, ddof=1) / np.sqrt(n_maps)
        assert np.abs((counts.mean(axis=0) - expected) / error).max() < 3.5
        everything = counts.sum(axis=1)
        assert everything.mean() == pytest.approx(expected.sum(), abs=3.5 * everything.std() / np.sqrt(n_maps))
    np.testing.assert_allclose(found.density(found.maxima), found.maxima / grid**2 / np.diff(edges))


def test_edges_and_maps_without_peaks_are_refused() -> None:
    with pytest.raises(UserError, match="must increase"):
        count_peaks(np.eye(4), 4.0, [1.0, 0.0])
    with pytest.raises(UserError, match="have 2 pixels per side"):
        count_peaks(np.eye(2), 4.0, [0.0, 1.0])
    with pytest.raises(UserError, match="the same in every pixel"):
        count_peaks(np.ones((4, 4)), 4.0, [0.0, 1.0])
