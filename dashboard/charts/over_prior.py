"""Where in θ mean P(k) is right: the ratio at each θ of an evaluation against one parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dashboard.charts.panels import Panels
from dashboard.charts.ratio_axis import ratio_axis
from dashboard.look.texts import plotly_text
from dashboard.look.theme import AXIS, GENERATED, INK


def prior_panel(prior: Mapping[str, Any], band: int, parameter: int, *, height: int = 230) -> Panels:
    """`prior` is the part of an evaluation over θ. All panels of a band share one ordinate."""
    ratio, error = (np.array(prior[name], dtype=np.float64)[:, band] for name in ("ratio", "error"))
    panels = Panels([1.0], gap=0.0)
    panels.scatter(
        x=np.array(prior["theta"], dtype=np.float64)[:, parameter],
        y=ratio,
        error_y={"type": "data", "array": np.nan_to_num(error), "color": GENERATED, "thickness": 1, "width": 2},
        mode="markers",
        marker={"size": 6, "color": GENERATED},
        showlegend=False,
        hovertemplate="%{x:.3f}: %{y:.3f}<extra></extra>",
    )
    panels.horizontal(1.0, {"color": INK, "width": 1.2}, row=1)
    for level in (0.95, 1.05):
        panels.horizontal(level, {"color": AXIS, "width": 1, "dash": "dot"}, row=1)
    panels.x_axes({"nticks": 5})
    panels.x_title(plotly_text(prior["parameters"][parameter]["symbol"]))
    panels.y_axis(1, {**ratio_axis([ratio - error, ratio + error], ticks=5), "title": {"text": "ratio"}})
    panels.layout |= {"height": height, "uirevision": f"prior-{band}-{parameter}", "hovermode": "closest"}
    return panels
