"""P(k) of several experiments over their truth, and their ratios to it: 55 : 45, since the ratio is the message."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from dashboard.charts.power import Spectra, band
from dashboard.charts.ratio_axis import above_zero, ratio_axis
from dashboard.look.template import colour_with_alpha, log_ticks, template
from dashboard.look.texts import plotly_text
from dashboard.look.theme import AXIS, INK, MUTED, SCATTER_BAND, TRUTH_ERROR_BAND

FloatArray = NDArray[np.float64]
_SCATTER = "scatter of single maps (cosmic variance), ±1σ"
_DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class RunPower:
    name: str
    colour: str
    spectra: Spectra


@dataclass(frozen=True)
class TruthGroup:
    """Runs that are held against one truth. `name` tells it from the others; empty when it is the only one."""

    name: str
    runs: Sequence[RunPower]

    @property
    def truth(self) -> Spectra:
        return self.runs[0].spectra


@dataclass(frozen=True)
class _Scale:
    """k as drawn: in h/Mpc, or in units of each box's own k_f where one of the boxes has no known side.

    `variance`: the upper panel shows k²P(k)/2π, the variance per ln k of a two-dimensional field.
    """

    in_fundamentals: bool
    variance: bool = False

    def k(self, spectra: Spectra) -> FloatArray:
        return spectra.k / spectra.k[0] if self.in_fundamentals else spectra.k

    def factor(self, spectra: Spectra) -> FloatArray:
        return np.square(spectra.k) / (2.0 * np.pi) if self.variance else np.ones_like(spectra.k)

    def marks(self, spectra: Spectra) -> tuple[float | None, float | None]:
        if self.in_fundamentals:
            return 1.0, float(len(spectra.k))
        return spectra.fundamental(), spectra.nyquist()


def compare_powers(groups: Sequence[TruthGroup], *, height: int = 470, scaled: bool = False) -> go.Figure:
    """Upper panel: scatter of single true maps, truth, every run. Lower: ratio of each run to its own truth.

    Where physical and normalised fields meet, only the physical ones have a common unit: the rest have their ratio.
    `scaled` draws k²P(k)/2π in the upper panel.
    """
    boxes = [group.truth.box_size for group in groups]
    mixed = any(box is None for box in boxes) and any(box is not None for box in boxes)
    scale = _Scale(in_fundamentals=mixed, variance=scaled)
    physical = any(group.truth.physical for group in groups)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.55, 0.45], vertical_spacing=0.035)
    for i, group in enumerate(groups):
        if group.truth.physical == physical:
            _draw_powers(figure, group, scale, _DASHES[i % len(_DASHES)])
        _draw_ratios(figure, group, scale, named=i == 0)
    _draw_guides(figure)
    _mark_scales(figure, groups, scale)
    _style(figure, groups, scale, physical)
    figure.update_layout(
        template=template(),
        height=height,
        uirevision="compare-power-scaled" if scaled else "compare-power",
        margin={"t": 12},
        legend={
            "x": 0.98 if scaled else 0.02,
            "xanchor": "right" if scaled else "left",
            "y": 0.47,
            "yanchor": "bottom",
        },
    )
    return figure


def _draw_powers(figure: go.Figure, group: TruthGroup, scale: _Scale, dash: str) -> None:
    truth, k, factor = group.truth, scale.k(group.truth), scale.factor(group.truth)
    prefix = f"{plotly_text(group.name)}: " if group.name else ""
    if truth.scatter is not None:
        low = np.maximum(truth.truth - truth.scatter, 0.02 * truth.truth)
        high = truth.truth + truth.scatter
        band(figure, k, low * factor, high * factor, SCATTER_BAND, 1, f"{prefix}{_SCATTER}")
    unit = " (Mpc/<i>h</i>)²" if truth.physical and not scale.variance else ""
    hover = "%{y:.4g}" + unit + "<extra>%{fullData.name}</extra>"
    figure.add_scatter(
        x=k, y=truth.truth * factor, name=prefix + truth.truth_name, mode="lines",
        line={"color": INK, "width": 1.8, "dash": dash}, hovertemplate=hover, row=1, col=1,
    )  # fmt: skip
    for run in group.runs:
        figure.add_scatter(
            x=k, y=run.spectra.generated * factor, name=plotly_text(run.name), mode="lines",
            line={"color": run.colour, "width": 2}, hovertemplate=hover, showlegend=False, row=1, col=1,
        )  # fmt: skip


def _draw_ratios(figure: go.Figure, group: TruthGroup, scale: _Scale, *, named: bool) -> None:
    truth, k = group.truth, scale.k(group.truth)
    if truth.truth_error is not None:
        relative = truth.truth_error / truth.truth
        band(
            figure,
            k,
            above_zero(1 - relative, 1.0),
            1 + relative,
            TRUTH_ERROR_BAND,
            2,
            "error of the truth’s mean" if named else None,
        )
    for run in group.runs:
        ratio, error = run.spectra.ratio(), run.spectra.generated_error
        if error is not None and len(group.runs) <= 3:  # more of them would be one grey cloud
            relative = error / run.spectra.truth
            band(
                figure,
                k,
                above_zero(ratio - relative, ratio),
                ratio + relative,
                colour_with_alpha(run.colour, 0.14),
                2,
            )
        figure.add_scatter(
            x=k, y=ratio, name=plotly_text(run.name), mode="lines", line={"color": run.colour, "width": 2},
            meta="ratio", hovertemplate="%{y:.3f}<extra>%{fullData.name}</extra>", showlegend=False, row=2, col=1,
        )  # fmt: skip


def _draw_guides(figure: go.Figure) -> None:
    figure.add_hline(y=1, line={"color": INK, "width": 1.2}, row=2, col=1)
    for level in (0.95, 1.05):
        figure.add_hline(y=level, line={"color": AXIS, "width": 1, "dash": "dot"}, row=2, col=1)


def _mark_scales(figure: go.Figure, groups: Sequence[TruthGroup], scale: _Scale) -> None:
    """k_f and k_Ny of every box, each once."""
    for i, label, side in ((0, "<i>k</i><sub>f</sub>", "left"), (1, "<i>k</i><sub>Ny</sub>", "right")):
        values = {scale.marks(group.truth)[i] for group in groups} - {None}
        for value in values:
            assert value is not None
            figure.add_vline(x=value, line={"color": AXIS, "width": 1, "dash": "dash"}, row="all", col=1)
            figure.add_annotation(
                x=math.log10(value), xref="x", y=1, yref="paper", text=label, showarrow=False, xanchor=side,
                yanchor="top", xshift=4 if side == "left" else -4, font={"size": 12, "color": MUTED},
            )  # fmt: skip


def _style(figure: go.Figure, groups: Sequence[TruthGroup], scale: _Scale, physical: bool) -> None:
    ends = [scale.marks(group.truth) for group in groups]
    low = 0.88 * min(end[0] or float(scale.k(g.truth)[0]) for end, g in zip(ends, groups, strict=True))
    high = 1.14 * max(end[1] or float(scale.k(g.truth)[-1]) for end, g in zip(ends, groups, strict=True))
    figure.update_xaxes({**log_ticks(low, high).axis(), "range": [math.log10(low), math.log10(high)]})
    known = groups[0].truth.box_size is not None and not scale.in_fundamentals
    figure.update_xaxes(
        title_text="<i>k</i> [<i>h</i>/Mpc]" if known else "<i>k</i> / <i>k</i><sub>f</sub>", row=2, col=1
    )
    p_low, p_high = _power_range([group for group in groups if group.truth.physical == physical], scale)
    ticks = log_ticks(p_low, p_high, powers=True)
    figure.update_yaxes({**ticks.axis(), "range": [math.log10(p_low), math.log10(p_high)]}, row=1, col=1)
    power = "<i>k</i>²<i>P</i>(<i>k</i>)/2π" if scale.variance else "<i>P</i>(<i>k</i>)"
    unit = "" if scale.variance else "  [(Mpc/<i>h</i>)²]"
    title = power + unit if physical else f"{power} of the normalised field"
    figure.update_yaxes(title_text=title, row=1, col=1)
    ratios = [run.spectra.ratio() for group in groups for run in group.runs]
    figure.update_yaxes(ratio_axis(ratios), title_text="ratio to sim.", row=2, col=1)


def _power_range(groups: Sequence[TruthGroup], scale: _Scale) -> tuple[float, float]:
    """The truths with their scatter decide, as far as they go; a wild run may widen it by two decades."""
    tops, bottoms = [], []
    for group in groups:
        truth, factor = group.truth, scale.factor(group.truth)
        top = factor * (truth.truth if truth.scatter is None else truth.truth + truth.scatter)
        tops.append(top[np.isfinite(top)])
        bottoms.append((factor * truth.truth)[np.isfinite(truth.truth) & (truth.truth > 0)])
    high, low = float(np.max(np.concatenate(tops))), float(np.min(np.concatenate(bottoms)))
    runs = [run.spectra for group in groups for run in group.runs]
    drawn = np.concatenate([scale.factor(spectra) * spectra.generated for spectra in runs])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    if drawn.size:
        high, low = max(high, min(float(drawn.max()), 100 * high)), min(low, max(float(drawn.min()), low / 100))
    return low / 1.8, high * 1.3
