"""The error of P(k) of a run's maps against network evaluations: one line per sampler, both axes logarithmic."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dashboard.charts.panels import Panels
from dashboard.look.template import log_ticks
from dashboard.look.theme import EXPERIMENT_COLOURS, MUTED, PAGE, SCATTER_BAND
from focus_core.catalogue.samplers import sampler_lines

MEAN, SCATTER = "mean", "scatter"
_TITLES = {MEAN: "error of mean <i>P</i>(<i>k</i>) [%]", SCATTER: "error of the scatter of <i>P</i>(<i>k</i>) [%]"}
COLOURS: Mapping[str, str] = dict(zip(sampler_lines(), itertools.cycle(EXPERIMENT_COLOURS), strict=False))


def sampler_panels(found: Mapping[str, Any], band: int, quantity: str, *, height: int = 380) -> Panels:
    """`found` is the result.json of `focus benchmark samplers`, with at least one case.

    Filled marks are too high, open ones too low. Below the top of the grey band even the simulations cannot decide.
    """
    panels = Panels([1.0], gap=0.0)
    floor = 100.0 * float(found["floor"][f"{quantity}_error"][band] or 0.0)
    sizes = [abs(_per_cent(case[quantity][band])) for case in found["cases"] if case[quantity][band] is not None]
    low = max(floor, 1e-2) / 20.0
    high = 1.6 * max([*sizes, floor, 2.0 * low])
    for line, colour in COLOURS.items():
        cases = [c for c in found["cases"] if c["line"] == line and c[quantity][band] is not None]
        if cases:
            _line(panels, sorted(cases, key=lambda c: float(c["evaluations"])), band, quantity, colour, low)
    panels.shapes.append(
        {
            "type": "rect", "x0": 0, "x1": 1, "xref": "x domain", "y0": low, "y1": floor, "yref": "y",
            "fillcolor": SCATTER_BAND, "line": {"width": 0}, "layer": "below",
        }
    )  # fmt: skip
    panels.annotations.append(
        {
            "x": 1, "xref": "x domain", "xanchor": "right", "y": math.log10(floor or low), "yref": "y",
            "yanchor": "top", "text": "the simulations’ own error", "showarrow": False,
            "font": {"size": 12, "color": MUTED},
        }
    )  # fmt: skip
    counts = [float(case["evaluations"]) for case in found["cases"]]
    first, last = 0.8 * min(counts), 1.25 * max(counts)
    panels.x_axes({**log_ticks(first, last).axis(), "range": [math.log10(first), math.log10(last)]})
    panels.x_title("network evaluations per map")
    title = {"title": {"text": _TITLES[quantity]}, "range": [math.log10(low), math.log10(high)]}
    panels.y_axis(1, {**log_ticks(low, high).axis(), **title})
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    panels.layout |= {"height": height, "uirevision": f"samplers-{band}-{quantity}", "legend": legend}
    panels.layout["hovermode"] = "closest"
    return panels


def _line(
    panels: Panels, cases: Sequence[Mapping[str, Any]], band: int, quantity: str, colour: str, low: float
) -> None:
    error = np.array([_per_cent(case[quantity][band]) for case in cases])
    spread = np.array([100.0 * (case[f"{quantity}_error"][band] or 0.0) for case in cases])
    size = np.maximum(np.abs(error), low)
    words = [f"{case['name']}<br>{e:+.3g} ± {s:.2g} %" for case, e, s in zip(cases, error, spread, strict=True)]
    panels.scatter(
        x=np.array([float(case["evaluations"]) for case in cases]),
        y=size,
        # A logarithmic axis does not reach zero: the bar ends where the axis does.
        error_y={
            "type": "data", "array": spread, "arrayminus": np.minimum(spread, 0.999 * size), "color": colour,
            "thickness": 1, "width": 3,
        },
        name=cases[0]["line"],
        mode="lines+markers",
        line={"color": colour, "width": 2},
        marker={
            "size": 8, "color": [colour if e > 0 else PAGE for e in error], "line": {"color": colour, "width": 1.5},
        },
        text=[word.replace("-", "−") for word in words],
        hovertemplate="%{text}<extra>%{x:g} evaluations</extra>",
    )  # fmt: skip


def _per_cent(ratio: float) -> float:
    return 100.0 * (float(ratio) - 1.0)
