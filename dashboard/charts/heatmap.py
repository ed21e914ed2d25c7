"""One map enlarged, with the value of every pixel under the pointer."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dashboard.charts.panels import Panels, Plain
from dashboard.look.template import power_text
from dashboard.look.theme import DIVIDE, MUTED, NIGHT


def enlarged_map(
    values: NDArray[np.float64],
    limits: tuple[float, float],
    *,
    box_size: float | None,
    quantity: str,
    difference: bool = False,
    revision: str = "map",
    height: int = 560,
) -> Panels:
    """A pixelated heatmap of log10 values (N, N); axes in Mpc/h if the side of the box is known.

    `difference` colours both signs about zero and shows the numbers themselves; otherwise the colour bar shows Σ.
    """
    n = len(values)
    side = box_size if box_size is not None else float(n)
    unit = " [Mpc/<i>h</i>]" if box_size is not None else " [pixel]"
    panels = Panels([1.0], gap=0.0)
    number = "log<sub>10</sub> ratio %{z:+.3f}" if difference else "log<sub>10</sub> Σ %{z:.3f}"
    panels.traces.append(
        {"type": "heatmap", "z": np.asarray(values, dtype=np.float32), "x0": 0.5 * side / n, "dx": side / n}
        | {"y0": 0.5 * side / n, "dy": side / n, "zmin": limits[0], "zmax": limits[1], "zsmooth": False}
        | {"colorscale": _scale(DIVIDE if difference else NIGHT), "colorbar": _bar(limits, quantity, difference)}
        | {"hovertemplate": f"x %{{x:.2f}}, y %{{y:.2f}}<br>{number}<extra></extra>"}
    )
    ends = {"range": [0.0, side], "constrain": "domain", "showgrid": False}
    panels.x_axes({**ends})
    panels.y_axis(1, {**ends, "range": [side, 0.0], "scaleanchor": "x", "title": {"text": f"y{unit}"}})
    panels.x_title(f"x{unit}")
    panels.layout |= {"height": height, "uirevision": revision, "hovermode": "closest"}
    return panels


def _scale(anchors: tuple[str, ...]) -> list[list[object]]:
    return [[i / (len(anchors) - 1), colour] for i, colour in enumerate(anchors)]


def _bar(limits: tuple[float, float], quantity: str, difference: bool) -> Plain:
    plain: Plain = {"thickness": 10, "outlinewidth": 0, "title": {"text": quantity, "side": "right"}}
    plain["tickfont"] = {"size": 12, "color": MUTED}
    if not difference:
        low, high = limits
        ticks = [(m, e) for e in range(math.floor(low), math.ceil(high) + 1) for m in (1, 3)]
        inside = [(m, e) for m, e in ticks if low <= math.log10(m) + e <= high]
        plain |= {"tickvals": [math.log10(m) + e for m, e in inside], "ticktext": [power_text(m, e) for m, e in inside]}
    return plain
