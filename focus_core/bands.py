"""The bands of k in which results are quoted: each twice as wide as the previous one. numpy alone, for pages too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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


def doubling_bands(last: int) -> tuple[Band, ...]:
    """[2, 4), [4, 8), … up to the ring `last`, which the last band includes; none if `last` is below 2."""
    edges = [2]
    while edges[-1] * 2 < last:
        edges.append(edges[-1] * 2)
    pairs = list(zip(edges, [*edges[1:], last], strict=True))
    return tuple(Band(low, high, closed=high == last) for low, high in pairs) if last >= 2 else ()


def quoted_bands(grid: int) -> tuple[Band, ...]:
    """Up to k_Ny/2 = (grid / 4) k_f, up to which P(k) of `grid`² pixels is trusted; none under 8 pixels per side."""
    return doubling_bands(grid // 4)


def nyquist_bands(grid: int) -> tuple[Band, ...]:
    """Up to k_Ny = (grid / 2) k_f."""
    return tuple(band for band in doubling_bands(grid // 2) if band.low < band.high)
