"""Error of mean P(k) of several runs against the number of simulations that each was trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.charts.panels import Panels
from dashboard.look.template import log_ticks
from dashboard.look.texts import plotly_text
from dashboard.look.theme import INK, SCATTER_BAND


@dataclass(frozen=True)
class SizedError:
    """Of one run: its deviation with its error, and the floor, all as fractions of the simulations' P(k)."""

    name: str
    colour: str
    simulations: int
    deviation: float
    error: float | None
    floor: float | None


def error_by_size(runs: Sequence[SizedError], *, height: int) -> Panels:
    """One dot per run on a logarithmic abscissa; grey is the smallest floor, within which no error can be detected."""
    panels = Panels([1.0], gap=0.0)
    for each in runs:
        panels.scatter(
            x=np.array([float(each.simulations)]),
            y=np.array([100.0 * each.deviation]),
            error_y={
                "type": "data", "array": np.array([100.0 * (each.error or 0.0)]), "color": each.colour, "thickness": 1,
                "width": 3,
            },
            mode="markers",
            marker={"size": 9, "color": each.colour},
            name=plotly_text(each.name),
            hovertemplate="%{x:.0f} simulations, %{y:+.1f} %<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    floor = 100.0 * min((each.floor for each in runs if each.floor), default=0.0)
    panels.shapes.append(
        {
            "type": "rect", "x0": 0, "x1": 1, "xref": "x domain", "y0": -floor, "y1": floor, "yref": "y",
            "fillcolor": SCATTER_BAND, "line": {"width": 0}, "layer": "below",
        }
    )  # fmt: skip
    panels.horizontal(0.0, {"color": INK, "width": 1.2}, row=1)
    counts = [each.simulations for each in runs]
    low, high = 0.8 * max(min(counts), 1), 1.25 * max(counts)
    panels.x_axes({**log_ticks(low, high).axis(), "range": [math.log10(low), math.log10(high)]})
    panels.x_title("training simulations")
    far = max(100.0 * (abs(each.deviation) + (each.error or 0.0)) for each in runs)
    reach = 1.15 * max(far, floor) or 1.0
    panels.y_axis(1, {"range": [-reach, reach], "title": {"text": "mean <i>P</i>(<i>k</i>), worst band, off by [%]"}})
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    panels.layout |= {"height": height, "uirevision": "compare-size", "legend": legend, "hovermode": "closest"}
    return panels
