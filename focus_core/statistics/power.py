"""The power spectrum of maps, in physical units and exactly normalised.

For N × N pixels in a box of side L [Mpc/h], with δ = Σ/Σ̄ − 1 and δ̂ its unnormalised Fourier transform,

    P(k) = ⟨|δ̂|²⟩_k · L²/N⁴    [(Mpc/h)²],

averaged in rings of width k_f = 2π/L centred on m·k_f, m = 1 … N/2. Modes beyond the last ring, in the corners of the
Fourier plane, are left out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from focus_core.errors import UserError

FloatArray = NDArray[np.float64]
Maps = np.ndarray | torch.Tensor

# Pixels transformed at once: 2²² doubles and their transform are about 100 MB, whatever the size of the file.
_CHUNK_PIXELS = 2**22


@dataclass(frozen=True)
class PowerSpectrum:
    """P(k) of B maps. `k` (nk,) [h/Mpc] is the mean |k| of each ring's modes, `power` (B, nk) [(Mpc/h)²].

    `n_modes` (nk,) counts the modes of the full plane, of which half are independent. Ring i is centred on (i + 1)·k_f.
    """

    k: FloatArray
    power: FloatArray
    n_modes: NDArray[np.int64]
    box_size: float
    grid: int

    @property
    def error(self) -> FloatArray:
        """Error of each map's P for a Gaussian field: P·√(2/n_modes), shape (B, nk)."""
        return self.power * np.sqrt(2.0 / self.n_modes)

    @property
    def k_fundamental(self) -> float:
        return 2.0 * math.pi / self.box_size


@dataclass(frozen=True)
class Band:
    """Rings m with low ≤ m < high, in units of k_f; `closed` includes m = high."""

    low: int
    high: int
    closed: bool = False

    @property
    def label(self) -> str:
        return f"[{self.low}, {self.high}{']' if self.closed else ')'}"

    def contains(self, rings: NDArray[np.int64]) -> NDArray[np.bool_]:
        return (rings >= self.low) & ((rings <= self.high) if self.closed else (rings < self.high))


