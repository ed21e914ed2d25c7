"""Cost against quality: one line per experiment over normalised columns. Plotly's own `parcoords` needs WebGL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.look.template import template
from dashboard.look.texts import plotly_text
from dashboard.look.theme import AXIS, INK, MUTED


@dataclass(frozen=True)
class CostColumn:
    """One axis: its title, and each experiment's value (None where it was not measured) with its formatted text."""

    title: str
    values: Sequence[float | None]
    texts: Sequence[str]


def cost_quality(
    columns: Sequence[CostColumn], names: Sequence[str], colours: Sequence[str], *, height: int
) -> go.Figure:
    """Log axes, lower is better. Each column shows its range at its ends."""
    figure = go.Figure()
    places = [_places(column.values) for column in columns]
    for x, column in enumerate(columns):
        figure.add_shape(type="line", x0=x, x1=x, y0=0, y1=1, line={"color": AXIS, "width": 1})
        _label(figure, x, 1.15, f"{column.title}", INK)
        low, high = _ends(column)
        _label(figure, x, 1.06, high, MUTED)
        if low != high:
            _label(figure, x, -0.06, low, MUTED)
    for i, (name, colour) in enumerate(zip(names, colours, strict=True)):
        figure.add_scatter(
            x=list(range(len(columns))),
            y=[place[i] for place in places],
            text=[column.texts[i] for column in columns],
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": 7, "color": colour},
            name=plotly_text(name),
            hovertemplate="%{text}<extra>%{fullData.name}</extra>",
            showlegend=False,
        )
    figure.update_xaxes(visible=False, range=[-0.45, len(columns) - 0.55], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-0.12, 1.22], fixedrange=True)
    figure.update_layout(template=template(), height=height, uirevision="compare-cost", hovermode="closest")
    return figure


def _label(figure: go.Figure, x: int, y: float, text: str, colour: str) -> None:
    figure.add_annotation(x=x, y=y, text=text, showarrow=False, font={"size": 12, "color": colour})


def _places(values: Sequence[float | None]) -> list[float | None]:
    """Positions 0 … 1 on a log scale; the middle where all values are equal."""
    logs = [math.log(value) if value is not None and value > 0 else None for value in values]
    known = [value for value in logs if value is not None]
    if not known or max(known) - min(known) < 1e-12:
        return [None if value is None else 0.5 for value in logs]
    low, span = min(known), max(known) - min(known)
    return [None if value is None else (value - low) / span for value in logs]


def _ends(column: CostColumn) -> tuple[str, str]:
    known = [(v, t) for v, t in zip(column.values, column.texts, strict=True) if v is not None]
    return min(known)[1], max(known)[1]
