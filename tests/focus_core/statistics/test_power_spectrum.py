"""P(k) against exact values, an independent loop and an independent package."""

from __future__ import annotations

import numpy as np
import powerbox
import pytest
import torch

from focus_core.errors import UserError
from focus_core.statistics import power
from focus_core.statistics.power import PowerSpectrum, band_average, bands, power_spectrum


def physical(delta: np.ndarray, mean: float = 7.0e10) -> np.ndarray:
    return mean * (1.0 + delta)


def loop_spectrum(delta: np.ndarray, box_size: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The definition, mode by mode over the full plane."""
    n = len(delta)
    transform = np.fft.fft2(delta)
    sums, lengths, counts = (np.zeros(n // 2) for _ in range(3))
    for i in range(n):
        for j in range(n):
            length = np.hypot((i + n // 2) % n - n // 2, (j + n // 2) % n - n // 2)
            ring = round(length)
            if 1 <= ring <= n // 2:
                sums[ring - 1] += abs(transform[i, j]) ** 2
                lengths[ring - 1] += length
                counts[ring - 1] += 1
    return 2 * np.pi / box_size * lengths / counts, sums / counts * box_size**2 / n**4, counts


@pytest.mark.parametrize("grid", [16, 17])
def test_agrees_with_a_loop_over_the_full_plane_for_even_and_odd_grids(grid: int) -> None:
    delta = 0.1 * np.random.default_rng(1).standard_normal((grid, grid))
    delta -= delta.mean()
    k, expected, counts = loop_spectrum(delta, 25.0)
    found = power_spectrum(physical(delta), 25.0)
    np.testing.assert_allclose(found.k, k, rtol=1e-12)
    np.testing.assert_allclose(found.power[0], expected, rtol=1e-10)
    np.testing.assert_array_equal(found.n_modes, counts)


def test_agrees_with_powerbox() -> None:
    grid, box = 32, 25.0
    delta = 0.1 * np.random.default_rng(2).standard_normal((grid, grid))
    delta -= delta.mean()
    k_f = 2 * np.pi / box
    edges = (np.arange(1, grid // 2 + 2) - 0.5) * k_f
    expected = powerbox.get_power(delta, box, bins=edges, bins_upto_boxlen=False)
    found = power_spectrum(physical(delta), box)
    np.testing.assert_allclose(found.k, expected.bin_avg, rtol=1e-6)
    np.testing.assert_allclose(found.power[0], expected.power, rtol=1e-6)


def test_white_noise_is_flat_at_its_variance_times_the_pixel_area() -> None:
    grid, box, sigma, n_maps = 64, 25.0, 0.1, 200
    delta = sigma * np.random.default_rng(3).standard_normal((n_maps, grid, grid))
    found = power_spectrum(physical(delta), box)
    expected = sigma**2 * (box / grid) ** 2
    # The mean over maps scatters by √(2/(n_modes·n_maps)), 5 % in the first ring; five of those cover 32 rings.
    deviation = (found.power.mean(axis=0) / expected - 1) / np.sqrt(2 / (found.n_modes * n_maps))
    assert np.abs(deviation).max() < 5


def test_a_cosine_fills_its_own_ring_and_no_other() -> None:
    grid, box, amplitude, mode = 32, 25.0, 0.3, 5
    x = np.arange(grid) * box / grid
    delta = np.tile(amplitude * np.cos(2 * np.pi * mode / box * x), (grid, 1))
    found = power_spectrum(physical(delta), box)
    expected = np.zeros(grid // 2)
    expected[mode - 1] = amplitude**2 * box**2 / (2 * found.n_modes[mode - 1])
    np.testing.assert_allclose(found.power[0], expected, rtol=1e-10, atol=1e-20)


def test_the_sum_over_modes_is_the_variance_of_a_field_without_corner_modes() -> None:
    grid, box = 32, 64.0
    transform = np.fft.fft2(np.random.default_rng(4).standard_normal((grid, grid)))
    n = np.fft.fftfreq(grid, 1 / grid)
    length = np.hypot(n[:, None], n[None, :])
    transform[(length == 0) | (length >= grid // 2)] = 0
    delta = 0.01 * np.fft.ifft2(transform).real
    found = power_spectrum(physical(delta), box)
    assert (found.power[0] * found.n_modes).sum() / box**2 == pytest.approx(delta.var(), rel=1e-10)


def test_a_batch_equals_its_maps_one_by_one_and_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = physical(0.1 * np.random.default_rng(5).standard_normal((5, 16, 16))).astype(np.float32)
    whole = power_spectrum(torch.from_numpy(maps), 25.0)
    monkeypatch.setattr(power, "_CACHED_PIXELS", 2 * 16 * 16)
    monkeypatch.setattr(power, "_CHUNK_PIXELS", 2 * 16 * 16)
    on_device = power._sums_on_device(torch.from_numpy(maps), power.ring_modes(16), "maps")
    np.testing.assert_allclose(on_device / whole.n_modes * 25.0**2 / 16**4, whole.power, rtol=1e-12)
    np.testing.assert_allclose(power_spectrum(maps, 25.0).power, whole.power, rtol=1e-13)
    for i in range(5):
        np.testing.assert_allclose(power_spectrum(maps[i], 25.0).power[0], whole.power[i], rtol=1e-13)


def test_the_error_is_gaussian_and_every_ring_has_modes() -> None:
    found = power_spectrum(physical(0.1 * np.random.default_rng(6).standard_normal((2, 16, 16))), 25.0)
    np.testing.assert_allclose(found.error, found.power * np.sqrt(2 / found.n_modes))
    assert found.k.shape == (8,)
    assert (found.n_modes > 0).all()
    # The first ring holds the four modes of length 1 and the four of length √2.
    assert found.n_modes[0] == 8
    assert found.k[0] == pytest.approx(2 * np.pi / 25.0 * (1 + np.sqrt(2)) / 2)


@pytest.mark.parametrize(
    ("pixel", "words"),
    [(np.nan, "map 1 has pixels that are not finite"), (np.inf, "not finite"), (0.0, "map 1 has mean 0")],
)
def test_maps_without_a_spectrum_are_refused_by_index(pixel: float, words: str) -> None:
    maps = np.ones((3, 8, 8))
    maps[1] = pixel
    with pytest.raises(UserError, match=words):
        power_spectrum(maps, 25.0)


def test_overdensities_shapes_and_boxes_are_refused() -> None:
    with pytest.raises(UserError, match="mean -1"):
        power_spectrum(-np.ones((1, 8, 8)), 25.0)
    with pytest.raises(UserError, match=r"shape \(3, 8, 9\)"):
        power_spectrum(np.ones((3, 8, 9)), 25.0)
    with pytest.raises(UserError, match="box side is 0"):
        power_spectrum(np.ones((8, 8)), 0.0)


@pytest.mark.parametrize(
    ("grid", "labels"),
    [
        (64, ["[2, 4)", "[4, 8)", "[8, 16]"]),
        (256, ["[2, 4)", "[4, 8)", "[8, 16)", "[16, 32)", "[32, 64]"]),
        (48, ["[2, 4)", "[4, 8)", "[8, 12]"]),
        (16, ["[2, 4]"]),
    ],
)
def test_bands_double_up_to_half_the_nyquist_frequency(grid: int, labels: list[str]) -> None:
    assert [band.label for band in bands(grid)] == labels


def test_band_averages_weight_rings_by_their_modes() -> None:
    n_modes = np.arange(1, 33)
    spectrum = PowerSpectrum(np.arange(1, 33) * 0.1, np.arange(1.0, 33.0)[None], n_modes, 62.8, 64)
    expected = [(4 + 9) / 5, (16 + 25 + 36 + 49) / 22, (np.arange(8, 17) ** 2).sum() / np.arange(8, 17).sum()]
    np.testing.assert_allclose(band_average(spectrum)[0], expected)
