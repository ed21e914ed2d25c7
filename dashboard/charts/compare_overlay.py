"""A statistic of several experiments over its truth, and each against it below (55 : 45: the lower panel matters)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from dashboard.charts.overlay import MapCurves, abscissa, band, below_axis, ends, legend, linear_range, ordinate
from dashboard.charts.ratio_axis import above_zero
from dashboard.look.template import colour_with_alpha, template
from dashboard.look.texts import plotly_text
from dashboard.look.theme import AXIS, INK, MUTED, SCATTER_BAND, TRUTH_ERROR_BAND

FloatArray = NDArray[np.float64]
_DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class RunCurves:
    name: str
    colour: str
    curves: MapCurves


@dataclass(frozen=True)
class TruthGroup:
    """Runs that are compared with one truth. `name` distinguishes it from the others; empty when it is the only one."""

    name: str
    runs: Sequence[RunCurves]

    @property
    def truth(self) -> MapCurves:
        return self.runs[0].curves


def compare_curves(groups: Sequence[TruthGroup], *, height: int = 470, scaled: bool = False) -> go.Figure:
    """Upper panel: cosmic variance, truth, every run. Lower: each run against its own truth.

    All are of one statistic. If physical and normalised fields are mixed, only the physical ones share a unit: for
    the rest only the ratio is drawn. If the side of any box is unknown, all wave numbers are in units of each box's own
    k_f. `scaled` draws the statistic's other view in the upper panel.
    """
    own = any(group.truth.box_size is None for group in groups) and bool(groups[0].truth.statistic.axis.own_html)
    groups = _in_own_units(groups) if own else groups
    statistic = groups[0].truth.statistic
    physical = any(group.truth.physical for group in groups)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.55, 0.45], vertical_spacing=0.035)
    for i, group in enumerate(groups):
        if group.truth.physical == physical:
            _draw_above(figure, group, _DASHES[i % len(_DASHES)], scaled)
        _draw_below(figure, group, named=i == 0)
    _draw_guides(figure, groups[0].truth)
    _mark_scales(figure, groups)
    _style(figure, groups, physical, scaled)
    axis = statistic.axis.own_html if own else statistic.axis_html(groups[0].truth.box_size)
    figure.update_xaxes(title_text=axis, row=2, col=1)
    figure.update_layout(
        template=template(),
        height=height,
        uirevision=f"compare-{statistic.name}" + ("-scaled" if scaled else ""),
        margin={"t": 12},
        legend=legend(statistic, scaled=scaled, seam=0.47),
    )
    return figure


def _in_own_units(groups: Sequence[TruthGroup]) -> Sequence[TruthGroup]:
    """With the wave numbers of each box in units of its own k_f; such a box has the side 2π."""

    def of(run: RunCurves) -> RunCurves:
        c = run.curves
        return replace(run, curves=replace(c, x=c.x / c.x[0], box_size=2.0 * math.pi, grid=2 * len(c.x)))

    return [replace(group, runs=[of(run) for run in group.runs]) for group in groups]


def _draw_above(figure: go.Figure, group: TruthGroup, dash: str, scaled: bool) -> None:
    truth, factor = group.truth, group.truth.factor(scaled)
    prefix = f"{plotly_text(group.name)}: " if group.name else ""
    if truth.scatter is not None:
        low = truth.lower_edge(truth.truth - truth.scatter, truth.truth)
        high = truth.truth + truth.scatter
        band(figure, truth.x, low * factor, high * factor, SCATTER_BAND, 1, f"{prefix}{truth.scatter_name}")
    hover = "%{y:.4g}" + truth.hover_unit(scaled) + "<extra>%{fullData.name}</extra>"
    figure.add_scatter(
        x=truth.x, y=truth.truth * factor, name=prefix + truth.truth_name, mode="lines",
        line={"color": INK, "width": 1.8, "dash": dash}, hovertemplate=hover, row=1, col=1,
    )  # fmt: skip
    for run in group.runs:
        figure.add_scatter(
            x=truth.x, y=run.curves.generated * factor, name=plotly_text(run.name), mode="lines",
            line={"color": run.colour, "width": 2}, hovertemplate=hover, showlegend=False, row=1, col=1,
        )  # fmt: skip


def _draw_below(figure: go.Figure, group: TruthGroup, *, named: bool) -> None:
    truth = group.truth
    if truth.truth_error is not None:
        level = np.full_like(truth.x, 1.0 if truth.is_ratio else 0.0)
        name = "error of the truth’s mean" if named else None
        _error_band(figure, truth, level, truth.truth_error, TRUTH_ERROR_BAND, name)
    for run in group.runs:
        below, error = run.curves.below(), run.curves.generated_error
        if error is not None and len(group.runs) <= 3:  # more bands would merge into one grey area
            _error_band(figure, run.curves, below, error, colour_with_alpha(run.colour, 0.14))
        figure.add_scatter(
            x=truth.x, y=below, name=plotly_text(run.name), mode="lines", line={"color": run.colour, "width": 2},
            meta=truth.statistic.panel.below, showlegend=False, row=2, col=1,
            hovertemplate=("%{y:.3f}" if truth.is_ratio else "%{y:.3g}") + "<extra>%{fullData.name}</extra>",
        )  # fmt: skip


def _error_band(
    figure: go.Figure, c: MapCurves, centre: FloatArray, error: FloatArray, colour: str, name: str | None = None
) -> None:
    half = c.below_error(error)
    low = above_zero(centre - half, centre) if c.is_ratio else centre - half
    band(figure, c.x, low, centre + half, colour, 2, name)


def _draw_guides(figure: go.Figure, truth: MapCurves) -> None:
    figure.add_hline(y=1 if truth.is_ratio else 0, line={"color": INK, "width": 1.2}, row=2, col=1)
    for level in (0.95, 1.05) if truth.is_ratio else ():
        figure.add_hline(y=level, line={"color": AXIS, "width": 1, "dash": "dot"}, row=2, col=1)


def _mark_scales(figure: go.Figure, groups: Sequence[TruthGroup]) -> None:
    """k_f and k_Ny of every box, each drawn once."""
    log = groups[0].truth.statistic.axis.log
    for mark in dict.fromkeys(mark for group in groups for mark in group.truth.marks()):
        figure.add_vline(x=mark.at, line={"color": AXIS, "width": 1, "dash": "dash"}, row="all", col=1)
        figure.add_annotation(
            x=math.log10(mark.at) if log else mark.at, xref="x", y=1, yref="paper", text=mark.html, showarrow=False,
            xanchor=mark.side, yanchor="top", xshift=4 if mark.side == "left" else -4,
            font={"size": 12, "color": MUTED},
        )  # fmt: skip


def _style(figure: go.Figure, groups: Sequence[TruthGroup], physical: bool, scaled: bool) -> None:
    truth, runs = groups[0].truth, [run.curves for group in groups for run in group.runs]
    lows, highs = zip(*(ends(curves) for curves in runs), strict=True)
    figure.update_xaxes(abscissa(truth, min(lows), max(highs)))
    shown = [group for group in groups if group.truth.physical == physical]
    if truth.statistic.value.log:
        span = _log_range(shown, scaled)
    else:
        factors = [run.curves.factor(scaled) for group in shown for run in group.runs]
        drawn = [run.curves.generated for group in shown for run in group.runs]
        tops = [g.truth.truth if g.truth.scatter is None else g.truth.truth + g.truth.scatter for g in shown]
        span = linear_range([*tops, *(f * d for f, d in zip(factors, drawn, strict=True))], None)
    figure.update_yaxes(ordinate(truth, *span), row=1, col=1)
    figure.update_yaxes(title_text=shown[0].truth.title(scaled), row=1, col=1)
    figure.update_yaxes(below_axis(runs), title_text=truth.below_title, row=2, col=1)


def _log_range(groups: Sequence[TruthGroup], scaled: bool) -> tuple[float, float]:
    """Set by the truths and their scatter; a diverging run may widen it by at most two decades."""
    tops, bottoms = [], []
    for group in groups:
        truth, factor = group.truth, group.truth.factor(scaled)
        top = factor * (truth.truth if truth.scatter is None else truth.truth + truth.scatter)
        tops.append(top[np.isfinite(top)])
        bottoms.append((factor * truth.truth)[np.isfinite(truth.truth) & (truth.truth > 0)])
    high, low = float(np.max(np.concatenate(tops))), float(np.min(np.concatenate(bottoms)))
    drawn = np.concatenate([run.curves.factor(scaled) * run.curves.generated for g in groups for run in g.runs])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    if drawn.size:
        high, low = max(high, min(float(drawn.max()), 100 * high)), min(low, max(float(drawn.min()), low / 100))
    return low / 1.8, high * 1.3
