"""The sample grid of an epoch: a row for each θ, the true map and three generated ones, one colour scale per row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from focus_core.catalogue.statistic_spec import NORMALISED
from focus_core.figures.style import AXIS, INK, MUTED, NIGHT_MAP, new_figure, save_png, theta_text
from focus_core.figures.tiles import stretch


def draw_samples(file: BinaryIO, arrays: Mapping[str, Any], symbols: list[str]) -> None:
    """`arrays` is the content of samples_epoch_XXXX.npz: real (r, N, N), generated (r, c, N, N), theta …"""
    real, generated = arrays["real"], arrays["generated"]
    rows, columns = generated.shape[:2]
    figure = new_figure(2.35 * (columns + 1) + 0.9, 2.72 * rows + 0.5)
    # Placed by hand, as fractions of the figure: an automatic layout costs as much as all the drawing.
    grid = figure.subplots(
        rows,
        columns + 1,
        squeeze=False,
        gridspec_kw={"left": 0.01, "right": 0.91, "bottom": 0.01, "top": 0.935, "wspace": 0.04, "hspace": 0.17},
    )
    unit = str(arrays["unit"])
    physical = unit != NORMALISED
    for row in range(rows):
        pictures = [_log(real[row], physical), *(_log(one, physical) for one in generated[row])]
        low, high = stretch(real[row]) if physical else (float(real[row].min()), float(real[row].max()))
        for column, picture in enumerate(pictures):
            image = grid[row, column].imshow(
                picture, cmap=NIGHT_MAP, vmin=low, vmax=high, origin="lower", interpolation="bilinear"
            )
            _frame(grid[row, column], is_truth=column == 0)
        grid[row, 0].set_title(theta_text(symbols, arrays["theta"][row]), fontsize=8, color=INK, linespacing=1.35)
        for column in range(columns):
            grid[row, column + 1].set_title(f"Generated {column + 1}", fontsize=8, color=MUTED)
        place = grid[row, -1].get_position()
        bar = figure.colorbar(image, cax=figure.add_axes((0.925, place.y0, 0.012, place.height)))
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, labelcolor=MUTED, color=AXIS)
        bar.set_label(f"log Σ  [{unit}]" if physical else "normalised pixel", fontsize=8, color=MUTED)
    box = float(arrays["box_size"])
    size = f"{box:g} Mpc/h a side, " if np.isfinite(box) else ""
    figure.suptitle(
        f"Epoch {int(arrays['epoch'])}   ·   Real (framed) and generated at the same θ   ·   {size}one scale a row",
        y=0.992,
        fontsize=10,
        color=INK,
    )
    save_png(figure, file)


def _log(map2d: NDArray[Any], physical: bool) -> NDArray[Any]:
    if not physical:
        return map2d
    positive = map2d[map2d > 0]
    return np.log10(np.maximum(map2d, positive.min() if positive.size else 1.0))


def _frame(axes: Axes, is_truth: bool) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(is_truth)
        spine.set_color(INK)
        spine.set_linewidth(2.0)
