"""A statistic of generated maps over that of simulations, with their ratio below: the main figure of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.charts.panels import Panels, Plain
from dashboard.charts.ratio_axis import above_zero, ratio_axis
from dashboard.look.template import log_ticks
from dashboard.look.theme import AXIS, GENERATED, GENERATED_BAND, INK, MUTED, SCATTER_BAND, TRUTH_ERROR_BAND
from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_core.catalogue.statistic_spec import MapStatistic, Mark

FloatArray = NDArray[np.float64]
PLAIN, SCALED = "plain", "scaled"
# Scatter of the statistic between maps at one θ: measured on its maps, or that of a Gaussian field with as many modes.
COSMIC, GAUSSIAN = "cosmic variance (single maps, ±1σ)", "cosmic variance (a Gaussian field’s, ±1σ)"
# As a fraction of the largest value; the parts of a linear axis where every curve is smaller are left out.
_NOTHING = 1e-4


@dataclass(frozen=True)
class MapCurves:
    """What the overlay draws of a statistic. All arrays are (q,), in its units unless `physical` is false.

    `scatter` is cosmic variance: the standard deviation of single true maps; `scatter_name` names its source. Errors
    are standard errors of the two means. `against` is what the lower panel compares the generated maps with.
    """

    x: FloatArray
    truth: FloatArray
    scatter: FloatArray | None
    truth_error: FloatArray | None
    generated: FloatArray
    generated_error: FloatArray | None
    truth_name: str = "simulations"
    scatter_name: str = COSMIC
    generated_name: str = "generated"
    box_size: float | None = None
    grid: int | None = None
    physical: bool = True
    against: str = "sim."
    statistic: MapStatistic = POWER_SPECTRUM

    @property
    def is_ratio(self) -> bool:
        return self.statistic.panel.below == "ratio"

    def below(self) -> FloatArray:
        """Values of the lower panel: generated over true, or generated minus true."""
        if self.is_ratio:
            return np.asarray(self.generated / np.where(self.truth > 0, self.truth, np.nan))
        return self.generated - self.truth

    def below_error(self, error: FloatArray) -> FloatArray:
        return error / self.truth if self.is_ratio else error

    @property
    def below_title(self) -> str:
        return f"ratio to {self.against}" if self.is_ratio else f"less {self.against}"

    def lower_edge(self, low: FloatArray, centre: FloatArray) -> FloatArray:
        """Lower edge of a band about `centre`: a band that reaches zero has no edge on a logarithmic axis."""
        return np.maximum(low, 0.02 * centre) if self.statistic.value.log else low

    def marks(self) -> tuple[Mark, ...]:
        return self.statistic.panel.marks(self.box_size, self.grid)

    def factor(self, scaled: bool) -> FloatArray:
        view = self.statistic.panel.scaled
        return np.ones_like(self.x) if view is None or not scaled else view.factor(self.x)

    def title(self, scaled: bool) -> str:
        """Title of the upper panel's ordinate."""
        view = self.statistic.panel.scaled
        if view is None or not scaled:
            return self.statistic.value_html(physical=self.physical)
        return view.html + ("" if self.physical else " of the normalised field")

    def hover_unit(self, scaled: bool) -> str:
        return f" {self.statistic.value.unit_html}" if self.physical and not scaled else ""


def overlay(curves: MapCurves, *, revision: str = "power", height: int = 520, scaled: bool = False) -> go.Figure:
    return curve_panels(curves, revision=revision, height=height, scaled=scaled).figure()


def curve_panels(curves: MapCurves, *, revision: str = "power", height: int = 520, scaled: bool = False) -> Panels:
    """Two panels, 68 : 32. Upper: cosmic variance, truth, generated. Lower: their ratio or difference, with errors.

    `scaled` draws the statistic's other view in the upper panel, such as k²P(k)/2π.
    """
    panels = Panels([0.68, 0.32], gap=0.035)
    _draw_above(panels, curves, scaled)
    _draw_below(panels, curves)
    mark_scales(panels, curves)
    view = "-scaled" if scaled else ""
    panels.layout |= {
        "height": height,
        "uirevision": f"{revision}{view}",
        "legend": legend(curves.statistic, scaled=scaled, seam=0.345),
    }
    _style_axes(panels, curves, scaled)
    return panels


def legend(statistic: MapStatistic, *, scaled: bool, seam: float) -> Plain:
    """Where the curves leave room above the `seam` of the panels: P(k) falls, k²P(k) rises, others do both."""
    if not statistic.value.log:
        return {"x": 0.98, "xanchor": "right", "y": 0.99, "yanchor": "top"}
    x, anchor = (0.98, "right") if scaled else (0.02, "left")
    return {"x": x, "xanchor": anchor, "y": seam, "yanchor": "bottom"}


def _draw_above(panels: Panels, c: MapCurves, scaled: bool) -> None:
    factor = c.factor(scaled)
    if c.scatter is not None:
        low = c.lower_edge(c.truth - c.scatter, c.truth)
        high = c.truth + c.scatter
        panels.scatter(**band_trace(c.x, low * factor, high * factor, SCATTER_BAND, c.scatter_name))
    hover = "%{y:.4g}" + c.hover_unit(scaled) + "<extra>%{fullData.name}</extra>"
    for values, name, line in (
        (c.truth, c.truth_name, {"color": INK, "width": 1.8}),
        (c.generated, c.generated_name, {"color": GENERATED, "width": 2}),
    ):
        panels.scatter(x=c.x, y=values * factor, name=name, line=line, mode="lines", hovertemplate=hover)


