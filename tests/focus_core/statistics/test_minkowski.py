"""Area, boundary and Euler characteristic of exact shapes, of random sets by labelling, and of Gaussian fields."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.special import erfc

from focus_core.errors import UserError
from focus_core.statistics.fields import smoothed
from focus_core.statistics.minkowski import PixelSet, count_pixel_set, minkowski_functionals

FOUR, EIGHT = ndimage.generate_binary_structure(2, 1), ndimage.generate_binary_structure(2, 2)


def counted(inside: np.ndarray) -> PixelSet:
    return count_pixel_set(inside[None])


def shape(*blocks: tuple[slice, slice], holes: tuple[tuple[slice, slice], ...] = (), grid: int = 12) -> np.ndarray:
    inside = np.zeros((grid, grid), dtype=bool)
    for block in blocks:
        inside[block] = True
    for hole in holes:
        inside[hole] = False
    return inside


SQUARE, ELSEWHERE, MIDDLE = (slice(1, 5), slice(1, 5)), (slice(7, 9), slice(6, 11)), (slice(2, 4), slice(2, 4))
EVERYWHERE = slice(None)


@pytest.mark.parametrize(
    ("inside", "pixels", "edges", "euler"),
    [
        pytest.param(shape(SQUARE), 16, 16, 1, id="a square"),
        pytest.param(shape(SQUARE, ELSEWHERE), 26, 30, 2, id="two rectangles"),
        pytest.param(shape(SQUARE, holes=(MIDDLE,)), 12, 24, 0, id="a square with a hole"),
        pytest.param(~shape(SQUARE), 128, 16, -1, id="a torus without a square"),
        pytest.param(shape((slice(3, 6), EVERYWHERE)), 36, 24, 0, id="a band around the torus"),
        pytest.param(
            shape((EVERYWHERE, slice(4, 5)), (slice(4, 5), EVERYWHERE)), 23, 44, -1, id="two bands that cross"
        ),
        pytest.param(shape((EVERYWHERE, EVERYWHERE)), 144, 0, 0, id="the torus"),
        pytest.param(np.roll(shape(SQUARE), (-3, -3), (0, 1)), 16, 16, 1, id="a square across the periodic corner"),
        pytest.param(np.indices((12, 12)).sum(axis=0) % 2 == 0, 72, 288, 0, id="a checkerboard, of parted and joined"),
    ],
)
def test_an_exact_shape_has_its_area_edges_and_euler_characteristic(
    inside: np.ndarray, pixels: int, edges: int, euler: float
) -> None:
    found = counted(inside)
    assert (found.pixels[0], found.edges[0], found.euler[0]) == (pixels, edges, euler)


def test_random_sets_have_the_pieces_minus_holes_that_labelling_finds_where_corners_join_and_where_they_part() -> None:
    rng = np.random.default_rng(1)
    for fill in (0.2, 0.5, 0.8):
        inside = np.zeros((20, 20), dtype=bool)  # an empty rim, so that the map is a plane and one outside is no hole
        inside[1:-1, 1:-1] = rng.random((18, 18)) < fill
        pieces, holes = (
            [ndimage.label(field, structure)[1] for structure in (EIGHT, FOUR)] for field in (inside, ~inside)
        )
        joined, parted = pieces[0] - (holes[1] - 1), pieces[1] - (holes[0] - 1)
        assert counted(inside).euler[0] == (joined + parted) / 2


def test_the_outside_has_the_same_boundary_and_the_opposite_euler_characteristic() -> None:
    inside = np.random.default_rng(2).random((3, 16, 16)) < 0.4
    found, outside = count_pixel_set(inside), count_pixel_set(~inside)
    np.testing.assert_array_equal(found.edges, outside.edges)
    np.testing.assert_array_equal(found.euler, -outside.euler)


def test_a_square_is_told_in_units_of_the_box_with_a_contour_shorter_than_its_staircase() -> None:
    field = np.where(shape(SQUARE), 1.0, 0.0)
    found = minkowski_functionals(field, 24.0, [0.0])  # pixels of 2 Mpc/h
    assert found.area[0, 0] == pytest.approx(16 / 144)
    assert found.length[0, 0] == pytest.approx(np.pi / 4 * 16 * 2.0 / 24.0**2)
    assert found.euler[0, 0] == pytest.approx(1 / 24.0**2)


def test_the_contour_of_a_disc_is_its_circumference() -> None:
    grid = 400
    y, x = np.indices((grid, grid)) - grid / 2 + 0.3
    found = minkowski_functionals(-np.hypot(x, y), float(grid), [0.0], sigma=1.0)
    # ν counts from the mean, so the circle is where the distance is the mean of it.
    mean = np.hypot(x, y).mean()
    # A staircase around a convex shape is as long as its bounding box, 8 r, so π/4 of it is exact but for two pixels.
    assert found.length[0, 0] * grid**2 == pytest.approx(2 * np.pi * mean, abs=np.pi / 4 * 8)


def test_a_smooth_gaussian_field_has_the_functionals_of_tomita() -> None:
    # White noise smoothed by exp(−k²R²/2) has ⟨|∇f|²⟩/σ² = 1/R².
    grid, radius, n_maps = 128, 5.0, 60
    fields = smoothed(np.random.default_rng(3).standard_normal((n_maps, grid, grid)), grid, radius)
    levels = np.array([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0])
    found = minkowski_functionals(fields, float(grid), levels, sigma=float(np.sqrt((fields**2).mean())))
    gaussian = np.exp(-(levels**2) / 2)
    expected = {
        "area": erfc(levels / np.sqrt(2)) / 2,
        "length": gaussian / (2 * np.sqrt(2) * radius),
        "euler": levels * gaussian / (2 * np.pi) ** 1.5 / (2 * radius**2),
    }
    for name, theory in expected.items():
        values = getattr(found, name)
        error = values.std(axis=0, ddof=1) / np.sqrt(n_maps)
        # Pixels of R/5 cut length and χ by about (1/5)²/24 ≈ 0.2 %, as arccos ρ falls short of √(2(1 − ρ)).
        assert (np.abs(values.mean(axis=0) - theory) < 3.5 * error + 0.002 * np.abs(theory)).all(), name


def test_the_boundary_of_a_gaussian_pixel_field_at_its_mean_is_the_arc_cosine_of_neighbours_correlation() -> None:
    # Exact for pixels of any size: neighbours of correlation ρ lie on two sides of 0 with probability arccos(ρ)/π.
    grid, n_maps = 64, 200
    fields = smoothed(np.random.default_rng(4).standard_normal((n_maps, grid, grid)), grid, 0.8)
    n = 2 * np.pi * np.fft.fftfreq(grid)
    weight = np.exp(-(0.8**2) * (n[:, None] ** 2 + n[None, :] ** 2))
    weight[0, 0] = 0  # heights count from the mean of each map
    rho = (weight * np.cos(n)[:, None]).sum() / weight.sum()
    edges = minkowski_functionals(fields, float(grid), [0.0]).length[:, 0] * 4 / np.pi
    error = edges.std(ddof=1) / np.sqrt(n_maps)
    assert edges.mean() == pytest.approx(2 * np.arccos(rho) / np.pi, abs=3.5 * error)
    assert error < 0.002 * edges.mean()


def test_thresholds_that_are_not_finite_and_constant_maps_are_refused() -> None:
    with pytest.raises(UserError, match="thresholds must be finite"):
        minkowski_functionals(np.eye(4), 4.0, [np.nan])
    with pytest.raises(UserError, match="the same in every pixel"):
        minkowski_functionals(np.ones((4, 4)), 4.0, [0.0])
