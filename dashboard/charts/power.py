"""P(k) of generated maps over that of simulations, with the ratio below: the figure that decides."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.charts.panels import Panels, Plain
from dashboard.charts.ratio_axis import above_zero, ratio_axis
from dashboard.look.template import log_ticks
from dashboard.look.theme import AXIS, GENERATED, GENERATED_BAND, INK, MUTED, SCATTER_BAND, TRUTH_ERROR_BAND

FloatArray = NDArray[np.float64]
PLAIN, SCALED = "pk", "k2pk"
SPECTRA = {PLAIN: "*P*(*k*)", SCALED: "*k*²*P*(*k*)/2π"}


@dataclass(frozen=True)
class Spectra:
    """What the overlay draws. All arrays are (nk,); k in h/Mpc, powers in (Mpc/h)² unless `physical` is false.

    `scatter` is the standard deviation of single true maps; the errors are standard errors of the two means.
    """

    k: FloatArray
    truth: FloatArray
    scatter: FloatArray | None
    truth_error: FloatArray | None
    generated: FloatArray
    generated_error: FloatArray | None
    truth_name: str = "simulations"
    generated_name: str = "generated"
    box_size: float | None = None
    grid: int | None = None
    physical: bool = True
    ratio_title: str = "ratio to sim."

    def ratio(self) -> FloatArray:
        return np.asarray(self.generated / np.where(self.truth > 0, self.truth, np.nan))

    def fundamental(self) -> float | None:
        return None if self.box_size is None else 2.0 * math.pi / self.box_size

    def nyquist(self) -> float | None:
        return None if self.box_size is None or self.grid is None else math.pi * self.grid / self.box_size


def power_overlay(spectra: Spectra, *, revision: str = "power", height: int = 520, scaled: bool = False) -> go.Figure:
    return power_panels(spectra, revision=revision, height=height, scaled=scaled).figure()


def power_panels(spectra: Spectra, *, revision: str = "power", height: int = 520, scaled: bool = False) -> Panels:
    """Two panels, 68 : 32. Upper: scatter of single maps, truth, generated. Lower: their ratio with both errors.

    `scaled` draws k²P(k)/2π, the variance per ln k of a two-dimensional field, in the upper panel.
    """
    panels = Panels([0.68, 0.32], gap=0.035)
    factor = np.square(spectra.k) / (2.0 * np.pi) if scaled else np.ones_like(spectra.k)
    _draw_powers(panels, spectra, factor, scaled)
    _draw_ratio(panels, spectra)
    _mark_scales(panels, spectra)
    legend = {"x": 0.98 if scaled else 0.02, "xanchor": "right" if scaled else "left", "y": 0.345, "yanchor": "bottom"}
    panels.layout |= {"height": height, "uirevision": f"{revision}-scaled" if scaled else revision, "legend": legend}
    _style_axes(panels, spectra, factor, scaled)
    return panels


def _draw_powers(panels: Panels, s: Spectra, factor: FloatArray, scaled: bool) -> None:
    if s.scatter is not None:
        floor = 0.02 * s.truth  # a band that reaches zero has no lower edge on a log axis
        low = np.maximum(s.truth - s.scatter, floor)
        name = "scatter of single maps, ±1σ"
        panels.scatter(**band_trace(s.k, low * factor, (s.truth + s.scatter) * factor, SCATTER_BAND, name))
    unit = " (Mpc/<i>h</i>)²" if s.physical and not scaled else ""
    hover = "%{y:.4g}" + unit + "<extra>%{fullData.name}</extra>"
    for values, name, line in (
        (s.truth, s.truth_name, {"color": INK, "width": 1.8}),
        (s.generated, s.generated_name, {"color": GENERATED, "width": 2}),
    ):
        panels.scatter(x=s.k, y=values * factor, name=name, line=line, mode="lines", hovertemplate=hover)


def _draw_ratio(panels: Panels, s: Spectra) -> None:
    ratio = s.ratio()
    if s.truth_error is not None:
        relative = s.truth_error / s.truth
        panels.scatter(2, **band_trace(s.k, above_zero(1 - relative, 1.0), 1 + relative, TRUTH_ERROR_BAND))
    if s.generated_error is not None:
        relative = s.generated_error / s.truth
        panels.scatter(2, **band_trace(s.k, above_zero(ratio - relative, ratio), ratio + relative, GENERATED_BAND))
    panels.horizontal(1, {"color": INK, "width": 1.2}, row=2)
    for level in (0.95, 1.05):
        panels.horizontal(level, {"color": AXIS, "width": 1, "dash": "dot"}, row=2)
    panels.scatter(
        2,
        x=s.k,
        y=ratio,
        name="ratio",
        mode="lines",
        line={"color": GENERATED, "width": 2},
        hovertemplate="%{y:.3f}<extra>ratio</extra>",
        showlegend=False,
    )


def band_trace(x: FloatArray, low: FloatArray, high: FloatArray, colour: str, name: str | None = None) -> Plain:
    """One closed polygon without an outline, so that it is one entry in the legend and none on hover."""
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


def _mark_scales(panels: Panels, s: Spectra) -> None:
    """Dashed lines at the box's fundamental mode and the grid's Nyquist frequency."""
    marks = ((s.fundamental(), "<i>k</i><sub>f</sub>", "left"), (s.nyquist(), "<i>k</i><sub>Ny</sub>", "right"))
    for value, label, side in marks:
        if value is None:
            continue
        panels.vertical(value, {"color": AXIS, "width": 1, "dash": "dash"})
        shift = 4 if side == "left" else -4
        panels.note(math.log10(value), 1, label, 12, MUTED, xanchor=side, yanchor="top", xshift=shift)


def _style_axes(panels: Panels, s: Spectra, factor: FloatArray, scaled: bool) -> None:
    low = 0.88 * (s.fundamental() or float(s.k[0]))
    high = 1.14 * (s.nyquist() or float(s.k[-1]))
    k_unit = " [<i>h</i>/Mpc]" if s.box_size is not None else " [2π / box side]"
    panels.x_axes({**log_ticks(low, high).axis(), "range": [math.log10(low), math.log10(high)]})
    panels.x_title("<i>k</i>" + k_unit)
    scatter = None if s.scatter is None else s.scatter * factor
    p_low, p_high = _positive_range([s.truth * factor, s.generated * factor], scatter)
    span = {"range": [math.log10(p_low), math.log10(p_high)], "title": {"text": _power_title(s, scaled)}}
    panels.y_axis(1, {**log_ticks(p_low, p_high, powers=True).axis(), **span})
    panels.y_axis(2, {**ratio_axis([s.ratio()], ticks=6), "title": {"text": s.ratio_title}})


def _power_title(s: Spectra, scaled: bool) -> str:
    field = "" if s.physical else " of the normalised field"
    if scaled:
        return f"<i>k</i>²<i>P</i>(<i>k</i>)/2π{field}"
    return "<i>P</i>(<i>k</i>)" + ("  [(Mpc/<i>h</i>)²]" if s.physical else field)


def _positive_range(curves: list[FloatArray], scatter: FloatArray | None) -> tuple[float, float]:
    """A quarter of a decade of air below, an eighth above; a single wild curve may not hide the others."""
    values = np.concatenate(curves)
    values = values[np.isfinite(values) & (values > 0)]
    if values.size == 0:
        return 0.1, 10.0
    top = float(np.max(curves[0] + scatter)) if scatter is not None else float(values.max())
    low, high = max(float(values.min()), float(np.nanmax(curves[0])) * 1e-6), max(top, float(values.max()))
    return low / 1.8, high * 1.3
