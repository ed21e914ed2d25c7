"""Initial conditions: second-order Lagrangian perturbation theory on a periodic grid.

Lengths are in cells. With δ linear at D = 1 and φ_ij = k_i k_j δ/k² (back-transformed),

    ψ₁ = i k δ/k²,    S = Σ_{i<j} (φ_ii φ_jj − φ_ij²),    ψ₂ = i k S/k²,
    x = q + D ψ₁ + (3/7) D² ψ₂,    p = a²E (f D ψ₁ + 2 f (3/7) D² ψ₂).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from focus_core.simulation.cosmology import Cosmology

Tensor = torch.Tensor


@dataclass(frozen=True)
class FourierGrid:
    """Wave numbers of the half-space transform of an N³ grid, in radians per cell, ready to broadcast.

    In `k` the Nyquist component is zero: the derivative of a real field has none there. `inverse_square` is 1/|k|² with
    0 for the mean, from the complete wave numbers.
    """

    k: tuple[Tensor, Tensor, Tensor]
    inverse_square: Tensor
    n: int

    def gradient_of_inverse_laplacian(self, field_k: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The vector i k f/k² = −∇∇⁻²f in real space, for a transform `field_k` (N, N, N//2+1)."""
        scaled = field_k * self.inverse_square
        x, y, z = (self.real(1j * k * scaled) for k in self.k)
        return x, y, z

    def real(self, field_k: Tensor) -> Tensor:
        return torch.fft.irfftn(field_k, s=(self.n, self.n, self.n))


def fourier_grid(n: int, device: torch.device) -> FourierGrid:
    full = 2 * math.pi * torch.fft.fftfreq(n, dtype=torch.float64)
    half = 2 * math.pi * torch.fft.rfftfreq(n, dtype=torch.float64)
    axes = (full[:, None, None], full[None, :, None], half[None, None, :])
    square = axes[0] ** 2 + axes[1] ** 2 + axes[2] ** 2
    inverse = torch.where(square > 0, 1.0 / square.clamp(min=1e-30), 0.0)
    derivative = [torch.where(axis.abs() > math.pi * (1 - 1e-9), 0.0, axis) for axis in axes]
    x, y, z = (axis.to(device, torch.float32) for axis in derivative)
    return FourierGrid((x, y, z), inverse.to(device, torch.float32), n)


def linear_density(cosmology: Cosmology, grid: FourierGrid, box_size: float, seed: int) -> Tensor:
    """Transform (N, N, N//2+1) of a Gaussian δ at D = 1 with the linear spectrum of `cosmology`.

    Phases follow from the seed alone: two cosmologies with one seed have matched phases. The noise is drawn on the CPU,
    so that they are the same on every device.
    """
    n = grid.n
    noise = torch.randn((n, n, n), generator=torch.Generator().manual_seed(seed))
    device = grid.inverse_square.device
    k = grid.inverse_square.double().cpu().clamp(min=1e-30).rsqrt() * n / box_size
    k[0, 0, 0] = 0.0
    # White noise of unit variance has P = V/N³.
    amplitude = torch.from_numpy(cosmology.linear_power(k.numpy())) * (n / box_size) ** 3
    return torch.fft.rfftn(noise.to(device)) * amplitude.sqrt().to(device, torch.float32)


def displacements(delta_k: Tensor, grid: FourierGrid) -> tuple[Tensor, Tensor]:
    """ψ₁ and ψ₂ of a linear density, each (3, N³), in cells."""
    scaled = delta_k * grid.inverse_square

    def phi(i: int, j: int) -> Tensor:
        return grid.real(grid.k[i] * grid.k[j] * scaled)

    xx, yy, zz = phi(0, 0), phi(1, 1), phi(2, 2)
    source = xx * yy + xx * zz + yy * zz
    for i, j in ((0, 1), (0, 2), (1, 2)):
        source -= phi(i, j).square()
    first = grid.gradient_of_inverse_laplacian(delta_k)
    second = grid.gradient_of_inverse_laplacian(torch.fft.rfftn(source))
    return torch.stack([v.flatten() for v in first]), torch.stack([v.flatten() for v in second])


def lattice(n: int, device: torch.device) -> Tensor:
    """Particles at the grid points, (3, N³), in cells."""
    axis = torch.arange(n, dtype=torch.float32, device=device)
    return torch.stack([v.flatten() for v in torch.meshgrid(axis, axis, axis, indexing="ij")])


def initial_particles(
    cosmology: Cosmology, grid: FourierGrid, box_size: float, seed: int, a: float
) -> tuple[Tensor, Tensor]:
    """Positions x and momenta p = a³E dx/da at scale factor a, each (3, N³), in cells."""
    return trajectories(*displacements(linear_density(cosmology, grid, box_size, seed), grid), cosmology, a)


def trajectories(first: Tensor, second: Tensor, cosmology: Cosmology, a: float) -> tuple[Tensor, Tensor]:
    """Positions and momenta (3, N³) at a on the trajectories of ψ₁ and ψ₂."""
    growth, rate, expansion = (float(v(a)) for v in (cosmology.growth, cosmology.growth_rate, cosmology.hubble))
    second_growth = 3.0 / 7.0 * growth**2
    x = lattice(round(first.shape[1] ** (1 / 3)), first.device) + growth * first + second_growth * second
    p = a**2 * expansion * rate * (growth * first + 2.0 * second_growth * second)
    return x, p
