"""The simulator against linear theory, conservation laws and itself at another resolution in time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from focus_core.parameters import CAMELS_LH6, WCDM6
from focus_core.simulation.cosmology import Cosmology
from focus_core.simulation.initial import displacements, fourier_grid, lattice, linear_density, trajectories
from focus_core.simulation.particle_mesh import clouds, density, evolve, gravity
from focus_core.simulation.slabs import CRITICAL_DENSITY, slab_maps
from focus_core.statistics.power import power_spectrum
from focus_core.suites import default_slabs

CPU = torch.device("cpu")
FIDUCIAL = Cosmology(Omega_m=0.3, Omega_b=0.05, h=0.7, n_s=0.96, sigma_8=0.8, w0=-1.0)
PHANTOM = Cosmology(Omega_m=0.2, Omega_b=0.04, h=0.6, n_s=1.1, sigma_8=0.9, w0=-1.3)


@pytest.mark.parametrize("cosmology", [FIDUCIAL, PHANTOM])
def test_the_linear_power_has_the_sigma_8_it_was_asked_for(cosmology: Cosmology) -> None:
    def integrand(ln_k: float) -> float:
        k = math.exp(ln_k)
        window = 3 * (math.sin(8 * k) - 8 * k * math.cos(8 * k)) / (8 * k) ** 3
        return k**3 * float(cosmology.linear_power(np.array([k]))[0]) * window**2 / (2 * math.pi**2)

    variance = quad(integrand, math.log(1e-4), math.log(20.0), limit=400)[0]
    assert math.sqrt(variance) == pytest.approx(cosmology.sigma_8, rel=2e-3)


def test_growth_solves_its_equation_with_a_constant_dark_energy() -> None:
    """D ∝ E ∫ da/(aE)³ holds for w = −1 alone; f is the slope of D for any w."""
    a = 0.5
    integral = [quad(lambda x: (x * float(FIDUCIAL.hubble(x))) ** -3, 0, end)[0] for end in (a, 1.0)]
    expected = float(FIDUCIAL.hubble(a)) * integral[0] / integral[1]
    assert float(FIDUCIAL.growth(a)) == pytest.approx(expected, rel=1e-4)
    D = PHANTOM.growth(np.array([a * 0.99, a, a * 1.01]))
    slope = math.log(D[2] / D[0]) / math.log(1.01 / 0.99)
    assert float(PHANTOM.growth_rate(a)) == pytest.approx(slope, rel=1e-4)


def test_cosmologies_are_built_from_a_space_and_its_fixed_values() -> None:
    names = dict(zip(WCDM6.names, [0.2, 0.04, 0.6, 1.1, 0.9, -1.3], strict=True))
    assert Cosmology.from_values(names) == PHANTOM
    camels = dict(zip(CAMELS_LH6.names, [0.3, 0.8, 1, 1, 1, 1], strict=True)) | dict(CAMELS_LH6.fixed)
    assert Cosmology.from_values(camels) == Cosmology(0.3, 0.049, 0.6711, 0.9624, 0.8, -1.0)


def test_the_initial_field_has_the_linear_spectrum() -> None:
    n, box = 32, 256.0
    grid = fourier_grid(n, CPU)
    modes = torch.stack([linear_density(FIDUCIAL, grid, box, seed).abs().square() for seed in range(8)]).mean(0)
    k = grid.inverse_square.clamp(min=1e-30).rsqrt() * n / box
    expected = torch.from_numpy(FIDUCIAL.linear_power(k.double().numpy())) * n**6 / box**3
    ratio = (modes / expected)[:, :, 1:-1].flatten()
    # 8 realisations of 15,360 modes scatter by 1/√122,880 = 0.3 % in the mean.
    assert float(ratio.mean()) == pytest.approx(1.0, abs=0.015)


def test_displacements_of_one_plane_wave_are_zeldovichs_and_need_no_second_order() -> None:
    n, mode, amplitude = 16, 2, 0.05
    k = 2 * math.pi * mode / n
    q = torch.arange(n, dtype=torch.float32)
    delta = (amplitude * torch.cos(k * q))[:, None, None].expand(n, n, n)
    first, second = displacements(torch.fft.rfftn(delta), fourier_grid(n, CPU))
    expected = (-amplitude / k * torch.sin(k * q))[:, None, None].expand(n, n, n).flatten()
    torch.testing.assert_close(first[0], expected, atol=1e-6, rtol=0)
    assert float(first[1:].abs().max()) < 1e-6
    assert float(second.abs().max()) < 1e-6


def test_second_order_displacement_of_two_crossed_waves_is_the_textbook_one() -> None:
    """δ = A cos kx + A cos ky: S = A² cos kx cos ky, ψ₂ = ik S/k² with |k|² = 2k² for both of its modes."""
    n, mode, amplitude = 16, 1, 0.1
    k = 2 * math.pi * mode / n
    q = torch.arange(n, dtype=torch.float32)
    x, y = torch.cos(k * q)[:, None, None], torch.cos(k * q)[None, :, None]
    delta = (amplitude * (x + y)).expand(n, n, n)
    second = displacements(torch.fft.rfftn(delta), fourier_grid(n, CPU))[1]
    expected = -(amplitude**2) / (2 * k) * torch.sin(k * q)[:, None, None] * y
    torch.testing.assert_close(second[0].view(n, n, n), expected.expand(n, n, n), atol=1e-6, rtol=0)


def test_a_plane_wave_along_a_diagonal_needs_no_second_order_either() -> None:
    """There φ_xx φ_yy and φ_xy² cancel, which they do for no other sign between them."""
    n = 16
    q = 2 * math.pi / n * torch.arange(n, dtype=torch.float32)
    delta = 0.1 * torch.cos(q[:, None, None] + q[None, :, None]).expand(n, n, n)
    assert float(displacements(torch.fft.rfftn(delta), fourier_grid(n, CPU))[1].abs().max()) < 1e-6


def test_trajectories_obey_the_force_of_the_mesh_to_second_order() -> None:
    """In a universe of matter alone p = a^1.5 ψ₁ + 2c a^2.5 ψ₂ and dp/da = 1.5 g/√a: g's part in a²ψ₂ is (10/3)c."""
    matter = Cosmology(Omega_m=1.0, Omega_b=0.05, h=0.7, n_s=1.0, sigma_8=0.8, w0=-1.0)
    n, a = 32, 0.1
    grid = fourier_grid(n, CPU)
    wave = torch.cos(2 * math.pi / n * torch.arange(n, dtype=torch.float32))
    delta = 1.5 * (wave[:, None, None] + wave[None, :, None]).expand(n, n, n)
    # The mean over both signs of δ keeps even orders alone; ψ₂ is the same for both.
    parts = []
    for sign in (1.0, -1.0):
        first, second = displacements(torch.fft.rfftn(sign * delta), grid)
        x, p = trajectories(first, second, matter, a)
        parts.append((x - lattice(n, CPU), p / a**0.5, gravity(x, grid)))
    moved, momentum, force = (
        float(((up + down) / 2 * second).sum() / (a**2 * second.square().sum()))
        for up, down in zip(*parts, strict=True)
    )
    assert momentum == pytest.approx(2 * moved, rel=1e-3)
    # Cloud in cell smooths the longest waves of a 32³ mesh by 1–2 %, fourth order adds as much.
    assert force == pytest.approx(10 / 3 * moved, rel=0.05)


