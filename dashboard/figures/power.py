"""P(k) of generated maps over that of simulations, with the ratio below: the figure that decides."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from dashboard.figures.template import log_ticks, template
from dashboard.theme import AXIS, GENERATED, GENERATED_BAND, INK, MUTED, SCATTER_BAND, TRUTH_ERROR_BAND

FloatArray = NDArray[np.float64]


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

    def ratio(self) -> FloatArray:
        return np.asarray(self.generated / np.where(self.truth > 0, self.truth, np.nan))

    def fundamental(self) -> float | None:
        return None if self.box_size is None else 2.0 * math.pi / self.box_size

    def nyquist(self) -> float | None:
        return None if self.box_size is None or self.grid is None else math.pi * self.grid / self.box_size


def power_overlay(spectra: Spectra, *, revision: str = "power", height: int = 520) -> go.Figure:
    """Two panels, 68 : 32. Upper: scatter of single maps, truth, generated. Lower: their ratio with both errors."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.035)
    _draw_powers(figure, spectra)
    _draw_ratio(figure, spectra)
    _mark_scales(figure, spectra)
    figure.update_layout(
        template=template(), height=height, uirevision=revision, legend={"x": 0.02, "y": 0.345, "yanchor": "bottom"}
    )
    _style_axes(figure, spectra)
    return figure


def _draw_powers(figure: go.Figure, s: Spectra) -> None:
    if s.scatter is not None:
        floor = 0.02 * s.truth  # a band that reaches zero has no lower edge on a log axis
        low = np.maximum(s.truth - s.scatter, floor)
        band(figure, s.k, low, s.truth + s.scatter, SCATTER_BAND, 1, "scatter of single maps, ±1σ")
    unit = " (Mpc/<i>h</i>)²" if s.physical else ""
    hover = "%{y:.4g}" + unit + "<extra>%{fullData.name}</extra>"
    line = {"color": INK, "width": 1.8}
    figure.add_scatter(x=s.k, y=s.truth, name=s.truth_name, line=line, mode="lines", hovertemplate=hover, row=1, col=1)
    line = {"color": GENERATED, "width": 2}
    figure.add_scatter(
        x=s.k, y=s.generated, name=s.generated_name, line=line, mode="lines", hovertemplate=hover, row=1, col=1
    )


def _draw_ratio(figure: go.Figure, s: Spectra) -> None:
    ratio = s.ratio()
    if s.truth_error is not None:
        relative = s.truth_error / s.truth
        band(figure, s.k, 1 - relative, 1 + relative, TRUTH_ERROR_BAND, 2)
    if s.generated_error is not None:
        relative = s.generated_error / s.truth
        band(figure, s.k, ratio - relative, ratio + relative, GENERATED_BAND, 2)
    figure.add_hline(y=1, line={"color": INK, "width": 1.2}, row=2, col=1)
    for level in (0.95, 1.05):
        figure.add_hline(y=level, line={"color": AXIS, "width": 1, "dash": "dot"}, row=2, col=1)
    figure.add_scatter(
        x=s.k,
        y=ratio,
        name="ratio",
        mode="lines",
        line={"color": GENERATED, "width": 2},
        hovertemplate="%{y:.3f}<extra>ratio</extra>",
        showlegend=False,
        row=2,
        col=1,
    )


def band(
    figure: go.Figure, x: FloatArray, low: FloatArray, high: FloatArray, colour: str, row: int, name: str | None = None
) -> None:
    """One closed polygon without an outline, so that it is one entry in the legend and none on hover."""
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        fill="toself",
        fillcolor=colour,
        mode="lines",
        line={"width": 0},
        hoverinfo="skip",
        name=name or "standard error",
        showlegend=name is not None,
        row=row,
        col=1,
    )


def _mark_scales(figure: go.Figure, s: Spectra) -> None:
    """Dashed lines at the box's fundamental mode and the grid's Nyquist frequency."""
    marks = ((s.fundamental(), "<i>k</i><sub>f</sub>", "left"), (s.nyquist(), "<i>k</i><sub>Ny</sub>", "right"))
    for value, label, side in marks:
        if value is None:
            continue
        figure.add_vline(x=value, line={"color": AXIS, "width": 1, "dash": "dash"}, row="all", col=1)
        figure.add_annotation(
            x=math.log10(value),
            xref="x",
            y=1,
            yref="paper",
            text=label,
            showarrow=False,
            xanchor=side,
            yanchor="top",
            xshift=4 if side == "left" else -4,
            font={"size": 12, "color": MUTED},
        )


def _style_axes(figure: go.Figure, s: Spectra) -> None:
    low = 0.88 * (s.fundamental() or float(s.k[0]))
    high = 1.14 * (s.nyquist() or float(s.k[-1]))
    k_unit = " [<i>h</i>/Mpc]" if s.box_size is not None else " [2π / box side]"
    x_axis = {**log_ticks(low, high).axis(), "range": [math.log10(low), math.log10(high)]}
    figure.update_xaxes(x_axis)
    figure.update_xaxes(title_text="<i>k</i>" + k_unit, row=2, col=1)
    p_low, p_high = _positive_range([s.truth, s.generated], s.scatter)
    figure.update_yaxes(
        {**log_ticks(p_low, p_high, powers=True).axis(), "range": [math.log10(p_low), math.log10(p_high)]}, row=1, col=1
    )
    title = "<i>P</i>(<i>k</i>)  [(Mpc/<i>h</i>)²]" if s.physical else "<i>P</i>(<i>k</i>) of the normalised field"
    figure.update_yaxes(title_text=title, row=1, col=1)
    figure.update_yaxes(range=_ratio_range(s), title_text="ratio to sim.", nticks=6, row=2, col=1)


def _positive_range(curves: list[FloatArray], scatter: FloatArray | None) -> tuple[float, float]:
    """A quarter of a decade of air below, an eighth above; a single wild curve may not hide the others."""
    values = np.concatenate(curves)
    values = values[np.isfinite(values) & (values > 0)]
    if values.size == 0:
        return 0.1, 10.0
    top = float(np.max(curves[0] + scatter)) if scatter is not None else float(values.max())
    low, high = max(float(values.min()), float(np.nanmax(curves[0])) * 1e-6), max(top, float(values.max()))
    return low / 1.8, high * 1.3


def _ratio_range(s: Spectra) -> list[float]:
    """0.75 … 1.25 when the model is good, wider when it is not; never beyond 0 … 4, where a number says more."""
    finite = s.ratio()[np.isfinite(s.ratio())]
    if finite.size == 0:
        return [0.75, 1.25]
    distance = float(np.clip(np.max(np.abs(finite - 1.0)) * 1.15, 0.25, 3.0))
    return [max(0.0, 1.0 - distance), 1.0 + distance]
