"""A statistic of an epoch: one panel for each θ, the simulation against the generated maps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from focus_core.catalogue.statistic_spec import NORMALISED, MapStatistic
from focus_core.figures.style import AXIS, BAND, GENERATED, INK, new_figure, plain_axes, save_png, theta_text

_LOG_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def draw_curves(file: BinaryIO, statistic: MapStatistic, arrays: Mapping[str, Any], symbols: list[str]) -> None:
    """`arrays` is the content of <name>_epoch_XXXX.npz."""
    rows = len(arrays["real"])
    figure = new_figure(9.6, 7.6)
    layout = {"left": 0.075, "right": 0.985, "bottom": 0.07, "top": 0.905, "wspace": 0.17, "hspace": 0.24}
    panels = figure.subplots(math.ceil(rows / 2), 2, sharex=True, squeeze=False, gridspec_kw=layout).ravel()
    for row, axes in enumerate(panels[:rows]):
        _panel(axes, statistic, arrays, row)
        # A line of six feedback parameters is wider than a panel.
        axes.set_title(theta_text(symbols, arrays["theta"][row]), fontsize=8, color=INK, linespacing=1.35)
    panels[0].legend(loc="best" if not statistic.value.log else "lower left", frameon=False, fontsize=8, labelcolor=INK)
    title = f"{statistic.title[0].lower()}{statistic.title[1:]}"
    figure.suptitle(f"Epoch {int(arrays['epoch'])}   ·   {title} at four θ", y=0.985, fontsize=10, color=INK)
    save_png(figure, file)


def _panel(axes: Axes, statistic: MapStatistic, arrays: Mapping[str, Any], row: int) -> None:
    x, mean, scatter = arrays[statistic.axis.name], arrays["simulation_mean"][row], arrays["simulation_std"][row]
    count = int(arrays["n_simulation_maps"])
    whose = "its maps" if count > 1 else "a Gaussian field’s"
    sigma = scatter if count > 1 else statistic.cosmic_variance(mean, arrays)
    if sigma is not None:
        low = np.maximum(mean - sigma, 1e-2 * mean) if statistic.value.log else mean - sigma
        axes.fill_between(x, low, mean + sigma, color=BAND, lw=0, label=f"cosmic variance ({whose}, ±1σ)")
    if count > 1:
        axes.plot(x, mean, color=AXIS, lw=1.0, ls="--", label=f"simulation, mean of {count} maps")
    axes.plot(x, arrays["real"][row], color=INK, lw=1.8, label="real map")
    for number, curve in enumerate(arrays["generated"][row]):
        axes.plot(x, curve, color=GENERATED, lw=1.2, alpha=0.9, label="generated" if number == 0 else None)
    if statistic.value.log:
        axes.set_yscale("log")
    _abscissa(axes, statistic, arrays, x)
    unit = str(arrays["unit"])
    axes.set_ylabel(f"{statistic.value.plain}  [{unit if unit != NORMALISED else 'normalised units'}]")
    plain_axes(axes)


def _abscissa(axes: Axes, statistic: MapStatistic, arrays: Mapping[str, Any], x: np.ndarray) -> None:
    """Its scale, unit and marks; on a logarithmic axis the marks are its ends."""
    box = float(arrays["box_size"])
    known = np.isfinite(box)
    # A box of unknown side counts as 2π, and its rings are at k_f, 2 k_f, …
    marks = statistic.panel.marks(box if known else 2.0 * math.pi, 2 * len(x))
    unit = statistic.axis_unit(box if known else None)
    axes.set_xlabel(f"{statistic.axis.plain}  [{unit}]" if unit else statistic.axis.plain)
    for mark in marks:
        axes.axvline(mark.at, color=AXIS, lw=0.8, ls=(0, (4, 4)))
        axes.annotate(
            f" {mark.plain} ", (mark.at, 0.985), xycoords=("data", "axes fraction"),
            ha=mark.side, va="top", fontsize=8, color=AXIS,
        )  # fmt: skip
    if not statistic.axis.log:
        return
    ends = [mark.at for mark in marks] or [float(x[0]), float(x[-1])]
    low, high = 0.88 * min(ends), 1.14 * max(ends)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks([tick for tick in _LOG_TICKS if low <= tick <= high])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
