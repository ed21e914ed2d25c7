"""The look of the figures that a run leaves on disk: ink on white, hairlines, one accent."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from focus_core.figures.tiles import NIGHT

INK, MUTED, ACCENT, GENERATED = "#17202b", "#566171", "#0b6478", "#de701f"
AXIS, GRID, BAND = "#9aa3af", "#e6e9ee", (127 / 255, 137 / 255, 150 / 255, 0.22)
NIGHT_MAP = ListedColormap((NIGHT / 255.0).tolist(), "night")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches. No pyplot: no figure is kept alive from epoch to epoch."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def plain_axes(axes: Axes) -> None:
    """Hairline axes, outside ticks, a light grid under the curves."""
    for spine in axes.spines.values():
        spine.set_color(AXIS)
        spine.set_linewidth(0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", color=AXIS, labelcolor=MUTED, labelsize=9)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK)
        label.set_fontsize(10)


def save_png(figure: Figure, file: BinaryIO, dots_per_inch: int = 110) -> None:
    # The strongest compression takes more time than drawing.
    figure.savefig(file, format="png", dpi=dots_per_inch, pil_kwargs={"compress_level": 3})


def theta_text(symbols: list[str], theta: np.ndarray, a_line: int = 3) -> str:
    """Ωm 0.299  Ωb 0.065 …, `a_line` parameters per line, with a true minus."""
    words = [f"{symbol} {value:.3f}".replace("-", "−") for symbol, value in zip(symbols, theta, strict=True)]
    return "\n".join("   ".join(words[i : i + a_line]) for i in range(0, len(words), a_line))
