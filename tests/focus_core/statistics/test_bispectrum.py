"""The bispectrum against a loop over triangles, planted phases, and fields whose bispectrum is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from focus_core.errors import UserError
from focus_core.statistics import bispectrum as module
from focus_core.statistics.bispectrum import bispectrum, equilateral, squeezed


def physical(delta: np.ndarray) -> np.ndarray:
    return 7.0e10 * (1.0 + delta)


def modes_by_ring(grid: int) -> dict[int, list[tuple[int, int]]]:
    side = range(-(grid // 2) + 1, grid // 2)
    rings: dict[int, list[tuple[int, int]]] = {}
    for q in itertools.product(side, side):
        rings.setdefault(round(np.hypot(*q)), []).append(q)
    return rings


def loop_bispectrum(delta: np.ndarray, box: float, rings: tuple[int, int, int]) -> tuple[float, int]:
    """The definition: over every pair of modes whose third side lies in its ring."""
    n, found, transform = len(delta), [], np.fft.fft2(delta)
    by_ring = modes_by_ring(n)
    third = set(by_ring[rings[2]])
    for a, b in itertools.product(by_ring[rings[0]], by_ring[rings[1]]):
        c = (-a[0] - b[0], -a[1] - b[1])
        if c in third:
            found.append((transform[a] * transform[b] * transform[c]).real)
    return np.mean(found) * box**4 / n**6, len(found)


@pytest.mark.parametrize("grid", [12, 13])
def test_agrees_with_a_loop_over_all_triangles_also_where_three_sides_exceed_the_grid(grid: int) -> None:
    delta = 0.2 * np.random.default_rng(1).standard_normal((2, grid, grid))
    delta -= delta.mean(axis=(1, 2), keepdims=True)
    triangles = [(1, 1, 1), (2, 3, 4), (1, 4, 5), (5, 5, 5), (2, 5, 5), (5, 4, 2)]
    found = bispectrum(physical(delta), 25.0, triangles)
    for t, rings in enumerate(triangles):
        for i in range(2):
            expected, count = loop_bispectrum(delta[i], 25.0, rings)
            assert found.n_triangles[t] == count
            assert found.bispectrum[i, t] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    k_f = 2 * np.pi / 25.0
    lengths = [[k_f * np.hypot(*np.transpose(modes_by_ring(grid)[m])).mean() for m in rings] for rings in triangles]
    np.testing.assert_allclose(found.k, lengths)


def test_three_planted_cosines_give_the_cosine_of_their_phases_in_their_own_triangle_and_no_other() -> None:
    grid, box = 32, 64.0
    sides, amplitudes, phases = np.array([(3, 1), (4, -5), (-7, 4)]), (0.1, 0.2, 0.15), (0.3, 1.1, -0.5)
    x = 2 * np.pi * np.arange(grid) / grid
    delta = sum(
        a * np.cos(q[0] * x[:, None] + q[1] * x[None, :] + phase)
        for q, a, phase in zip(sides, amplitudes, phases, strict=True)
    )
    found = bispectrum(physical(np.asarray(delta)), box, [(3, 6, 8), (3, 6, 7), (3, 3, 3)])
    # Of all ordered triples in these rings two are filled, q₁ q₂ q₃ and its mirror image, each with (N²/2)³ a₁a₂a₃.
    expected = box**4 * np.prod(amplitudes) * np.cos(sum(phases)) / (4 * found.n_triangles[0])
    np.testing.assert_allclose(found.bispectrum[0], [expected, 0, 0], rtol=1e-9, atol=1e-12 * expected)


def flat_gaussian(seed: int, n_maps: int, grid: int, largest: int, sigma: float) -> np.ndarray:
    """Gaussian, with the same power in all modes up to `largest` k_f and none beyond, and standard deviation σ."""
    white = np.fft.fft2(np.random.default_rng(seed).standard_normal((n_maps, grid, grid)))
    n = np.fft.fftfreq(grid, 1 / grid)
    inside = (np.hypot(n[:, None], n[None, :]) < largest + 0.5) & (np.hypot(n[:, None], n[None, :]) > 0)
    return sigma * np.fft.ifft2(white * inside).real / np.sqrt(inside.mean())


def test_a_squared_gaussian_has_its_tree_level_bispectrum_in_equilateral_and_squeezed_triangles() -> None:
    grid, box, sigma, f_nl, n_maps = 32, 50.0, 0.05, 0.4, 1000
    g = flat_gaussian(2, n_maps, grid, 7, sigma)

    def measured(field: np.ndarray) -> np.ndarray:
        delta = field + f_nl * field**2
        return found(delta - delta.mean(axis=(1, 2), keepdims=True)).bispectrum

    def found(delta: np.ndarray) -> module.Bispectrum:
        return bispectrum(physical(delta), box, [(3, 3, 3), (5, 5, 5), (7, 7, 7), (2, 6, 6)])

    # g and −g together: the Gaussian part of the noise, odd in g, cancels exactly.
    both = 0.5 * (measured(g) + measured(-g))
    n_modes = sum(len(modes) for ring, modes in modes_by_ring(grid).items() if 1 <= ring <= 7)
    power = sigma**2 * box**2 / n_modes
    expected = 2 * f_nl * 3 * power**2
    error = both.std(axis=0, ddof=1) / np.sqrt(n_maps)
    assert (error / expected).max() < 0.08
    # The next order is f²σ² of it, 0.04 %.
    assert np.abs((both.mean(axis=0) - expected) / error).max() < 3.5


def test_a_gaussian_field_has_none_and_scatters_by_its_gaussian_error() -> None:
    grid, n_maps = 24, 400
    found = bispectrum(physical(flat_gaussian(3, n_maps, grid, 11, 0.1)), 25.0, [(4, 4, 4), (2, 6, 6), (3, 5, 7)])
    expected = np.sqrt((found.gaussian_error**2).mean(axis=0))
    deviation = found.bispectrum.mean(axis=0) / expected * np.sqrt(n_maps)
    assert np.abs(deviation).max() < 3.5
    # A scatter of 400 values is known to 3.5 %; P of the same map in its place adds a few per cent in small rings.
    np.testing.assert_allclose(found.bispectrum.std(axis=0) / expected, 1, atol=0.14)


def test_the_reduced_bispectrum_does_not_know_the_amplitude_of_a_squared_field() -> None:
    g = flat_gaussian(4, 1, 16, 5, 1.0)[0]
    field = g**2 - (g**2).mean()
    weak, strong = (bispectrum(physical(a * field), 10.0, equilateral(16)[:4]) for a in (0.01, 0.02))
    np.testing.assert_allclose(weak.reduced * 0.01, strong.reduced * 0.02, rtol=1e-8)
    np.testing.assert_allclose(weak.reduced[0], weak.bispectrum[0] / (3 * weak.power[0, :, 0] ** 2), rtol=1e-12)


def test_configurations_are_rings_below_the_nyquist_frequency() -> None:
    assert equilateral(8).tolist() == [[1, 1, 1], [2, 2, 2], [3, 3, 3]]
    assert equilateral(9)[-1].tolist() == [4, 4, 4]
    assert squeezed(12).tolist() == [[2, 4, 4], [2, 5, 5]]


def test_a_batch_equals_its_maps_one_by_one_and_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = physical(0.1 * np.random.default_rng(5).standard_normal((3, 16, 16)))
    whole = bispectrum(maps, 25.0, squeezed(16))
    monkeypatch.setattr(module, "_CHUNK_PIXELS", 1)
    np.testing.assert_allclose(bispectrum(maps, 25.0, squeezed(16)).bispectrum, whole.bispectrum, rtol=1e-12)
    np.testing.assert_allclose(bispectrum(maps[1], 25.0, squeezed(16)).bispectrum[0], whole.bispectrum[1], rtol=1e-9)


def test_rings_that_close_no_triangle_or_lie_beyond_the_grid_are_refused() -> None:
    maps = physical(0.1 * np.random.default_rng(6).standard_normal((16, 16)))
    with pytest.raises(UserError, match=r"no triangle has its sides in rings \[1, 2, 6\]"):
        bispectrum(maps, 25.0, [(1, 2, 6)])
    with pytest.raises(UserError, match="rings from 1 to 7"):
        bispectrum(maps, 25.0, [(8, 8, 8)])
    with pytest.raises(UserError, match="ring 4 has none"):
        squeezed(16, soft=4)
