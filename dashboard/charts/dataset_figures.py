"""What a dataset covers and what power it has: the corner plot of θ, and the mean P(k) with its scatter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from dashboard.look.template import colour_with_alpha, log_ticks, plain_number, template
from dashboard.look.texts import plotly_text
from dashboard.look.theme import AXIS, EXPERIMENT_COLOURS, INK, MUTED, SCATTER_BAND
from focus_core.parameters import Parameter, ParameterSpace

FloatArray = NDArray[np.float64]
MAX_POINTS = 1000
BINS = 10
# Split → marker: shape as well as colour.
MARKERS: Mapping[str, Mapping[str, object]] = {
    "train": {"color": AXIS, "size": 3.2, "symbol": "circle"},
    "validation": {"color": EXPERIMENT_COLOURS[1], "size": 5, "symbol": "diamond"},
    "test": {"color": EXPERIMENT_COLOURS[0], "size": 5, "symbol": "square"},
}
CHOSEN = EXPERIMENT_COLOURS[4]  # of all, the one that is clear on both grounds


def coverage(
    space: ParameterSpace,
    theta: FloatArray,
    split: Mapping[str, Sequence[int]],
    *,
    revision: str = "coverage",
    height: int = 640,
) -> go.Figure:
    """θ (n, d) in every pair of parameters, by split, with the histogram of each on the diagonal."""
    d = len(space)
    figure = make_subplots(rows=d, cols=d, horizontal_spacing=0.012, vertical_spacing=0.012)
    for i, parameter in enumerate(space.parameters):
        _histogram(figure, parameter, theta[:, i], i)
        for j in range(i):
            for part, rows in split.items():
                _points(figure, theta, part, rows, i, j)
    for i in range(d):
        for j in range(d):
            _style_panel(figure, space, i, j)
    figure.update_layout(
        template=template(),
        height=height,
        uirevision=revision,
        hovermode="closest",
        bargap=0.04,
        legend={"x": 0.99, "y": 0.99, "xanchor": "right", "yanchor": "top", "itemsizing": "constant"},
    )
    return figure


def _thinned(rows: Sequence[int]) -> NDArray[np.int64]:
    """At most `MAX_POINTS`, evenly: an SVG of more is slow and shows no more."""
    every = np.asarray(rows, dtype=np.int64)
    if len(every) <= MAX_POINTS:
        return every
    return every[np.linspace(0, len(every) - 1, MAX_POINTS).astype(np.int64)]


def _points(figure: go.Figure, theta: FloatArray, part: str, rows: Sequence[int], i: int, j: int) -> None:
    chosen = _thinned(rows)
    figure.add_scatter(
        x=np.round(theta[chosen, j], 5),
        y=np.round(theta[chosen, i], 5),
        mode="markers",
        marker=dict(MARKERS[part]),
        name=f"{part}, {len(rows)}",
        legendgroup=part,
        showlegend=(i, j) == (1, 0),
        customdata=chosen,
        hovertemplate="#%{customdata}: %{x}, %{y}<extra></extra>",
        row=i + 1,
        col=j + 1,
    )


def _histogram(figure: go.Figure, p: Parameter, column: FloatArray, i: int) -> None:
    counts, edges = np.histogram(p.to_unit(column), bins=BINS, range=(-1.0, 1.0))
    ends = p.from_unit(edges)
    figure.add_bar(
        x=(ends[:-1] + ends[1:]) / 2.0,  # a bar is centred in the value, on a logarithmic axis too
        y=counts,
        width=(ends[1:] - ends[:-1]) * 0.96,
        marker={"color": AXIS, "line": {"width": 0}},
        showlegend=False,
        hovertemplate="%{y} simulations<extra></extra>",
        row=i + 1,
        col=i + 1,
    )


def _style_panel(figure: go.Figure, space: ParameterSpace, i: int, j: int) -> None:
    if j > i:
        figure.update_xaxes(visible=False, row=i + 1, col=j + 1)
        figure.update_yaxes(visible=False, row=i + 1, col=j + 1)
        return
    last = i == len(space) - 1
    figure.update_xaxes(_axis(space.parameters[j], title=last), row=i + 1, col=j + 1)
    if i == j:
        figure.update_yaxes(visible=False, rangemode="tozero", row=i + 1, col=j + 1)
    else:
        figure.update_yaxes(_axis(space.parameters[i], title=j == 0), row=i + 1, col=j + 1)


def _axis(p: Parameter, *, title: bool) -> dict[str, object]:
    """The prior and a little air, two ticks; names and numbers at the outer panels only."""
    air = 0.12
    low, high = (float(v) for v in p.from_unit([-1.0 - air, 1.0 + air]))
    ticks = _ticks(p)
    unit = f" [{plotly_text(p.unit)}]" if p.unit else ""
    common: dict[str, object] = {
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": [plain_number(v) for v in ticks],
        "showticklabels": title,
        "tickfont": {"size": 10.5, "color": MUTED},
        "tickangle": 0,
        "ticklen": 3,
        "minor": {"ticks": ""},
        "showgrid": False,
        "title": {"text": p.html + unit if title else "", "standoff": 4},
    }
    if p.scaling == "log":
        return common | {"type": "log", "range": [math.log10(low), math.log10(high)]}
    return common | {"range": [low, high]}


def _ticks(p: Parameter) -> list[float]:
    """Two round numbers inside the range, short enough for a panel of 50 pixels."""
    if p.scaling == "log":
        return [float(f"{v:.2g}") for v in p.from_unit([-0.5, 0.5])]
    decimals = max(0, math.ceil(-math.log10((p.maximum - p.minimum) / 4.0)))
    return [round(float(v), decimals) for v in p.from_unit([-0.6, 0.6])]


@dataclass(frozen=True)
class DatasetPower:
    """P(k) of a dataset: arrays over simulations (n, nk), of the maps of each. k in h/Mpc, powers in (Mpc/h)²."""

    k: FloatArray
    mean: FloatArray
    std: FloatArray
    maps_per_simulation: int
    box_size: float | None
    grid: int
    physical: bool

    def overall(self) -> FloatArray:
        return np.asarray(self.mean.mean(axis=0))

    def scatter(self) -> FloatArray:
        """Standard deviation of single maps over the whole set: between simulations and within them."""
        each = self.maps_per_simulation
        within = (self.std**2).mean(axis=0) * (each - 1) / each
        return np.asarray(np.sqrt(within + self.mean.var(axis=0)))


def dataset_power(
    power: DatasetPower, chosen: int | None, *, revision: str = "dataset-power", height: int = 330
) -> go.Figure:
    """The mean over all maps with the scatter of single ones, and the mean of one simulation with that of its maps."""
    figure = make_subplots(rows=1, cols=1)
    mean, scatter = power.overall(), power.scatter()
    _band(figure, power.k, mean, scatter, SCATTER_BAND, f"single maps of all {len(power.mean)} simulations, ±1σ")
    if chosen is not None:
        _band(
            figure, power.k, power.mean[chosen], power.std[chosen],
            colour_with_alpha(CHOSEN, 0.2), f"maps of simulation {chosen}, ±1σ",
        )  # fmt: skip
    unit = " (Mpc/<i>h</i>)²" if power.physical else ""
    _line(figure, power.k, mean, INK, 1.8, "mean of all maps", unit)
    if chosen is not None:
        _line(figure, power.k, power.mean[chosen], CHOSEN, 2, f"simulation {chosen}", unit)
    _style_power(figure, power, mean, scatter)
    figure.update_layout(
        template=template(),
        height=height,
        uirevision=revision,
        legend={"x": 0.02, "y": 0.03, "yanchor": "bottom"},
    )
    return figure


def _line(figure: go.Figure, k: FloatArray, p: FloatArray, colour: str, width: float, name: str, unit: str) -> None:
    hover = "%{y:.4g}" + unit + "<extra>%{fullData.name}</extra>"
    figure.add_scatter(
        x=k, y=p, mode="lines", line={"color": colour, "width": width}, name=name, hovertemplate=hover
    )  # fmt: skip


def _band(figure: go.Figure, k: FloatArray, mean: FloatArray, sigma: FloatArray, colour: str, name: str) -> None:
    low = np.maximum(mean - sigma, 0.02 * mean)  # a band that reaches zero has no lower edge on a log axis
    figure.add_scatter(
        x=np.concatenate([k, k[::-1]]),
        y=np.concatenate([mean + sigma, low[::-1]]),
        fill="toself",
        fillcolor=colour,
        mode="lines",
        line={"width": 0},
        hoverinfo="skip",
        name=name,
    )


def _style_power(figure: go.Figure, power: DatasetPower, mean: FloatArray, scatter: FloatArray) -> None:
    fundamental = None if power.box_size is None else 2.0 * math.pi / power.box_size
    nyquist = None if power.box_size is None else math.pi * power.grid / power.box_size
    low, high = 0.88 * (fundamental or float(power.k[0])), 1.14 * (nyquist or float(power.k[-1]))
    unit = "[<i>h</i>/Mpc]" if power.box_size is not None else "[2π / box side]"
    x_axis = {**log_ticks(low, high).axis(), "range": [math.log10(low), math.log10(high)]}
    figure.update_xaxes(x_axis, title_text=f"<i>k</i> {unit}")
    bottom, top = float(mean[mean > 0].min()) / 6.0, float((mean + scatter).max()) * 1.4
    y_axis = {**log_ticks(bottom, top, powers=True).axis(), "range": [math.log10(bottom), math.log10(top)]}
    title = "<i>P</i>(<i>k</i>)  [(Mpc/<i>h</i>)²]" if power.physical else "<i>P</i>(<i>k</i>) of the normalised field"
    figure.update_yaxes(y_axis, title_text=title)
    for value, label, side in (
        (fundamental, "<i>k</i><sub>f</sub>", "left"),
        (nyquist, "<i>k</i><sub>Ny</sub>", "right"),
    ):
        if value is not None:
            _mark(figure, value, label, side)


def _mark(figure: go.Figure, value: float, label: str, side: str) -> None:
    figure.add_vline(x=value, line={"color": AXIS, "width": 1, "dash": "dash"})
    figure.add_annotation(
        x=math.log10(value),
        y=1,
        yref="paper",
        text=label,
        showarrow=False,
        xanchor=side,
        yanchor="top",
        xshift=4 if side == "left" else -4,
        font={"size": 12, "color": MUTED},
    )
