"""Whether a map was memorised: its nearest training map under all periodic shifts, flips and quarter turns.

For standardised fields a and b of N × N pixels, the normalised cross-correlation at shift d,

    r(d) = Σ_x a(x − d) b(x)/N² = F⁻¹[â* b̂](d)/N²,

is 1 where b is a copy of a, shifted by d, whatever its amplitude and mean. By the cross-correlation theorem all N²
shifts cost one Fourier transform (Lewis 1995, Vision Interface 10, 120), and the 8 symmetries of the square eight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from focus_core.errors import UserError
from focus_core.statistics.fields import FloatArray, Maps, as_batch, finite_fields, scatter_of_pixels

N_SYMMETRIES = 8

# Pixels of correlations held at once, 32 MB in single precision; half as much again for their transforms.
_CHUNK_PIXELS = 2**23


@dataclass(frozen=True)
class Nearest:
    """For B maps, (B,) each: the largest `correlation` with any training map, and `index`, the number of that map.

    Training map `index` resembles `moved(field, symmetry, shift)`, with `shift` (B, 2) in pixels. A map without any
    training map to compare it with has the index −1 and the correlation NaN.
    """

    correlation: FloatArray
    index: NDArray[np.int64]
    symmetry: NDArray[np.int64]
    shift: NDArray[np.int64]


def turned(fields: FloatArray, symmetry: int) -> FloatArray:
    """One of the 8 symmetries of the square, 0 … 7, of (…, N, N): quarter turns, of the transposed map from 4 on."""
    flipped = np.swapaxes(fields, -1, -2) if symmetry >= 4 else fields
    return np.rot90(flipped, symmetry % 4, axes=(-2, -1))


def moved(field: FloatArray, symmetry: int, shift: ArrayLike) -> FloatArray:
    """A map (N, N) after a symmetry and then a periodic shift by (rows, columns)."""
    rows, columns = np.asarray(shift, dtype=np.int64).tolist()
    return np.roll(turned(field, symmetry), (rows, columns), axis=(0, 1))


def nearest_training_map(
    fields: ArrayLike,
    training: Maps,
    simulation: ArrayLike | None = None,
    training_simulation: ArrayLike | None = None,
    prepare: Callable[[np.ndarray], FloatArray] | None = None,
    device: str = "cpu",
) -> Nearest:
    """For fields (N, N) or (B, N, N) among `training` (T, N, N), both δ or both log10 Σ.

    `training` is read in pieces, each through `prepare` if given, so that it can be a memory map of Σ and
    `prepare` its logarithm. With `simulation` (B,) and `training_simulation` (T,) maps of the same simulation are not
    compared: the reference for real maps, the nearest of another simulation.
    """
    wanted = _standardised(fields, "maps")
    everything = as_batch(training, "training maps", "a nearest map")
    if everything.shape[1:] != wanted.shape[1:]:
        raise UserError(
            f"training maps: have {everything.shape[1]} pixels per side and the maps {wanted.shape[1]}; "
            "they can be compared on the same grid only."
        )
    own, others = _labels(simulation, training_simulation, len(wanted), len(everything))
    best = _Best.empty(len(wanted))
    step = max(1, _CHUNK_PIXELS // (N_SYMMETRIES * wanted.shape[-1] ** 2))
    for first in range(0, len(everything), step):
        part = np.asarray(everything[first : first + step])
        piece = _standardised(prepare(part) if prepare else part, f"training maps from {first}")
        _search(best, wanted, piece, first, own[:, None] != others[None, first : first + step], device)
    return best.result(wanted.shape[-1])


@dataclass
class _Best:
    """The best result so far; `place` counts symmetries and pixels."""

    correlation: FloatArray
    index: NDArray[np.int64]
    place: NDArray[np.int64]

    @classmethod
    def empty(cls, n: int) -> _Best:
        return cls(np.full(n, -np.inf), np.full(n, -1), np.zeros(n, dtype=np.int64))

    def result(self, grid: int) -> Nearest:
        symmetry, pixel = np.divmod(self.place, grid**2)
        shift = np.stack(np.divmod(pixel, grid), axis=1)
        return Nearest(np.where(self.index < 0, np.nan, self.correlation), self.index, symmetry, shift)


def _search(
    best: _Best, fields: FloatArray, training: FloatArray, first: int, allowed: NDArray[np.bool_], device: str
) -> None:
    """Compare every field with a piece of the training maps, of which the first is number `first`."""
    grid = fields.shape[-1]
    # Single precision finds the position; the correlation there is computed in double precision.
    others = torch.fft.rfft2(torch.from_numpy(training.astype(np.float32)).to(device))
    for b in np.flatnonzero(allowed.any(axis=1)).tolist():
        chosen = np.flatnonzero(allowed[b])
        images = np.stack([turned(fields[b], s) for s in range(N_SYMMETRIES)]).astype(np.float32)
        conjugate = torch.fft.rfft2(torch.from_numpy(images).to(device)).conj()
        product = conjugate[None] * others[torch.from_numpy(chosen).to(device)][:, None]
        highest, place = torch.fft.irfft2(product, s=(grid, grid)).flatten(1).max(dim=1)
        winner = int(highest.argmax())
        symmetry, pixel = divmod(int(place[winner]), grid**2)
        copy = moved(fields[b], symmetry, divmod(pixel, grid))
        correlation = float((copy * training[chosen[winner]]).mean())
        if correlation > best.correlation[b]:
            best.correlation[b], best.index[b], best.place[b] = correlation, first + chosen[winner], place[winner]


def _standardised(fields: ArrayLike, source: str) -> FloatArray:
    """Mean zero and variance one over the pixels of each map."""
    batch = finite_fields(fields, source, "a nearest map")
    scatter = scatter_of_pixels(batch, source, "a nearest map")
    return (batch - batch.mean(axis=(1, 2), keepdims=True)) / scatter[:, None, None]


def _labels(
    simulation: ArrayLike | None, training_simulation: ArrayLike | None, n: int, n_training: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The simulation of every map, or numbers that never match."""
    if simulation is None or training_simulation is None:
        return np.full(n, -1), np.zeros(n_training, dtype=np.int64)
    own, others = np.asarray(simulation, dtype=np.int64), np.asarray(training_simulation, dtype=np.int64)
    if own.shape != (n,) or others.shape != (n_training,):
        raise ValueError(f"simulations {own.shape} and {others.shape} of {n} maps and {n_training} training maps")
    return own, others
