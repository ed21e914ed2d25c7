"""sampler_benchmark.png: the error of P(k) against network evaluations, one line per sampler, one column per band."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from focus_core.catalogue.samplers import BENCHMARK_EVALUATIONS, sampler_lines
from focus_core.figures.style import BAND, INK, new_figure, plain_axes, save_png

# One for each line, the same in every figure.
_COLOURS = ("#2959f2", "#de701f", "#047256", "#b1278a", "#189bce", "#c81519", "#83956b")
COLOURS = dict(zip(sampler_lines(), itertools.cycle(_COLOURS), strict=False))
_QUANTITIES = {"mean": "error of mean P(k)  [%]", "scatter": "error of the scatter of P(k)  [%]"}


def draw_sampler_curves(file: BinaryIO, found: Mapping[str, Any]) -> None:
    """`found` is the result of `focus_core.sampling.sampler_report.report`, with at least one case."""
    bands = found["bands"]
    figure = new_figure(1.2 + 3.0 * len(bands), 6.4)
    layout = {"left": 0.75 / (1.2 + 3.0 * len(bands)), "right": 0.985, "bottom": 0.14, "top": 0.94, "wspace": 0.12}
    axes = figure.subplots(2, len(bands), sharex=True, sharey="row", squeeze=False, gridspec_kw=layout)
    for row, (key, label) in enumerate(_QUANTITIES.items()):
        for column, panel in enumerate(axes[row]):
            _draw_panel(panel, found, key, column)
        axes[row][0].set_ylabel(label)
    for column, band in enumerate(bands):
        axes[0][column].set_title(f"{band['label'].replace('k_f', '')}$k_f$", fontsize=10, color=INK)
        axes[1][column].set_xlabel("network evaluations per map")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="lower center", ncols=len(labels), frameon=False, fontsize=8, labelcolor=INK,
        title="filled: too large, open: too small", title_fontsize=8,
    )  # fmt: skip
    save_png(figure, file)


def _draw_panel(panel: Axes, found: Mapping[str, Any], key: str, column: int) -> None:
    floor = found["floor"][f"{key}_error"][column]
    panel.axhspan(1e-9, 100.0 * floor, color=BAND, lw=0, label="error of the simulations" if key == "mean" else None)
    smallest = 100.0 * max(floor, 1e-3) / 30.0
    for line, colour in COLOURS.items():
        cases = sorted((c for c in found["cases"] if c["line"] == line), key=lambda c: c["evaluations"])
        if not cases:
            continue
        x = np.array([case["evaluations"] for case in cases])
        error = 100.0 * (np.array([case[key][column] for case in cases], dtype=float) - 1.0)
        spread = 100.0 * np.array([case[f"{key}_error"][column] for case in cases], dtype=float)
        size = np.maximum(np.abs(error), smallest)
        # A logarithmic axis does not reach zero: the bar ends where the axis does.
        bars = np.stack([np.minimum(spread, size - smallest), spread])
        panel.errorbar(x, size, bars, color=colour, lw=1.4, elinewidth=0.8, label=line)
        above = error > 0
        panel.plot(x[above], size[above], "o", color=colour, ms=5)
        panel.plot(x[~above], size[~above], "o", color=colour, mfc="white", ms=5)
    panel.set_xscale("log")
    low, high = panel.get_xlim()
    panel.set_yscale("log")
    panel.set_ylim(bottom=smallest)
    panel.set_xticks([asked for asked in BENCHMARK_EVALUATIONS if low <= asked <= high])
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    plain_axes(panel)
