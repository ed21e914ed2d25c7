"""The power spectrum of maps, in physical units and exactly normalised.

For N × N pixels in a box of side L [Mpc/h], with δ = Σ/Σ̄ − 1 and δ̂ its unnormalised Fourier transform,

    P(k) = ⟨|δ̂|²⟩_k · L²/N⁴    [(Mpc/h)²],

averaged in rings of width k_f = 2π/L centred on m·k_f, m = 1 … N/2. Modes beyond the last ring, in the corners of the
Fourier plane, are left out.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from scipy.sparse import csr_array

from focus_core.bands import Band, quoted_bands
from focus_core.catalogue.statistic_spec import Measured
from focus_core.errors import UserError
from focus_core.schema.messages import check_box
from focus_core.statistics.fields import FloatArray, Maps, as_batch, check_contrast, check_means, pieces

# Pixels transformed at once. 2¹⁸ doubles and their transform stay in a processor's cache: with sixteen times as many, a
# map took four times as long. An accelerator needs many maps, and 2²² pixels are about 100 MB.
_CACHED_PIXELS = 2**18
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


def power_spectrum(maps: Maps, box_size: float, source: str = "maps") -> PowerSpectrum:
    """Spectra of physical maps (N, N) or (B, N, N), an array, a memory map or a tensor on any device.

    Maps are surface densities, not overdensities: each is divided by its own mean. Raises UserError, in which `source`
    names the maps, for a map that is not finite or whose mean is not positive, and for a box without a size.
    """
    check_box(box_size, f"{source}: the box side")
    maps = as_batch(maps, source)
    grid = maps.shape[-1]
    rings = ring_modes(grid)
    if isinstance(maps, torch.Tensor) and maps.device.type == "cuda":
        sums = _sums_on_device(maps, rings, source)
    else:
        sums = _sums_on_processor(maps, rings, source)
    check_contrast(sums.sum(axis=1) / grid**4, source)
    power = sums / rings.n_modes * box_size**2 / grid**4
    k = 2 * math.pi / box_size * rings.mean_mode
    return PowerSpectrum(k, power, rings.n_modes.astype(np.int64), float(box_size), grid)


def measure(maps: Maps, box_size: float, source: str = "maps") -> Measured:
    """P(k) by ring, in the form that the catalogue's entry requires."""
    found = power_spectrum(maps, box_size, source)
    return Measured(found.power, found.k, found.n_modes)


def bands(grid: int) -> tuple[Band, ...]:
    """The bands in which results are quoted: [2, 4), [4, 8), … in units of k_f, the last one closed at k_Ny/2."""
    found = quoted_bands(grid)
    if not found:
        raise UserError(f"maps of {grid} × {grid} pixels have no band between 2 k_f and k_Ny/2; use 8 or more.")
    return found


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


def mode_length(grid: int) -> FloatArray:
    """|n| of every mode of the half plane, flat, in units of k_f."""
    rows, columns = np.fft.fftfreq(grid, 1 / grid), np.fft.rfftfreq(grid, 1 / grid)
    return np.hypot(rows[:, None], columns[None, :]).ravel()


@dataclass(frozen=True)
class RingModes:
    """Ring and weight of every mode of the half plane, flat; modes in no ring have ring 0 and weight 0.

    `n_modes` and `mean_mode`, the mean |n|, are those of rings 1 … N/2. `sums` (N/2, modes) adds up the modes of each.
    """

    ring: NDArray[np.int64]
    weight: FloatArray
    n_modes: FloatArray
    mean_mode: FloatArray
    sums: csr_array


@lru_cache(maxsize=8)
def ring_modes(grid: int) -> RingModes:
    """(m ± ½)² is never a whole number, so no mode lies on an edge and rounding is harmless."""
    length, last = mode_length(grid), grid // 2
    ring = np.floor(length + 0.5).astype(np.int64)
    # A half-plane mode counts for itself and its conjugate, except in the self-conjugate columns.
    column_weight = np.full(last + 1, 2.0)
    column_weight[0] = 1.0
    if grid % 2 == 0:
        column_weight[-1] = 1.0
    inside = (ring >= 1) & (ring <= last)
    ring, weight = np.where(inside, ring, 0), np.where(inside, np.tile(column_weight, grid), 0.0)
    n_modes: FloatArray = np.bincount(ring, weight, last + 1)[1:].astype(np.float64)
    mean_mode = np.bincount(ring, weight * length, last + 1)[1:] / n_modes
    sums = csr_array((weight[inside], (ring[inside] - 1, np.flatnonzero(inside))), shape=(last, len(ring)))
    return RingModes(ring, weight, n_modes, mean_mode, sums)


def _sums_on_processor(maps: Maps, rings: RingModes, source: str) -> FloatArray:
    """Σ|δ̂|² over the modes of each ring, (B, N/2): with all of torch's threads, a few maps at a time in each."""

    def sums(piece: slice) -> FloatArray:
        chosen = maps[piece]
        chosen = chosen.detach().cpu().double().numpy() if isinstance(chosen, torch.Tensor) else np.asarray(chosen)
        with np.errstate(over="ignore"):  # reported by `check_means`
            mean: FloatArray = np.asarray(chosen.mean(axis=(1, 2), dtype=np.float64))
        check_means(mean, piece.start, source)
        # δ Σ̄ rather than δ: saves a pass over the pixels.
        contrast = np.subtract(chosen, mean[:, None, None], dtype=np.float64)
        transform = fft.rfft2(contrast, overwrite_x=True).reshape(len(contrast), -1)
        squared = transform.real**2
        squared += transform.imag**2
        # One product per map: for all at once it takes twice as long.
        return np.stack([rings.sums @ one for one in squared]) / mean[:, None] ** 2

    parts = list(pieces(maps, _CACHED_PIXELS))
    threads = min(torch.get_num_threads(), len(parts))
    if threads == 1:
        return np.concatenate([sums(piece) for piece in parts])
    with ThreadPoolExecutor(threads, "spectra") as pool:
        return np.concatenate(list(pool.map(sums, parts)))


def _sums_on_device(maps: torch.Tensor, rings: RingModes, source: str) -> FloatArray:
    """The same on the device of the maps, many at a time."""
    ring, weight = (torch.from_numpy(values).to(maps.device) for values in (rings.ring, rings.weight))
    rows = []
    for piece in pieces(maps, _CHUNK_PIXELS):
        chosen = maps[piece].detach().double()
        mean = chosen.mean(dim=(1, 2))
        check_means(mean.cpu().numpy(), piece.start, source)
        transform = torch.fft.rfft2(chosen / mean[:, None, None] - 1.0).flatten(1)
        squared = (transform.real.square() + transform.imag.square()) * weight
        sums = torch.zeros(len(chosen), len(rings.n_modes) + 1, dtype=torch.float64, device=maps.device)
        rows.append(sums.index_add_(1, ring, squared)[:, 1:].cpu().numpy())
    return np.concatenate(rows)
