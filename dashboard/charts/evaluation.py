"""What a statistic of an evaluation measured: generated and simulated values against its axis, and their ratio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.charts.overlay import band_trace
from dashboard.charts.panels import Panels
from dashboard.look.template import log_ticks
from dashboard.look.texts import plotly_text
from dashboard.look.theme import AXIS, GENERATED, GENERATED_BAND, INK, SCATTER_BAND, TRUTH_ERROR_BAND

FloatArray = NDArray[np.float64]


def statistic_panels(curve: Mapping[str, Any], *, revision: str, height: int = 380) -> Panels:
    """`curve` is one curve of an evaluation, in which null stands for numbers that are not finite.

    Grey is the scatter of single simulations (cosmic variance), the narrow bands are standard errors of the means. The
    ratio is drawn where the simulated values stay away from zero, otherwise the difference.
    """
    x, generated, simulated = (_numbers(curve, name) for name in ("axis", "generated", "simulated"))
    panels = Panels([0.62, 0.38], gap=0.05)
    marks: dict[str, Any] = {"mode": "lines+markers" if len(x) < 16 else "lines", "marker": {"size": 5}}
    if curve.get("scatter"):
        scatter = _numbers(curve, "scatter")
        low = simulated * (1 - scatter)
        if curve["logarithmic"]:
            low = np.maximum(low, 0.02 * np.abs(simulated))
        name = "cosmic variance (single simulations, ±1σ)"
        panels.scatter(**band_trace(x, low, simulated * (1 + scatter), SCATTER_BAND, name))
    for values, name, colour in ((simulated, "simulated", INK), (generated, "generated", GENERATED)):
        panels.scatter(x=x, y=values, name=name, line={"color": colour, "width": 2}, **marks)
    _below(panels, curve, x, generated, simulated, marks)
    if curve["logarithmic"]:
        seen = np.concatenate([generated, simulated])
        seen = seen[np.isfinite(seen) & (seen > 0.0)]
        panels.x_axes(log_ticks(float(x.min()), float(x.max())).axis())
        panels.y_axis(1, log_ticks(float(seen.min()), float(seen.max())).axis() if seen.size else {"type": "log"})
    panels.x_title(plotly_text(curve["axis_title"]))
    unit = f" [{curve['unit']}]" if curve["unit"] else ""
    panels.y_axis(1, {"title": {"text": plotly_text(f"{curve['title']}{unit}")}})
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    panels.layout |= {"height": height, "uirevision": revision, "legend": legend}
    return panels


def _below(
    panels: Panels, curve: Mapping[str, Any], x: FloatArray, generated: FloatArray, simulated: FloatArray, marks: Any
) -> None:
    largest = np.nanmax(np.abs(simulated)) if np.isfinite(simulated).any() else 0.0
    as_ratio = bool(np.nanmin(np.abs(simulated)) > 1e-3 * largest) if largest else False
    unit = np.abs(simulated) if as_ratio else np.ones_like(simulated)
    ideal = 1.0 if as_ratio else 0.0
    middle = generated / simulated if as_ratio else generated - simulated
    for name, centre, colour in (
        ("simulated_error", np.full_like(middle, ideal), TRUTH_ERROR_BAND),
        ("generated_error", middle, GENERATED_BAND),
    ):
        error = np.nan_to_num(_numbers(curve, name)) / unit
        panels.scatter(2, **band_trace(x, centre - error, centre + error, colour))
    panels.horizontal(ideal, {"color": INK, "width": 1.2}, row=2)
    if as_ratio:
        for level in (0.95, 1.05):
            panels.horizontal(level, {"color": AXIS, "width": 1, "dash": "dot"}, row=2)
    words = "generated / simulated" if as_ratio else "generated − simulated"
    line = {"color": GENERATED, "width": 2}
    panels.scatter(2, x=x, y=middle, name=words, line=line, showlegend=False, **marks)
    panels.y_axis(2, {"title": {"text": words}})


def _numbers(curve: Mapping[str, Any], name: str) -> FloatArray:
    return np.array(curve[name], dtype=np.float64)