def power_spectrum(maps: Maps, box_size: float, source: str = "maps") -> PowerSpectrum:
    """Spectra of physical maps (N, N) or (B, N, N), an array, a memory map or a tensor on any device.

    Maps are surface densities, not overdensities: each is divided by its own mean. Raises UserError, in which `source`
    names the maps, for a map that is not finite or whose mean is not positive, and for a box without a size.
    """
    if not (math.isfinite(box_size) and box_size > 0):
        raise UserError(f"{source}: the box side is {box_size:g}; it must be a positive number of Mpc/h.")
    if maps.ndim == 2:
        maps = maps[None]
    grid = maps.shape[-1] if maps.ndim else 0
    if maps.ndim != 3 or maps.shape[1] != grid or grid < 2 or maps.shape[0] < 1:
        raise UserError(f"{source}: have shape {tuple(maps.shape)}; a spectrum needs (N, N) or (n, N, N) with N ≥ 2.")
    ring, weight = _rings(grid)
    rows = [
        _ring_sums(_overdensity(chunk, first, source), ring, weight, grid) for first, chunk in _chunks(maps, grid**2)
    ]
    n_modes = np.bincount(ring, weight, grid // 2 + 1)[1:]
    mean_mode = np.bincount(ring, weight * _mode_length(grid), grid // 2 + 1)[1:] / n_modes
    power = np.concatenate(rows) / n_modes * box_size**2 / grid**4
    return PowerSpectrum(2 * math.pi / box_size * mean_mode, power, n_modes.astype(np.int64), float(box_size), grid)


def bands(grid: int) -> tuple[Band, ...]:
    """The bands in which results are quoted: [2, 4), [4, 8), … in units of k_f, the last one closed at k_Ny/2."""
    limit = grid // 4
    if limit < 2:
        raise UserError(f"maps of {grid} × {grid} pixels have no band between 2 k_f and k_Ny/2; use 8 or more.")
    edges = [2]
    while edges[-1] * 2 < limit:
        edges.append(edges[-1] * 2)
    edges.append(limit)
    pairs = list(itertools.pairwise(edges))
    return tuple(Band(low, high, closed=(low, high) == pairs[-1]) for low, high in pairs)


def band_average(spectrum: PowerSpectrum) -> FloatArray:
    """Mean power (B, n_bands) over the modes of each band of `bands(grid)`: rings weighted by n_modes."""
    rings = np.arange(1, len(spectrum.k) + 1)
    columns = [
        np.average(spectrum.power[:, inside], axis=1, weights=spectrum.n_modes[inside])
        for inside in (band.contains(rings) for band in bands(spectrum.grid))
    ]
    return np.stack(columns, axis=1)


def band_centres(spectrum: PowerSpectrum) -> FloatArray:
    """Mean |k| [h/Mpc] of the modes of each band, shape (n_bands,)."""
    rings = np.arange(1, len(spectrum.k) + 1)
    inside = [band.contains(rings) for band in bands(spectrum.grid)]
    return np.array([np.average(spectrum.k[i], weights=spectrum.n_modes[i]) for i in inside])


def _mode_length(grid: int) -> FloatArray:
    """|n| of every mode of the half plane, flat, in units of k_f."""
    rows, columns = np.fft.fftfreq(grid, 1 / grid), np.fft.rfftfreq(grid, 1 / grid)
    return np.hypot(rows[:, None], columns[None, :]).ravel()


def _rings(grid: int) -> tuple[NDArray[np.int64], FloatArray]:
    """Ring and weight of every mode of the half plane, flat; modes in no ring have ring 0 and weight 0.

    (m ± ½)² is never a whole number, so no mode lies on an edge and rounding is harmless.
    """
    ring = np.floor(_mode_length(grid) + 0.5).astype(np.int64)
    # A half-plane mode stands for itself and its conjugate, except in the columns that are their own conjugates.
    column_weight = np.full(grid // 2 + 1, 2.0)
    column_weight[0] = 1.0
    if grid % 2 == 0:
        column_weight[-1] = 1.0
    weight = np.broadcast_to(column_weight, (grid, grid // 2 + 1)).ravel()
    inside = (ring >= 1) & (ring <= grid // 2)
    return np.where(inside, ring, 0), np.where(inside, weight, 0.0)


def _chunks(maps: Maps, pixels: int) -> Iterator[tuple[int, torch.Tensor]]:
    """(index of the first map, maps as float64) in pieces of bounded memory."""
    step = max(1, _CHUNK_PIXELS // pixels)
    for first in range(0, maps.shape[0], step):
        piece = maps[first : first + step]
        if isinstance(piece, torch.Tensor):
            # Apple's devices have no doubles.
            yield first, (piece.cpu() if piece.device.type == "mps" else piece).detach().double()
        else:
            yield first, torch.from_numpy(np.array(piece, dtype=np.float64))


def _overdensity(maps: torch.Tensor, first: int, source: str) -> torch.Tensor:
    mean = maps.mean(dim=(1, 2))
    # A single NaN or infinity makes the mean one too, so no second pass over the pixels is needed.
    if not bool(torch.isfinite(mean).all()):
        worst = int(torch.nonzero(~torch.isfinite(mean))[0, 0])
        raise UserError(f"{source}: map {first + worst} has pixels that are not finite; a spectrum needs finite maps.")
    if not bool((mean > 0).all()):
        worst = int(torch.nonzero(mean <= 0)[0, 0])
        raise UserError(
            f"{source}: map {first + worst} has mean {float(mean[worst]):g}, but a spectrum needs physical maps of "
            "positive mean (not overdensities or normalised maps)."
        )
    return maps / mean[:, None, None] - 1.0


def _ring_sums(delta: torch.Tensor, ring: NDArray[np.int64], weight: FloatArray, grid: int) -> FloatArray:
    """Σ|δ̂|² over the modes of each ring, shape (B, N // 2)."""
    transform = torch.fft.rfft2(delta).flatten(1)
    squared = transform.real.square() + transform.imag.square()
    squared *= torch.from_numpy(weight).to(delta.device)
    sums = torch.zeros(delta.shape[0], grid // 2 + 1, dtype=torch.float64, device=delta.device)
    sums.index_add_(1, torch.from_numpy(ring).to(delta.device), squared)
    return sums[:, 1:].cpu().numpy()
