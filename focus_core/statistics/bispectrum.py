"""The bispectrum of maps: the correlation of three modes that close a triangle, zero for a Gaussian field.

For N × N pixels in a box of side L [Mpc/h], with δ̂ the unnormalised Fourier transform of δ = Σ/Σ̄ − 1,

    B(k₁, k₂, k₃) = ⟨δ̂(q₁) δ̂(q₂) δ̂(q₃)⟩ · L⁴/N⁶    [(Mpc/h)⁴],

averaged over all ordered triangles q₁ + q₂ + q₃ = 0 with qᵢ in ring mᵢ, the rings of `power`. L⁴/N⁶ is what makes
⟨δ̃₁δ̃₂δ̃₃⟩ = L² B for δ̃ = (L/N)² δ̂. The average is a sum over pixels of the product of three fields, each with the modes
of one ring alone (in three dimensions Scoccimarro 2000, ApJ 544, 597; Sefusatti et al. 2016, MNRAS 460, 3624, arXiv
1512.07295), and the number of triangles is the same sum with ones for δ̂. The grid of that sum is so wide that
q₁ + q₂ + q₃ cannot be a non-zero multiple of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from focus_core.errors import UserError
from focus_core.statistics.fields import FloatArray, Maps, overdensity
from focus_core.statistics.power import mode_length, power_spectrum

# Pixels of ring fields held at once, 128 MB of doubles.
_CHUNK_PIXELS = 2**24


@dataclass(frozen=True)
class Bispectrum:
    """Bispectra of B maps for T triangles of rings: `bispectrum` (B, T) [(Mpc/h)⁴].

    `rings` (T, 3) in units of k_f; `k` (T, 3) [h/Mpc] the mean |k| of each ring's modes; `power` (B, T, 3) [(Mpc/h)²]
    of the same map in the three rings; `n_triangles` (T,) counts ordered triples of modes, of which half are
    independent.
    """

    rings: NDArray[np.int64]
    k: FloatArray
    bispectrum: FloatArray
    power: FloatArray
    n_triangles: NDArray[np.int64]
    box_size: float
    grid: int

    @property
    def reduced(self) -> FloatArray:
        """Q = B/(P₁P₂ + P₂P₃ + P₃P₁) of each map, dimensionless (B, T): Fry & Seldner 1982, ApJ 259, 474."""
        first, second, third = np.moveaxis(self.power, -1, 0)
        return self.bispectrum / (first * second + second * third + third * first)

    @property
    def gaussian_error(self) -> FloatArray:
        """Error (B, T) [(Mpc/h)⁴] of each map's B for a Gaussian field: L·√(s P₁P₂P₃/n_triangles).

        In ⟨B²⟩ by Wick's theorem each triangle meets its mirror image, in s = 6, 2, 1 orders where three, two, none of
        the rings are the same (Scoccimarro, Sefusatti & Zaldarriaga 2004, PRD 69, 103513, in three dimensions).
        """
        same = np.array([(6, 2, 1)[len(set(rings)) - 1] for rings in self.rings.tolist()])
        return self.box_size * np.sqrt(same * self.power.prod(axis=-1) / self.n_triangles)


def equilateral(grid: int) -> NDArray[np.int64]:
    """Triangles (m, m, m), m = 1 … N/2 − 1, shape (T, 3)."""
    return np.repeat(np.arange(1, _last_ring(grid) + 1)[:, None], 3, axis=1)


def squeezed(grid: int, soft: int = 2) -> NDArray[np.int64]:
    """Triangles (soft, m, m) with m from twice `soft` to N/2 − 1, shape (T, 3)."""
    rings = np.arange(2 * soft, _last_ring(grid) + 1)
    if soft < 1 or not len(rings):
        raise UserError(
            f"squeezed triangles: ring {soft} has none on {grid} × {grid} pixels; the soft ring must be 1 or more, and "
            "twice it below N/2."
        )
    return np.stack([np.full_like(rings, soft), rings, rings], axis=1)


def bispectrum(maps: Maps, box_size: float, triangles: ArrayLike, source: str = "maps") -> Bispectrum:
    """Bispectra of physical maps (N, N) or (B, N, N) for `triangles` (T, 3) of rings 1 … N/2 − 1.

    UserError as for `power_spectrum`, and for rings that cannot form a triangle.
    """
    spectrum = power_spectrum(maps, box_size, source)
    rings = _checked(triangles, spectrum.grid, source)
    delta = overdensity(maps, source, "a bispectrum")
    n = _n_triangles(rings)
    if not n.all():
        impossible = rings[np.flatnonzero(n == 0)[0]].tolist()
        raise UserError(f"{source}: no triangle has its sides in rings {impossible}; two sides must reach the third.")
    step = max(1, _CHUNK_PIXELS // (_closed_grid(rings) ** 2 * len(np.unique(rings))))
    sums = np.concatenate([_sums(delta[i : i + step], rings) for i in range(0, len(delta), step)])
    value = sums / n * box_size**4 / spectrum.grid**6
    at = rings - 1
    return Bispectrum(rings, spectrum.k[at], value, spectrum.power[:, at], n, float(box_size), spectrum.grid)


def _last_ring(grid: int) -> int:
    """The Nyquist modes are left out: each represents two, of either sign."""
    return math.ceil(grid / 2) - 1


def _checked(triangles: ArrayLike, grid: int, source: str) -> NDArray[np.int64]:
    rings = np.atleast_2d(np.asarray(triangles, dtype=np.int64))
    last = _last_ring(grid)
    if rings.ndim != 2 or rings.shape[1] != 3 or not rings.size or rings.min() < 1 or rings.max() > last:
        raise UserError(
            f"{source}: a triangle is three rings from 1 to {last} on {grid} × {grid} pixels "
            f"(found {rings.tolist() if rings.size < 30 else rings.shape})."
        )
    return rings


def _closed_grid(rings: NDArray[np.int64]) -> int:
    """Pixels per side for which no sum of three modes is a non-zero multiple of the grid."""
    # A mode of ring m has components below m + ½, so three of them sum to less than this.
    return int(fft.next_fast_len(int(rings.sum(axis=1).max()) + 2, real=True))


def _sums(delta: FloatArray, rings: NDArray[np.int64]) -> FloatArray:
    """Σ δ̂(q₁) δ̂(q₂) δ̂(q₃) over the triangles of each configuration, (B, T), for δ (B, N, N)."""
    return _products(fft.rfft2(delta), rings)


def _n_triangles(rings: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ordered triples of modes in each configuration, (T,)."""
    largest = int(rings.max())
    ones = np.ones((1, 2 * largest + 1, largest + 1), dtype=np.complex128)
    return np.rint(_products(ones, rings)[0]).astype(np.int64)


def _products(modes: NDArray[np.complex128], rings: NDArray[np.int64]) -> FloatArray:
    """The sum over pixels of the product of three ring fields, for each configuration; `modes` of the half plane."""
    grid, largest = _closed_grid(rings), int(rings.max())
    half = grid // 2 + 1
    wide = np.zeros((len(modes), grid, half), dtype=np.complex128)
    for rows in (slice(0, largest + 1), slice(-largest, None)):
        wide[:, rows, : largest + 1] = modes[:, rows, : largest + 1]
    ring_of = np.floor(mode_length(grid) + 0.5).reshape(grid, half)
    fields = {
        m: fft.irfft2(np.where(ring_of == m, wide, 0.0), s=(grid, grid), norm="forward")
        for m in np.unique(rings).tolist()
    }
    # With norm="forward" a field is the sum of its modes; Σ_x e^{iqx} is grid² for q = 0 and zero otherwise.
    columns = [np.einsum("bxy,bxy,bxy->b", *(fields[m] for m in row)) for row in rings.tolist()]
    return np.stack(columns, axis=1) / grid**2
