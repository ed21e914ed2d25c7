"""What a dataset covers: the corner plot of θ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from dashboard.look.template import plain_number, template
from dashboard.look.texts import plotly_text
from dashboard.look.theme import AXIS, EXPERIMENT_COLOURS, MUTED
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
    """At most `MAX_POINTS`, evenly spaced: an SVG of more is slow and shows nothing more."""
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
        x=(ends[:-1] + ends[1:]) / 2.0,  # a bar is centred on its value, on a logarithmic axis too
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
    """The prior with a small margin and two ticks; names and numbers only at the outer panels."""
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
