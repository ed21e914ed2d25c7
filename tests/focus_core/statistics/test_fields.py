"""What statistics ask of maps, and the fields made of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from focus_core.errors import UserError
from focus_core.statistics.fields import heights, log_density, overdensity, smoothed


def test_the_overdensity_of_each_map_has_mean_nought_and_is_the_same_from_a_tensor_or_an_array() -> None:
    maps = 7e10 * np.random.default_rng(1).lognormal(size=(3, 8, 8)) * np.array([1.0, 2.0, 5.0])[:, None, None]
    found = overdensity(maps)
    np.testing.assert_allclose(found.mean(axis=(1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose((1 + found) * maps.mean(axis=(1, 2), keepdims=True), maps, rtol=1e-12)
    np.testing.assert_array_equal(overdensity(torch.from_numpy(maps)), found)


def test_a_logarithm_is_floored_where_it_is_asked_and_refused_where_there_is_none() -> None:
    maps = np.full((2, 4, 4), 100.0)
    maps[1, 0, 0] = 0.0
    np.testing.assert_allclose(log_density(maps, floor=0.1)[1, 0, :2], [-1.0, 2.0])
    with pytest.raises(UserError, match="map 1 has pixels that are not positive"):
        log_density(maps)


def test_smoothing_multiplies_a_cosine_by_the_gaussian_of_its_own_wave_number() -> None:
    grid, box, radius = 32, 25.0, 1.3
    x = np.arange(grid) * box / grid
    k = 2 * np.pi / box * np.array([3, 2])
    field = np.cos(k[0] * x[:, None] + k[1] * x[None, :])
    np.testing.assert_allclose(smoothed(field, box, radius)[0], field * np.exp(-(k @ k) * radius**2 / 2), atol=1e-12)


def test_heights_are_measured_in_the_own_scatter_or_in_that_which_is_given() -> None:
    field = np.random.default_rng(2).normal(3.0, 2.0, (2, 16, 16))
    own = heights(field)
    np.testing.assert_allclose(own.std(axis=(1, 2)), 1)
    np.testing.assert_allclose(heights(field, sigma=4.0), own * field.std(axis=(1, 2))[:, None, None] / 4.0)


@pytest.mark.parametrize(
    ("fields", "sigma", "words"),
    [
        (np.ones((2, 4, 4)), None, "map 0 is the same in every pixel"),
        (np.full((4, 4), np.nan), None, "map 0 has pixels that are not finite"),
        (np.eye(4), 0.0, "σ is 0"),
        (np.ones((4, 5)), None, r"shape \(1, 4, 5\)"),
    ],
)
def test_fields_without_heights_are_refused_by_index(fields: np.ndarray, sigma: float | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        heights(fields, sigma)
