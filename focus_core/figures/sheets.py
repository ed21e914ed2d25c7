"""All maps of one simulation in one picture: tiles with transparent gaps, one image pixel per map pixel."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from focus_core.figures.tiles import NIGHT, stretch

FloatArray = NDArray[np.float64]


def sheet_columns(n_maps: int) -> int:
    """One row per axis if the maps are slabs along three axes, as in the simulator and CAMELS; otherwise a square."""
    return n_maps // 3 if n_maps % 3 == 0 and n_maps > 3 else math.ceil(math.sqrt(n_maps))


def shown_values(maps: FloatArray, normalised: bool) -> FloatArray:
    """The values behind the colours: log10 Σ, or the values of maps that are already normalised."""
    if normalised:
        return maps
    positive = maps[maps > 0]
    return np.asarray(np.log10(np.maximum(maps, positive.min() if positive.size else 1.0)))


def shown_range(maps: FloatArray, normalised: bool) -> tuple[float, float]:
    """The 1st and the 99.8th percentile of the shown values."""
    return stretch(10.0**maps) if normalised else stretch(maps)


def render_sheet(maps: FloatArray, low: float, high: float, *, normalised: bool) -> bytes:
    """Maps (n, N, N) in order, row by row, as a lossless WebP; the gaps between them are transparent."""
    n, grid = len(maps), maps.shape[-1]
    columns, gap = sheet_columns(n), max(1, grid // 48)
    rows = math.ceil(n / columns)
    sheet = np.zeros((rows * (grid + gap) - gap, columns * (grid + gap) - gap, 4), dtype=np.uint8)
    share = (shown_values(maps, normalised) - low) / (high - low if high > low else 1.0)
    colours = NIGHT[np.clip(np.rint(share * 255.0), 0, 255).astype(np.uint8)]
    for i, colour in enumerate(colours):
        top, left = (i // columns) * (grid + gap), (i % columns) * (grid + gap)
        sheet[top : top + grid, left : left + grid, :3] = colour
        sheet[top : top + grid, left : left + grid, 3] = 255
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format="WEBP", lossless=True)
    return buffer.getvalue()
