"""Scattering coefficients against a direct convolution, symmetries, bounds, and closed forms of waves and noise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import ellipe

from focus_core.errors import UserError
from focus_core.statistics import scattering as module
from focus_core.statistics.scattering import morlet_wavelets, scattering


def wavelet_in_pixels(grid: int, j: int, angle: int, n_angles: int) -> np.ndarray:
    """The docstring's formula at pixels of the infinite plane, wrapped onto the periodic map."""
    sigma, centre, slant, theta = 0.8 * 2**j, 0.75 * np.pi / 2**j, 4 / n_angles, np.pi * angle / n_angles
    wraps = 4
    x = np.arange(-wraps * grid, wraps * grid)
    u = np.cos(theta) * x[:, None] + np.sin(theta) * x[None, :]
    v = -np.sin(theta) * x[:, None] + np.cos(theta) * x[None, :]
    envelope = slant / (2 * np.pi * sigma**2) * np.exp(-(u**2 + slant**2 * v**2) / (2 * sigma**2))
    wave = envelope * np.exp(1j * centre * u)
    wave -= wave.sum() / envelope.sum() * envelope
    return wave.reshape(2 * wraps, grid, 2 * wraps, grid).sum(axis=(0, 2))


def convolved(field: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Periodic, pixel by pixel."""
    out = np.zeros(field.shape, dtype=complex)
    for a, b in itertools.product(range(len(field)), repeat=2):
        out += kernel[a, b] * np.roll(field, (a, b), (0, 1))
    return out


@pytest.mark.parametrize("n_angles", [4, 3])
def test_agrees_with_a_direct_convolution_by_wavelets_that_are_written_down_in_pixels(n_angles: int) -> None:
    grid, scales = 16, 3
    field = np.random.default_rng(1).lognormal(size=(grid, grid))
    found = scattering(field, 10.0, scales, n_angles)
    for j, angle in itertools.product(range(scales), range(n_angles)):
        first = np.abs(convolved(field, wavelet_in_pixels(grid, j, angle, n_angles)))
        assert found.first[0, j, angle] == pytest.approx(first.mean(), rel=1e-9)
        for wider in range(scales):
            value = found.second[0, j, angle, wider, 1]
            if wider <= j:
                assert np.isnan(value)
            else:
                again = np.abs(convolved(first, wavelet_in_pixels(grid, wider, 1, n_angles)))
                assert value == pytest.approx(again.mean(), rel=1e-9)
    np.testing.assert_allclose(found.k, 0.75 * np.pi * np.array([1, 0.5, 0.25]) / (10.0 / 16))


def test_a_periodic_shift_changes_nothing_and_a_quarter_turn_permutes_the_directions() -> None:
    field = np.random.default_rng(2).lognormal(size=(32, 32))
    found = scattering(field, 32.0, n_angles=4)
    shifted = scattering(np.roll(field, (5, -11), (0, 1)), 32.0)
    turned = scattering(np.rot90(field), 32.0)
    np.testing.assert_allclose(shifted.first, found.first, rtol=1e-12)
    np.testing.assert_allclose(shifted.second, found.second, rtol=1e-11)
    np.testing.assert_allclose(turned.first, np.roll(found.first, 2, axis=2), rtol=1e-12)
    np.testing.assert_allclose(turned.second, np.roll(found.second, (2, 2), (2, 4)), rtol=1e-11)
    assert np.abs(np.roll(found.first, 2, axis=2) / found.first - 1).max() > 0.01


def test_wavelets_have_no_mean_and_their_littlewood_paley_sum_bounds_the_energy() -> None:
    grid, scales = 32, 4
    wavelets = morlet_wavelets(grid, scales, 4)
    np.testing.assert_allclose(wavelets[..., 0, 0], 0, atol=1e-15)
    mirrored = np.roll(wavelets[..., ::-1, ::-1], (1, 1), (-2, -1))
    littlewood_paley = 0.5 * (wavelets**2 + mirrored**2).sum(axis=(0, 1))
    # No gap: from the centre of the widest wavelet to the Nyquist frequency every mode is seen.
    n = 2 * np.pi * np.fft.fftfreq(grid)
    length = np.hypot(n[:, None], n[None, :])
    assert littlewood_paley[(length >= 0.75 * np.pi / 8) & (length <= np.pi)].min() > 0.25
    field = np.random.default_rng(3).lognormal(size=(grid, grid))
    field -= field.mean()
    # Parseval: Σ ⟨|I ∗ ψ|²⟩ = Σ_k LP |Î|²/N⁴ ≤ max LP · variance, and ⟨|z|⟩² ≤ ⟨|z|²⟩ for every scale and direction.
    energy = (littlewood_paley * np.abs(np.fft.fft2(field)) ** 2).sum() / grid**4
    found = scattering(field, 32.0, scales)
    assert 0.5 * energy < (found.first**2).sum() <= energy <= littlewood_paley.max() * field.var()
    inner = np.nansum(found.second[0, 0] ** 2, axis=(1, 2))
    first_energy = (np.abs(np.fft.fft2(field)) ** 2 * wavelets[0] ** 2).sum(axis=(1, 2)) / grid**4
    assert (inner <= littlewood_paley.max() * (first_energy - found.first[0, 0] ** 2)).all()


def test_a_plane_wave_has_the_mean_modulus_of_two_counter_rotating_phases_and_no_second_order() -> None:
    grid, amplitude, mode, scales = 32, 0.7, (5, 3), 3
    x = 2 * np.pi * np.arange(grid) / grid
    field = amplitude * np.cos(mode[0] * x[:, None] + mode[1] * x[None, :] + 0.4)
    found = scattering(field, 32.0, scales)
    wavelets = morlet_wavelets(grid, scales, 4)
    p, q = (amplitude / 2 * np.abs(wavelets[..., s * mode[0], s * mode[1]]) for s in (1, -1))
    # |p e^{iα} + q e^{−iα}| over all phases α is (2/π)(p + q) E(4pq/(p + q)²), and 32 phases are as good as all of them
    # but where q ≈ p.
    expected = 2 / np.pi * (p + q) * ellipe(4 * p * q / (p + q) ** 2)
    clear = np.minimum(p, q) < 0.1 * np.maximum(p, q)
    assert clear.sum() >= 6
    np.testing.assert_allclose(found.first[0][clear], expected[clear], rtol=1e-6)
    # Where one direction alone sees the wave, its modulus is constant, A|ψ̂|/2: nothing is left for the second order.
    strongest = np.unravel_index(expected.argmax(), expected.shape)
    assert found.first[0][strongest] == pytest.approx(p.max(), rel=1e-3)
    assert np.nanmax(found.second[0][strongest]) < 1e-2 * p.max()


def test_white_noise_has_the_mean_modulus_of_a_complex_normal_at_every_scale_and_direction() -> None:
    grid, sigma, n_maps, scales = 32, 0.3, 200, 3
    found = scattering(np.random.default_rng(4).normal(0, sigma, (n_maps, grid, grid)), 32.0, scales)
    wavelets = morlet_wavelets(grid, scales, 4)
    mirrored = np.roll(wavelets[..., ::-1, ::-1], (1, 1), (-2, -1))
    power, pseudo = (sigma**2 * (wavelets * other).mean(axis=(2, 3)) for other in (wavelets, mirrored))
    # Real and imaginary part are independent normals of variances (V ± C)/2: √(2/π) a E(1 − b²/a²).
    wide, narrow = (power + np.abs(pseudo)) / 2, (power - np.abs(pseudo)) / 2
    expected = np.sqrt(2 / np.pi) * np.sqrt(wide) * ellipe(1 - narrow / wide)
    error = found.first.std(axis=0, ddof=1) / np.sqrt(n_maps)
    assert (error / expected).max() < 0.01
    assert np.abs((found.first.mean(axis=0) - expected) / error).max() < 3.5
    # But for the smallest scale, which meets its own mirror image at the Nyquist frequency, they are nearly equal.
    np.testing.assert_allclose(expected[1:], np.sqrt(np.pi / 4 * power[1:]), rtol=0.001)


def test_reduced_coefficients_are_means_over_directions_and_free_of_the_amplitude() -> None:
    field = np.random.default_rng(5).lognormal(size=(2, 16, 16))
    found, double = scattering(field, 16.0), scattering(2 * field, 16.0)
    np.testing.assert_allclose(found.s1[:, 0], found.first[:, 0].mean(axis=1))
    np.testing.assert_allclose(found.s2[:, 0, 1], found.second[:, 0, :, 1].mean(axis=(1, 2)))
    np.testing.assert_allclose(double.s1, 2 * found.s1)
    np.testing.assert_allclose(double.s2_over_s1, found.s2_over_s1)
    assert np.isfinite(found.s2_over_s1[:, 0, 1]).all()


def test_a_batch_equals_its_maps_one_by_one_and_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = np.random.default_rng(6).normal(size=(3, 16, 16))
    whole = scattering(fields, 16.0)
    monkeypatch.setattr(module, "_CHUNK_PIXELS", 1)
    np.testing.assert_allclose(scattering(fields, 16.0).second, whole.second, rtol=1e-13)
    np.testing.assert_allclose(scattering(fields[1], 16.0).first[0], whole.first[1], rtol=1e-13)


def test_wavelets_wider_than_the_box_and_no_directions_are_refused() -> None:
    with pytest.raises(UserError, match=r"4 scales of wavelets do not fit 16 × 16 pixels; use 1 to 3"):
        scattering(np.eye(16), 16.0, n_scales=4)
    with pytest.raises(UserError, match="one direction or more"):
        scattering(np.eye(16), 16.0, n_angles=0)
