"""Map tiles for pages: palettes and lossless pictures at native size. numpy and Pillow alone."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

# Anchors of the palettes, equally spaced, with straight lines in sRGB between them. Pages draw their colour bars from
# these. Matter maps: night blue, steel, slate, sand, gold, ivory; lightness rises in equal steps.
NIGHT_ANCHORS = (
    "#060d20", "#011c3d", "#012e58", "#044272", "#05568b", "#1f6a9e", "#4a7ca1", "#6b8aa1", "#86959e",
    "#999c9b", "#aca397", "#c2ab90", "#dcb685", "#f7ca80", "#ffde9e", "#ffebc7", "#fff7e7",
)  # fmt: skip
# Differences and ratios: blue is negative, the middle is near white.
DIVIDE_ANCHORS = (
    "#055483", "#3373a8", "#6991bc", "#97b0cf", "#c6d2e3", "#f3f3f3", "#e8cbbe", "#d6a58d", "#bf7e5e", "#a65931",
    "#8b3503",
)  # fmt: skip


def _palette(anchors: Sequence[str], size: int = 256) -> NDArray[np.uint8]:
    """Straight lines in sRGB between equally spaced anchors, (size, 3)."""
    corners = np.array([[int(word[i : i + 2], 16) for i in (1, 3, 5)] for word in anchors], dtype=np.float64)
    at = np.linspace(0.0, len(corners) - 1.0, size)
    columns = [np.interp(at, np.arange(len(corners)), corners[:, channel]) for channel in range(3)]
    return np.rint(np.stack(columns, axis=1)).astype(np.uint8)


NIGHT = _palette(NIGHT_ANCHORS)
DIVIDE = _palette(DIVIDE_ANCHORS)


def render_tile(map2d: ArrayLike, vmin: float, vmax: float) -> bytes:
    """A lossless WebP of log10 Σ in `NIGHT`, at native size. vmin and vmax are log10 values (see `stretch`)."""
    values = _log10(np.asarray(map2d, dtype=np.float64))
    share = (values - vmin) / (vmax - vmin if vmax > vmin else 1.0)
    index = np.clip(np.rint(share * 255.0), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(NIGHT[index]).save(buffer, format="WEBP", lossless=True)
    return buffer.getvalue()


def log_ratio(map2d: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """log10 of one map over another, pixel by pixel."""
    return _log10(np.asarray(map2d, dtype=np.float64)) - _log10(np.asarray(truth, dtype=np.float64))


def render_ratio_tile(ratio: ArrayLike, limit: float) -> bytes:
    """A lossless WebP of a log ratio in `DIVIDE`, from −limit to limit."""
    share = (np.asarray(ratio, dtype=np.float64) + limit) / (2.0 * limit if limit > 0 else 1.0)
    index = np.clip(np.rint(share * 255.0), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(DIVIDE[index]).save(buffer, format="WEBP", lossless=True)
    return buffer.getvalue()


def stretch(maps: ArrayLike) -> tuple[float, float]:
    """log10 Σ at the 1st and the 99.8th percentile: the ends of a colour scale for these maps."""
    low, high = np.percentile(_log10(np.asarray(maps, dtype=np.float64)), (1.0, 99.8))
    return float(low), float(high)


def _log10(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """log10 of positive pixels; a pixel that is not positive counts as the smallest positive one."""
    positive = maps[maps > 0]
    return np.log10(np.maximum(maps, positive.min() if positive.size else 1.0))
