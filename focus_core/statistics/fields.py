"""Requirements that every statistic checks before measuring maps, and the fields that are measured.

Maps are surface densities Σ, (N, N) or (B, N, N). A field is anything on the same pixels: δ = Σ/Σ̄ − 1, log10 Σ, or
either one smoothed. Results are indexed by map first.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from focus_core.errors import UserError
from focus_core.schema.messages import check_box

FloatArray = NDArray[np.float64]
Maps = np.ndarray | torch.Tensor

# Standard deviation of Σ/Σ̄ − 1. A single bright pixel of N × N gives N; an overdensity in float32 10⁷ and more.
_LARGEST_CONTRAST = 1e5

# Relative to its mean or its largest value; below it the scatter of a field is rounding error.
_LEAST_SCATTER = 1e-12


def as_batch(maps: Maps, source: str, purpose: str = "a spectrum") -> Maps:
    """(N, N) or (B, N, N) → (B, N, N); UserError for another shape, in which `source` names the maps."""
    if maps.ndim == 2:
        maps = maps[None]
    grid = maps.shape[-1] if maps.ndim else 0
    if maps.ndim != 3 or maps.shape[1] != grid or grid < 2 or maps.shape[0] < 1:
        raise UserError(f"{source}: have shape {tuple(maps.shape)}; {purpose} needs (N, N) or (n, N, N) with N ≥ 2.")
    return maps


def pieces(maps: Maps, pixels: int) -> Iterator[slice]:
    """The maps in pieces of so many pixels, or one by one if a map has more."""
    step = max(1, pixels // (maps.shape[1] * maps.shape[2]))
    return (slice(first, first + step) for first in range(0, maps.shape[0], step))


def check_means(mean: FloatArray, first: int, source: str, purpose: str = "a spectrum") -> None:
    """Refuse maps that are not finite or not of positive mean; `mean` (B,) is of map `first` and those that follow."""
    # A single NaN or infinity makes the mean one too, so no second pass over the pixels is needed.
    if not np.isfinite(mean).all():
        worst = int(np.flatnonzero(~np.isfinite(mean))[0])
        raise UserError(f"{source}: map {first + worst} has pixels that are not finite; {purpose} needs finite maps.")
    if not (mean > 0).all():
        worst = int(np.flatnonzero(mean <= 0)[0])
        raise UserError(
            f"{source}: map {first + worst} has mean {float(mean[worst]):g}, but {purpose} needs physical maps of "
            "positive mean (not overdensities or normalised maps)."
        )


def check_contrast(variance: FloatArray, source: str, purpose: str = "a spectrum") -> None:
    """`variance` (B,) of Σ/Σ̄ − 1. An overdensity has a mean of rounding error, half the time above zero."""
    if (variance > _LARGEST_CONTRAST**2).any():
        worst = int(np.argmax(variance))
        raise UserError(
            f"{source}: map {worst} scatters by {float(variance[worst]) ** 0.5:.1g} times its mean, so it is an "
            f"overdensity or a normalised map; {purpose} needs physical maps."
        )


def surface_density(maps: Maps, source: str, purpose: str) -> FloatArray:
    """Σ as doubles (B, N, N), in the maps' unit; UserError for maps that are not of Σ."""
    batch = as_batch(maps, source, purpose)
    density = batch.detach().cpu().double().numpy() if isinstance(batch, torch.Tensor) else batch
    density = np.asarray(density, dtype=np.float64)
    with np.errstate(over="ignore"):
        mean = np.asarray(density.mean(axis=(1, 2)))
    check_means(mean, 0, source, purpose)
    check_contrast(density.var(axis=(1, 2)) / mean**2, source, purpose)
    return density


def overdensity(maps: Maps, source: str = "maps", purpose: str = "an overdensity") -> FloatArray:
    """δ = Σ/Σ̄ − 1 (B, N, N), dimensionless, each map divided by its own mean."""
    density = surface_density(maps, source, purpose)
    return density / density.mean(axis=(1, 2), keepdims=True) - 1.0


def log_density(maps: Maps, floor: float = 0.0, source: str = "maps") -> FloatArray:
    """log10 max(Σ, floor) (B, N, N) [dex], `floor` in the maps' unit; UserError for a pixel without a logarithm."""
    density = np.maximum(surface_density(maps, source, "log10 Σ"), floor)
    if not (density > 0).all():
        worst = int(np.flatnonzero((density <= 0).any(axis=(1, 2)))[0])
        raise UserError(
            f"{source}: map {worst} has pixels that are not positive, so log10 Σ needs a floor; use 10⁻³ of the mean."
        )
    return np.log10(density)


def finite_fields(fields: ArrayLike, source: str, purpose: str) -> FloatArray:
    """Fields of either sign as doubles (B, N, N); UserError for another shape or a pixel that is not finite."""
    batch = np.ascontiguousarray(as_batch(np.asarray(fields, dtype=np.float64), source, purpose))
    finite = np.isfinite(batch).all(axis=(1, 2))
    if not finite.all():
        worst = int(np.flatnonzero(~finite)[0])
        raise UserError(f"{source}: map {worst} has pixels that are not finite; {purpose} needs finite maps.")
    return batch


def scatter_of_pixels(fields: FloatArray, source: str, purpose: str) -> FloatArray:
    """Standard deviation over the pixels of each field, (B,); UserError for a field that is constant."""
    scatter: FloatArray = fields.std(axis=(1, 2))
    constant = scatter <= _LEAST_SCATTER * np.abs(fields).max(axis=(1, 2))
    if constant.any():
        worst = int(np.flatnonzero(constant)[0])
        raise UserError(f"{source}: map {worst} is the same in every pixel; {purpose} needs maps that vary.")
    return scatter


def heights(fields: ArrayLike, sigma: float | None = None, source: str = "fields", purpose: str = "ν") -> FloatArray:
    """ν = (f − f̄)/σ (B, N, N), with the mean of each field.

    σ is each field's own scatter, or `sigma` in the unit of f for all: that of the simulations, if generated maps
    are counted at the same heights.
    """
    batch = finite_fields(fields, source, purpose)
    if sigma is not None and not 0 < sigma < np.inf:
        raise UserError(f"{source}: σ is {sigma:g}; {purpose} needs a positive scatter to measure heights by.")
    scale = scatter_of_pixels(batch, source, purpose)[:, None, None] if sigma is None else sigma
    return (batch - batch.mean(axis=(1, 2), keepdims=True)) / scale


def smoothed(fields: ArrayLike, box_size: float, radius: float, source: str = "fields") -> FloatArray:
    """Convolved with a periodic Gaussian, f̂(k)·exp(−k²R²/2), with `radius` R and `box_size` in Mpc/h; (B, N, N)."""
    check_box(box_size, f"{source}: the box side")
    batch = finite_fields(fields, source, "smoothing")
    if not 0 <= radius < np.inf:
        raise UserError(f"{source}: the smoothing radius is {radius:g}; it must be 0 Mpc/h or more.")
    grid = batch.shape[-1]
    rows, columns = (
        2 * np.pi / box_size * n for n in (np.fft.fftfreq(grid, 1 / grid), np.fft.rfftfreq(grid, 1 / grid))
    )
    window = np.exp(-0.5 * radius**2 * (rows[:, None] ** 2 + columns[None, :] ** 2))
    return np.fft.irfft2(np.fft.rfft2(batch) * window, s=(grid, grid))