def _draw_below(panels: Panels, c: MapCurves) -> None:
    below, level = c.below(), 1.0 if c.is_ratio else 0.0
    for error, centre, colour in (
        (c.truth_error, np.full_like(c.x, level), TRUTH_ERROR_BAND),
        (c.generated_error, below, GENERATED_BAND),
    ):
        if error is not None:
            half = c.below_error(error)
            low = above_zero(centre - half, centre) if c.is_ratio else centre - half
            panels.scatter(2, **band_trace(c.x, low, centre + half, colour))
    panels.horizontal(level, {"color": INK, "width": 1.2}, row=2)
    for guide in (0.95, 1.05) if c.is_ratio else ():
        panels.horizontal(guide, {"color": AXIS, "width": 1, "dash": "dot"}, row=2)
    name = c.statistic.panel.below
    panels.scatter(
        2,
        x=c.x,
        y=below,
        name=name,
        mode="lines",
        line={"color": GENERATED, "width": 2},
        hovertemplate=("%{y:.3f}" if c.is_ratio else "%{y:.3g}") + f"<extra>{name}</extra>",
        showlegend=False,
    )


def band_trace(x: FloatArray, low: FloatArray, high: FloatArray, colour: str, name: str | None = None) -> Plain:
    """One closed polygon without an outline, so that it has one legend entry and no hover text."""
    return {
        "x": np.concatenate([x, x[::-1]]),
        "y": np.concatenate([high, low[::-1]]),
        "fill": "toself",
        "fillcolor": colour,
        "mode": "lines",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "name": name or "standard error",
        "showlegend": name is not None,
    }


def band(
    figure: go.Figure, x: FloatArray, low: FloatArray, high: FloatArray, colour: str, row: int, name: str | None = None
) -> None:
    figure.add_scatter(**band_trace(x, low, high, colour, name), row=row, col=1)


def mark_scales(panels: Panels, c: MapCurves) -> None:
    for mark in c.marks():
        panels.vertical(mark.at, {"color": AXIS, "width": 1, "dash": "dash"})
        shift = 4 if mark.side == "left" else -4
        at = math.log10(mark.at) if c.statistic.axis.log else mark.at
        panels.note(at, 1, mark.html, 12, MUTED, xanchor=mark.side, yanchor="top", xshift=shift)


def abscissa(c: MapCurves, low: float, high: float) -> Plain:
    if c.statistic.axis.log:
        return {**log_ticks(low, high).axis(), "range": [math.log10(low), math.log10(high)]}
    return {"range": [low, high]}


def ends(c: MapCurves) -> tuple[float, float]:
    """Ends of the abscissa: its outermost marks and a small margin; on a linear axis, where the curves are visible."""
    if c.statistic.axis.log:
        marks = {mark.side: mark.at for mark in c.marks()}
        return 0.88 * marks.get("left", float(c.x[0])), 1.14 * marks.get("right", float(c.x[-1]))
    size = np.maximum(np.abs(c.truth), np.abs(c.generated))
    seen = np.flatnonzero(size > _NOTHING * np.nanmax(size, initial=0.0))
    first, last = (int(seen[0]), int(seen[-1])) if len(seen) else (0, -1)
    return float(c.x[first]), float(c.x[last])


def ordinate(c: MapCurves, low: float, high: float) -> Plain:
    if c.statistic.value.log:
        return {**log_ticks(low, high, powers=True).axis(), "range": [math.log10(low), math.log10(high)]}
    return {"range": [low, high]}


def below_axis(curves: Sequence[MapCurves], *, ticks: int = 7) -> Plain:
    """Contains every ratio, or every difference about zero."""
    if curves[0].is_ratio:
        return ratio_axis([c.below() for c in curves], ticks=ticks)
    far = max((float(np.nanmax(np.abs(c.below()), initial=0.0)) for c in curves), default=0.0)
    least = 0.05 * max(float(np.nanmax(np.abs(c.truth), initial=0.0)) for c in curves)
    reach = 1.2 * max(far, least) or 1.0
    return {"range": [-reach, reach], "nticks": ticks}


def _style_axes(panels: Panels, c: MapCurves, scaled: bool) -> None:
    factor = c.factor(scaled)
    panels.x_axes(abscissa(c, *ends(c)))
    panels.x_title(c.statistic.axis_html(c.box_size))
    scatter = None if c.scatter is None else c.scatter * factor
    curves = [c.truth * factor, c.generated * factor]
    span = _positive_range(curves, scatter) if c.statistic.value.log else linear_range(curves, scatter)
    panels.y_axis(1, {**ordinate(c, *span), "title": {"text": c.title(scaled)}})
    panels.y_axis(2, {**below_axis([c], ticks=6), "title": {"text": c.below_title}})


def linear_range(curves: Sequence[FloatArray], scatter: FloatArray | None) -> tuple[float, float]:
    """From zero, or the lowest value, to a little above the highest; the first curve is the one with the scatter."""
    values = np.concatenate([*curves, *([] if scatter is None else [curves[0] + scatter])])
    values = values[np.isfinite(values)]
    high, low = float(values.max(initial=0.0)), float(values.min(initial=0.0))
    air = 0.06 * (high - low) or 1.0
    return (low - air if low < 0 else 0.0), high + air


def _positive_range(curves: list[FloatArray], scatter: FloatArray | None) -> tuple[float, float]:
    """A margin of a quarter of a decade below, an eighth above; a single outlying curve must not hide the others."""
    values = np.concatenate(curves)
    values = values[np.isfinite(values) & (values > 0)]
    if values.size == 0:
        return 0.1, 10.0
    top = float(np.max(curves[0] + scatter)) if scatter is not None else float(values.max())
    low, high = max(float(values.min()), float(np.nanmax(curves[0])) * 1e-6), max(top, float(values.max()))
    return low / 1.8, high * 1.3