def test_clouds_share_a_particle_among_its_corners_across_the_periodic_edge() -> None:
    x = torch.tensor([[3.75], [0.0], [-0.5]])
    mass = clouds(x, 4).paint(4)
    assert float(mass.sum()) == pytest.approx(1.0)
    assert {(i, j, k): float(mass[i, j, k]) for i, j, k in mass.nonzero().tolist()} == {
        (3, 0, 3): 0.125,
        (3, 0, 0): 0.125,
        (0, 0, 3): 0.375,
        (0, 0, 0): 0.375,
    }


def test_reading_is_the_adjoint_of_painting() -> None:
    n = 8
    rng = torch.Generator().manual_seed(0)
    x = 8 * torch.rand((3, n**3), generator=rng)
    field = torch.randn((n**3, 3), generator=rng)
    where = clouds(x, n)
    painted = where.paint(n).flatten()
    torch.testing.assert_close(where.read(field).sum(1), (painted[:, None] * field).sum(0), rtol=1e-4, atol=1e-3)


def test_particles_on_the_lattice_feel_no_force_and_two_attract_equally() -> None:
    n = 16
    grid = fourier_grid(n, CPU)
    assert float(gravity(lattice(n, CPU), grid).abs().max()) < 1e-5
    pair = torch.tensor([[5.3, 9.1], [8.0, 8.0], [8.0, 8.0]])
    force = gravity(pair, grid)
    assert float(force[0, 0]) > 0 > float(force[0, 1])
    assert float(force.sum(1).abs().max()) < 1e-4 * float(force.abs().max())


