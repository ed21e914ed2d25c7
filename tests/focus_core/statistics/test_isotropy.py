"""P(k) by direction against a loop and planted anisotropy, and the seam of maps that are not periodic."""

from __future__ import annotations

import numpy as np
import pytest

from focus_core.errors import UserError
from focus_core.statistics.isotropy import directional_power, seam
from focus_core.statistics.power import bands, power_spectrum


def physical(delta: np.ndarray) -> np.ndarray:
    return 7.0e10 * (1.0 + delta)


def modes(grid: int, stretch: float = 1.0) -> np.ndarray:
    n = np.fft.fftfreq(grid, 1 / grid)
    return np.hypot(n[:, None] * stretch, n[None, :])


def gaussian(seed: int, n_maps: int, grid: int, slope: float, stretch: float) -> np.ndarray:
    """P ∝ |(stretch · k₁, k₂)|^−slope: an isotropic field that is stretched along the first axis."""
    length = modes(grid, stretch)
    length[0, 0] = np.inf
    white = np.fft.fft2(np.random.default_rng(seed).standard_normal((n_maps, grid, grid)))
    field = np.fft.ifft2(white * length ** (-slope / 2)).real
    return 0.1 * field / field.std()


@pytest.mark.parametrize("grid", [12, 13])
def test_agrees_with_a_loop_over_the_full_plane_and_adds_up_to_the_spectrum_of_all_directions(grid: int) -> None:
    delta = 0.1 * np.random.default_rng(1).standard_normal((2, grid, grid))
    delta -= delta.mean(axis=(1, 2), keepdims=True)
    found = directional_power(physical(delta), 25.0)
    transform = np.fft.fft2(delta)
    sums, counts = np.zeros((2, 3, grid // 2)), np.zeros((3, grid // 2))
    for i in range(grid):
        for j in range(grid):
            n = [(a + grid // 2) % grid - grid // 2 for a in (i, j)]
            ring = round(np.hypot(*n))
            if 1 <= ring <= grid // 2:
                degrees = np.degrees(np.arctan2(abs(n[1]), abs(n[0])))
                direction = 0 if degrees < 22.5 else 1 if degrees > 67.5 else 2
                sums[:, direction, ring - 1] += np.abs(transform[:, i, j]) ** 2
                counts[direction, ring - 1] += 1
    np.testing.assert_array_equal(found.n_modes, counts)
    np.testing.assert_allclose(found.power, sums / counts * 25.0**2 / grid**4, rtol=1e-9)
    whole = power_spectrum(physical(delta), 25.0)
    np.testing.assert_allclose((found.power * counts).sum(axis=1) / counts.sum(axis=0), whole.power, rtol=1e-9)
    np.testing.assert_allclose(found.k, whole.k)


def test_a_wave_along_the_first_axis_is_found_there_and_nowhere_else() -> None:
    x = np.arange(16)[:, None] * np.ones(16)
    found = directional_power(physical(0.1 * np.cos(2 * np.pi * 4 / 16 * x)), 25.0)
    filled = np.argwhere(found.power[0] > 1e-10)
    assert filled.tolist() == [[0, 3]]


def test_every_ring_has_modes_in_every_direction_and_as_many_along_either_axis() -> None:
    for grid in (8, 16, 31, 64):
        found = directional_power(physical(0.1 * np.eye(grid)), 1.0)
        assert (found.n_modes > 0).all()
        np.testing.assert_array_equal(found.n_modes[0], found.n_modes[1])


def test_an_axis_that_is_stretched_by_5_per_cent_is_told_by_the_ratio_of_its_power_in_every_band() -> None:
    grid, n_maps, slope = 64, 200, 2.0
    n = np.fft.fftfreq(grid, 1 / grid)
    degrees = np.degrees(np.arctan2(np.abs(n)[None, :], np.abs(n)[:, None]))  # from the first axis
    length = np.maximum(modes(grid), 1e-9)
    for stretch in (1.0, 1.05):
        by_band = directional_power(physical(gaussian(2, n_maps, grid, slope, stretch)), 64.0).by_band(bands(grid))
        mean = by_band.mean(axis=0)
        ratio = mean[0] / mean[1]
        error = ratio * np.sqrt((by_band.var(axis=0, ddof=1)[:2] / n_maps / mean[:2] ** 2).sum(axis=0))
        power = np.maximum(modes(grid, stretch), 1e-9) ** -slope
        for band, found, uncertainty in zip(bands(grid), ratio, error, strict=True):
            inside = band.contains(np.floor(length + 0.5).astype(int))
            expected = power[inside & (degrees < 22.5)].mean() / power[inside & (degrees > 67.5)].mean()
            assert found == pytest.approx(expected, abs=3.5 * uncertainty)
        if stretch > 1:
            assert np.abs((1 - ratio) / error).max() > 5


def test_a_band_is_the_mean_over_its_modes() -> None:
    found = directional_power(physical(gaussian(3, 2, 32, 1.0, 1.0)), 25.0)
    band = bands(32)[1]  # rings 4 to 8
    inside = slice(3, 8)
    expected = (found.power[..., inside] * found.n_modes[:, inside]).sum(axis=-1) / found.n_modes[:, inside].sum(
        axis=-1
    )
    np.testing.assert_allclose(found.by_band([band])[..., 0], expected)


def test_a_periodic_field_has_no_seam_and_white_noise_steps_by_twice_its_variance() -> None:
    grid, n_maps, sigma = 32, 300, 0.7
    found = seam(np.random.default_rng(4).normal(0, sigma, (n_maps, grid, grid)))
    # A squared step of Gaussian noise scatters by √2 of itself, and n_maps · N of them are across.
    np.testing.assert_allclose(found.across.mean(axis=0), 2 * sigma**2, rtol=4 * np.sqrt(2 / (n_maps * grid)))
    np.testing.assert_allclose(found.mean_ratio, 1, atol=4 * np.sqrt(0.5 / (n_maps * grid)))
    smooth = seam(gaussian(5, n_maps, grid, 3.0, 1.0))
    error = smooth.ratio.std(axis=0, ddof=1) / np.sqrt(n_maps)
    assert (np.abs(smooth.mean_ratio - 1) < 4 * error).all()


def test_a_seam_that_is_planted_along_one_axis_is_found_there_with_its_size() -> None:
    grid, n_maps, jump = 32, 100, 0.5
    noise = np.random.default_rng(6).normal(0, 0.1, (n_maps, grid, grid))
    ramp = jump * np.arange(grid) / (grid - 1)
    found = seam(noise + ramp[:, None])
    step = jump / (grid - 1)
    expected = np.sqrt((0.02 + jump**2) / (0.02 + step**2))
    # The mean square step has the error of the cross term 2 · jump · noise: twice √0.02 · jump over 3,200 steps.
    error = expected * np.sqrt(0.02) * jump / (0.02 + jump**2) / np.sqrt(n_maps * grid)
    assert found.mean_ratio[0] == pytest.approx(expected, abs=5 * error)
    assert found.mean_ratio[1] == pytest.approx(1, abs=4 * np.sqrt(0.5 / (n_maps * grid)))


def test_a_window_of_a_larger_field_is_told_from_a_periodic_map() -> None:
    found = seam(gaussian(7, 20, 64, 3.0, 1.0)[:, :32, :32])
    assert (found.mean_ratio > 2).all()


def test_maps_without_steps_are_refused() -> None:
    with pytest.raises(UserError, match="map 0 is the same in every pixel along an axis"):
        seam(np.tile(np.arange(4.0), (4, 1)))
    with pytest.raises(UserError, match="have 2 pixels per side"):
        seam(np.eye(2))
    with pytest.raises(UserError, match="box side is 0"):
        directional_power(np.ones((4, 4)), 0.0)
