"""The figure of an evaluation over the prior: the ratio of mean P(k) at each θ against each parameter that varies."""

from __future__ import annotations

import math
from typing import BinaryIO

from matplotlib.ticker import MaxNLocator

from focus_core.evaluation.over_prior import OverPrior
from focus_core.evaluation.result_figures import LIGHT, Palette, plain_axes_of
from focus_core.figures.style import new_figure

_COLUMNS, _WIDTH, _HEIGHT = 3, 8.4, 2.3


def draw_over_prior(file: BinaryIO, prior: OverPrior, band: int, palette: Palette = LIGHT) -> None:
    """Dots of one band with their errors; grey is 5 % about the ideal."""
    columns = min(_COLUMNS, len(prior.names))
    rows = math.ceil(len(prior.names) / columns)
    figure = new_figure(_WIDTH * columns / _COLUMNS + 0.6, _HEIGHT * rows)
    figure.set_facecolor(palette.paper)
    figure.set_layout_engine("constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for i, (axes, symbol) in enumerate(zip(panels, prior.symbols, strict=False)):
        axes.axhspan(0.95, 1.05, color=palette.line, alpha=0.6, lw=0)
        axes.axhline(1.0, color=palette.muted, lw=0.8)
        axes.errorbar(
            prior.theta[:, i], prior.ratio[:, band], yerr=prior.error[:, band], fmt="o", ms=3.5, lw=1,
            color=palette.generated,
        )  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_xlabel(symbol)
        if i % columns == 0:
            axes.set_ylabel(f"P(k) ratio, {prior.bands[band]}")
        plain_axes_of(axes, palette)
    for axes in panels[len(prior.names) :]:
        axes.set_visible(False)
    figure.savefig(file, format="png", dpi=150, facecolor=palette.paper, pil_kwargs={"compress_level": 6})