def test_large_scales_grow_as_linear_theory_says() -> None:
    """L = 1024 Mpc/h, 64³: amplitude of each mode against its own initial phase, k ≤ k_Ny/16."""
    n, box = 64, 1024.0
    for cosmology in (FIDUCIAL, PHANTOM):
        x, _ = evolve(cosmology, n, box, seed=1, device=CPU)
        final = torch.fft.rfftn(density(x, n))
        grid = fourier_grid(n, CPU)
        linear = linear_density(cosmology, grid, box, seed=1)
        k = grid.inverse_square.clamp(min=1e-30).rsqrt()
        inside = (k > 0.5 * 2 * math.pi / n) & (k <= math.pi / 16) & (grid.inverse_square > 0)
        growth = (final * linear.conj()).real[inside].sum() / linear.abs().square()[inside].sum()
        # Dividing the cloud-in-cell window out of modes this large changes less than 1 %.
        assert float(growth) == pytest.approx(1.0, abs=0.03)


def test_mass_and_momentum_are_conserved() -> None:
    n = 32
    x, p = evolve(FIDUCIAL, n, 64.0, seed=2, device=CPU)
    assert float(density(x, n).sum(dtype=torch.float64)) == pytest.approx(n**3, rel=1e-6)
    # The mean momentum against its scatter: exact but for the rounding of single precision.
    assert float((p.double().mean(1).abs() / p.double().std(1)).max()) < 1e-6


def test_twenty_steps_are_enough_below_half_the_nyquist_frequency() -> None:
    n, box = 32, 64.0
    spectra = []
    for steps in (20, 40):
        x, _ = evolve(FIDUCIAL, n, box, seed=3, device=CPU, steps=steps)
        spectra.append(power_spectrum(slab_maps(density(x, n), 4, 0.3, box), box))
    below = spectra[0].k < math.pi * n / box / 2
    ratio = spectra[0].power.mean(0)[below] / spectra[1].power.mean(0)[below]
    assert np.abs(ratio - 1).max() < 0.02


def test_the_same_seed_gives_identical_maps_and_another_does_not() -> None:
    def maps(seed: int) -> np.ndarray:
        return slab_maps(density(evolve(FIDUCIAL, 16, 32.0, seed, CPU)[0], 16), 4, 0.3, 32.0)

    np.testing.assert_array_equal(maps(4), maps(4))
    assert not np.array_equal(maps(4), maps(5))


def test_slabs_are_sums_of_cells_along_each_axis_in_surface_density() -> None:
    n, box, slabs = 8, 64.0, 4
    cells = torch.rand((n, n, n), generator=torch.Generator().manual_seed(0))
    maps = slab_maps(cells, slabs, 0.3, box)
    assert maps.shape == (3 * slabs, n, n)
    mass_of_cell = 0.3 * CRITICAL_DENSITY * (box / n) ** 3
    area = (box / n) ** 2
    first_axis = cells[2:4].sum(0).numpy() * mass_of_cell / area
    third_axis = cells[:, :, 6:].sum(2).numpy() * mass_of_cell / area
    np.testing.assert_allclose(maps[1], first_axis, rtol=1e-5)
    np.testing.assert_allclose(maps[2 * slabs + 3], third_axis, rtol=1e-5)


@pytest.mark.parametrize(("grid", "box", "slabs"), [(64, 64.0, 4), (128, 256.0, 16), (64, 25.0, 4), (60, 25.0, 4)])
def test_slabs_are_sixteen_megaparsecs_or_a_quarter_of_a_small_box(grid: int, box: float, slabs: int) -> None:
    assert default_slabs(grid, box) == slabs
