"""Two-dimensional wavelet scattering coefficients: the strength at each scale and direction, and its arrangement.

With Morlet wavelets ψ of scale j = 0 … J − 1 and direction l = 0 … L − 1 and the periodic convolution ∗ of a field I,

    S₁(j, l) = ⟨|I ∗ ψ_{jl}|⟩        S₂(j₁, l₁, j₂, l₂) = ⟨||I ∗ ψ_{j₁l₁}| ∗ ψ_{j₂l₂}|⟩, j₂ > j₁

over all pixels, in the unit of the field (Bruna & Mallat 2013, arXiv 1203.1513; Cheng et al. 2020, arXiv 2006.08561,
whose reduced coefficients s₁(j), s₂(j₁, j₂) are means over directions; s₂/s₁ is free of the amplitude). The wavelet is
theirs and kymatio's, in pixels x, with u along the direction θ_l = π l/L from the first axis of the map and v across:

    ψ(x) = s/(2πσ²) · exp(−(u² + s² v²)/(2σ²)) · (e^{i k₀ u} − β),    σ = 0.8 · 2^j, k₀ = ¾π/2^j, s = 4/L,

where β makes its sum over the pixels zero. In Fourier space it is a Gaussian of height one at k₀, folded at the
Nyquist frequency as by sampling at pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import ArrayLike

from focus_core.errors import UserError
from focus_core.schema.messages import check_box
from focus_core.statistics.fields import FloatArray, finite_fields

# Pixels of one first-order field and its descendants at once, 64 MB of complex numbers.
_CHUNK_PIXELS = 2**22

# Aliases of the wavelets' Gaussians that reach the first Brillouin zone: the next has a height of e⁻⁵⁰.
_FOLDS = 2


@dataclass(frozen=True)
class Scattering:
    """Of B fields: `first` (B, J, L) and `second` (B, J, L, J, L), in the unit of the field.

    `k` (J,) [h/Mpc] is the central wave number ¾π/2^j of each scale; `angles` (L,) in radians. Where j₂ ≤ j₁ there is
    no second-order coefficient: NaN.
    """

    k: FloatArray
    angles: FloatArray
    first: FloatArray
    second: FloatArray
    box_size: float
    grid: int

    @property
    def s1(self) -> FloatArray:
        """Mean over directions, (B, J)."""
        return self.first.mean(axis=2)

    @property
    def s2(self) -> FloatArray:
        """Mean over both directions, (B, J, J): NaN where j₂ ≤ j₁."""
        return self.second.mean(axis=(2, 4))

    @property
    def s2_over_s1(self) -> FloatArray:
        """s₂(j₁, j₂)/s₁(j₁), (B, J, J), dimensionless."""
        return self.s2 / self.s1[:, :, None]


def scattering(
    fields: ArrayLike,
    box_size: float,
    n_scales: int | None = None,
    n_angles: int = 4,
    device: str = "cpu",
    source: str = "fields",
) -> Scattering:
    """For fields (N, N) or (B, N, N), δ or log10 Σ; `n_scales` J is log2(N) − 2 by default.

    The widest wavelet must fit its box: 2^(J+1) ≤ N. On a `device` as torch names it, in double precision.
    """
    check_box(box_size, f"{source}: the box side")
    batch = finite_fields(fields, source, "a scattering coefficient")
    grid = batch.shape[-1]
    scales = _checked(grid, n_scales, n_angles, source)
    wavelets = torch.from_numpy(morlet_wavelets(grid, scales, n_angles)).to(device)
    step = max(1, _CHUNK_PIXELS // (grid**2 * n_angles))
    parts = [
        _coefficients(torch.from_numpy(batch[i : i + step]).to(device), wavelets) for i in range(0, len(batch), step)
    ]
    first, second = (np.concatenate(each) for each in zip(*parts, strict=True))
    k = 0.75 * np.pi / 2.0 ** np.arange(scales) * grid / box_size
    return Scattering(k, np.pi * np.arange(n_angles) / n_angles, first, second, float(box_size), grid)


@lru_cache(maxsize=4)
def morlet_wavelets(grid: int, n_scales: int, n_angles: int) -> FloatArray:
    """ψ̂ of every scale and direction, real, (J, L, N, N) in the order of numpy's frequencies."""
    wave = 2 * np.pi * (np.fft.fftfreq(grid)[:, None] + np.arange(-_FOLDS, _FOLDS + 1)[None, :])
    slant = 4 / n_angles
    wavelets = np.empty((n_scales, n_angles, grid, grid))
    for j in range(n_scales):
        sigma, centre = 0.8 * 2**j, 0.75 * np.pi / 2**j
        for angle in range(n_angles):
            cosine, sine = math.cos(math.pi * angle / n_angles), math.sin(math.pi * angle / n_angles)
            # (row, fold, column, fold): the sum over folds corresponds to sampling at pixels.
            u = cosine * wave[:, :, None, None] + sine * wave[None, None]
            v = cosine * wave[None, None] - sine * wave[:, :, None, None]
            across = np.exp(-0.5 * (sigma / slant) ** 2 * v**2)
            gabor = (across * np.exp(-0.5 * sigma**2 * (u - centre) ** 2)).sum(axis=(1, 3))
            gauss = (across * np.exp(-0.5 * sigma**2 * u**2)).sum(axis=(1, 3))
            wavelets[j, angle] = gabor - gabor[0, 0] / gauss[0, 0] * gauss
    return wavelets


def _checked(grid: int, n_scales: int | None, n_angles: int, source: str) -> int:
    most = int(math.log2(grid)) - 1
    scales = max(1, most - 1) if n_scales is None else n_scales
    if not 1 <= scales <= most:
        raise UserError(
            f"{source}: {scales} scales of wavelets do not fit {grid} × {grid} pixels; use 1 to {most}, so that the "
            "widest spans at most half the box."
        )
    if n_angles < 1:
        raise UserError(f"{source}: scattering needs one direction or more (found {n_angles}).")
    return scales


def _coefficients(fields: torch.Tensor, wavelets: torch.Tensor) -> tuple[FloatArray, FloatArray]:
    """S₁ (B, J, L) and S₂ (B, J, L, J, L) of fields (B, N, N)."""
    n_scales, n_angles = wavelets.shape[:2]
    shape = (len(fields), n_scales, n_angles)
    first = fields.new_empty(shape)
    second = fields.new_full((*shape, n_scales, n_angles), math.nan)
    transform = torch.fft.fft2(fields)
    for j in range(n_scales):
        for angle in range(n_angles):
            modulus = torch.fft.ifft2(transform * wavelets[j, angle]).abs()
            first[:, j, angle] = modulus.mean(dim=(1, 2))
            again = torch.fft.fft2(modulus)[:, None]
            for wider in range(j + 1, n_scales):
                moduli = torch.fft.ifft2(again * wavelets[wider]).abs()
                second[:, j, angle, wider] = moduli.mean(dim=(2, 3))
    return first.cpu().numpy(), second.cpu().numpy()
