"""The figure of one statistic of an evaluation: the measured curves above, its entries with level and verdict below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from focus_core.evaluation.evaluating import Result
from focus_core.evaluation.scoring import Curve, Entry
from focus_core.figures.style import new_figure
from focus_core.statistics.verdict import Verdict


@dataclass(frozen=True)
class Palette:
    """Colours of one theme. `verdicts` from the worst on."""

    paper: str
    ink: str
    muted: str
    line: str
    simulated: str
    generated: str
    verdicts: tuple[str, str, str, str]

    def of(self, verdict: Verdict) -> str:
        return self.verdicts[list(Verdict).index(verdict)]


LIGHT = Palette(
    "#ffffff", "#17202b", "#566171", "#d5dae1", "#17202b", "#de701f", ("#b3261e", "#9a6700", "#0b6478", "#7f8996")
)
DARK = Palette(
    "#12181f", "#e8ecf1", "#a4afbd", "#36414e", "#e8ecf1", "#f39a56", ("#ff8a80", "#e6b450", "#5cc3d6", "#8a95a3")
)

_WIDTH, _CURVE_HEIGHT, _ROW = 5.0, 2.3, 0.23
_K_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_MOST_CURVES, _MOST_ENTRIES = 2, 14


def draw_result(file: BinaryIO, result: Result, palette: Palette = LIGHT) -> None:
    """`result` must have been measured."""
    outcome = result.outcome
    assert outcome is not None
    curves, matrices = outcome.curves[:_MOST_CURVES], outcome.matrices
    entries = _shown(outcome.entries)
    heights = [_CURVE_HEIGHT] * len(curves) + ([2.1] if matrices else []) + [_ROW * len(entries) + 0.75]
    figure = new_figure(_WIDTH, sum(heights) + 0.3 * len(heights))
    figure.set_facecolor(palette.paper)
    figure.set_layout_engine("constrained")
    rows = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    for row, curve in zip(rows, curves, strict=False):
        _draw_curve(row.subplots(), curve, palette)
    if matrices:
        _draw_matrices(rows[len(curves)], matrices, palette)
    _draw_entries(rows[-1].subplots(), entries, palette)
    figure.savefig(file, format="png", dpi=150, facecolor=palette.paper, pil_kwargs={"compress_level": 6})


def _shown(entries: tuple[Entry, ...]) -> list[Entry]:
    """All of them, or the worst of many in their original order."""
    if len(entries) <= _MOST_ENTRIES:
        return list(entries)
    kept = sorted(range(len(entries)), key=lambda i: -entries[i].judgement.excess)[:_MOST_ENTRIES]
    return [entries[i] for i in sorted(kept)]


def _draw_curve(axes: Axes, curve: Curve, palette: Palette) -> None:
    x = curve.axis
    for values, errors, colour, label in (
        (curve.simulated, curve.simulated_error, palette.simulated, "simulated"),
        (curve.generated, curve.generated_error, palette.generated, "generated"),
    ):
        error = np.nan_to_num(errors)
        low = np.maximum(values - error, np.abs(values) * 0.05) if curve.logarithmic else values - error
        axes.fill_between(x, low, values + error, color=colour, alpha=0.25, lw=0)
        axes.plot(x, values, color=colour, lw=1.4, label=label, marker="o" if len(x) < 16 else None, ms=3)
    if curve.scatter is not None and curve.logarithmic:
        below, above = (np.maximum(curve.simulated * (1 + s * curve.scatter), 0.02 * curve.simulated) for s in (-1, 1))
        axes.fill_between(x, below, above, color=palette.muted, alpha=0.2, lw=0, label="cosmic variance, ±1σ")
    if curve.logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
        low, high = x[0] * 0.9, x[-1] * 1.1
        axes.set_xlim(low, high)
        axes.set_xticks([tick for tick in _K_TICKS if low <= tick <= high])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(curve.axis_title)
    axes.set_ylabel(curve.unit)
    axes.set_title(curve.title, fontsize=9, color=palette.ink, loc="left")
    axes.legend(frameon=False, fontsize=8, labelcolor=palette.ink)
    plain_axes_of(axes, palette)


def _draw_matrices(row: Figure, matrices: dict[str, np.ndarray], palette: Palette) -> None:
    colours = LinearSegmentedColormap.from_list("correlation", [palette.verdicts[2], palette.paper, palette.generated])
    panels = row.subplots(1, len(matrices), squeeze=False)[0]
    for axes, (title, values) in zip(panels, matrices.items(), strict=True):
        image = axes.imshow(values, vmin=-1, vmax=1, cmap=colours, origin="lower")
        axes.set_title(title, fontsize=9, color=palette.ink)
        axes.set_xlabel("bin of k")
        plain_axes_of(axes, palette)
        axes.grid(False)
    bar = row.colorbar(image, ax=list(panels), shrink=0.8)
    bar.ax.tick_params(labelsize=8, color=palette.muted, labelcolor=palette.muted)
    bar.outline.set_visible(False)


def _draw_entries(axes: Axes, entries: list[Entry], palette: Palette) -> None:
    """One row per entry: its value with error, the allowed band, and the expected deviation of a perfect emulator."""
    for row, entry in enumerate(entries):
        j = entry.judgement
        if j.value is None or j.error is None or j.floor is None:
            continue
        axes.barh(row, 2 * j.level, left=j.ideal - j.level, height=0.72, color=palette.line, alpha=0.8)
        axes.barh(row, 2 * j.floor, left=j.ideal - j.floor, height=0.3, color=palette.muted, alpha=0.45)
        colour = palette.of(j.verdict)
        axes.errorbar(
            j.value, row, xerr=j.error, fmt="o", ms=4.5, lw=1.2, color=colour,
            mfc=colour if entry.judged else palette.paper,
        )  # fmt: skip
    ideal = entries[0].judgement.ideal
    axes.axvline(ideal, color=palette.muted, lw=0.8)
    axes.set_yticks(range(len(entries)), [entry.label for entry in entries])
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.set_xlabel("light: level · dark: floor · dot: value ± error (hollow: shown only)")
    plain_axes_of(axes, palette)
    axes.grid(False, axis="y")
    axes.xaxis.label.set_fontsize(7.5)


def plain_axes_of(axes: Axes, palette: Palette) -> None:
    """Hairlines in the colours of a theme."""
    axes.set_facecolor(palette.paper)
    for spine in axes.spines.values():
        spine.set_color(palette.line)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color=palette.line, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", color=palette.line, labelcolor=palette.muted, labelsize=8)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(palette.muted)
        label.set_fontsize(8.5)
