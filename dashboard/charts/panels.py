"""A figure of stacked panels as plain data, for charts that are redrawn at every live update.

plotly's own objects validate every attribute while they are built: about 100 ms of server time per figure. Here traces
and layout are dictionaries, ready for JSON; `figure()` passes them to plotly for exports and tests, which check them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.look.template import PLAIN_TEMPLATE

Plain = dict[str, Any]


@dataclass
class Panels:
    """Panels above one another that share their abscissa. `heights` from above, as fractions of 1."""

    heights: Sequence[float]
    gap: float  # between two panels, as a fraction of the whole
    traces: list[Plain] = field(default_factory=list)
    shapes: list[Plain] = field(default_factory=list)
    annotations: list[Plain] = field(default_factory=list)
    layout: Plain = field(default_factory=dict)

    def __post_init__(self) -> None:
        top, room = 1.0, 1.0 - self.gap * (len(self.heights) - 1)
        last = len(self.heights)
        for row, share in enumerate(self.heights, start=1):
            bottom = max(top - share * room / sum(self.heights), 0.0)
            name = axis_name(row)
            self.layout[f"yaxis{name}"] = {"anchor": f"x{name}", "domain": [bottom, top]}
            self.layout[f"xaxis{name}"] = {"anchor": f"y{name}", "domain": [0.0, 1.0]}
            if row < last:
                self.layout[f"xaxis{name}"] |= {"matches": f"x{axis_name(last)}", "showticklabels": False}
            top = bottom - self.gap

    def scatter(self, row: int = 1, **trace: Any) -> None:
        name = axis_name(row)
        self.traces.append({"type": "scatter", "xaxis": f"x{name}", "yaxis": f"y{name}", **trace})

    def vertical(self, x: float, line: Plain) -> None:
        """A line at `x` through every panel."""
        for row in range(1, len(self.heights) + 1):
            name = axis_name(row)
            ends = {"x0": x, "x1": x, "xref": f"x{name}", "y0": 0, "y1": 1, "yref": f"y{name} domain"}
            self.shapes.append({"type": "line", "line": line, **ends})

    def horizontal(self, y: float, line: Plain, row: int) -> None:
        name = axis_name(row)
        ends = {"y0": y, "y1": y, "yref": f"y{name}", "x0": 0, "x1": 1, "xref": f"x{name} domain"}
        self.shapes.append({"type": "line", "line": line, **ends})

    def note(self, x: float, y: float, text: str, size: float, colour: str, **more: Any) -> None:
        """Text at `x` of the axis (its logarithm on a log axis) and `y` of the whole figure, 0 to 1."""
        place = {"x": x, "xref": "x", "y": y, "yref": "paper", "text": text, "showarrow": False}
        self.annotations.append({**place, "font": {"size": size, "color": colour}, **more})

    def x_axes(self, values: Mapping[str, Any]) -> None:
        for row in range(1, len(self.heights) + 1):
            self.layout[f"xaxis{axis_name(row)}"] |= dict(values)

    def x_title(self, text: str) -> None:
        """Under the lowest panel, the only one with labels."""
        self.layout[f"xaxis{axis_name(len(self.heights))}"]["title"] = {"text": text}

    def y_axis(self, row: int, values: Mapping[str, Any]) -> None:
        self.layout[f"yaxis{axis_name(row)}"] |= dict(values)

    def plain(self) -> Plain:
        layout = {"template": PLAIN_TEMPLATE, **self.layout, "shapes": self.shapes, "annotations": self.annotations}
        return {"data": self.traces, "layout": layout}

    def figure(self) -> go.Figure:
        return go.Figure(self.plain())


def axis_name(row: int) -> str:
    """plotly numbers axes from the second one on."""
    return "" if row == 1 else str(row)


def plain_json(plain: Plain) -> str:
    """Compact JSON in which every colour is a quoted string of its own; arrays in the form that plotly.js decodes."""
    return json.dumps(plain, separators=(",", ":"), default=_array, ensure_ascii=False, allow_nan=False)


def _array(value: object) -> object:
    """Typed arrays are sent as base64: a third of the characters of digits, and NaN is allowed in them."""
    if isinstance(value, np.ndarray):
        kind = "f4" if value.dtype == np.float32 else "f8"
        content = np.ascontiguousarray(value, dtype=f"<{kind}")
        plain = {"dtype": kind, "bdata": base64.b64encode(content.tobytes()).decode("ascii")}
        return plain if value.ndim == 1 else {**plain, "shape": ", ".join(map(str, value.shape))}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a figure cannot carry {type(value).__name__}")
