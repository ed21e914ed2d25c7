"""The plotly chart of FOCUS: keeps the reader's zoom through live updates and follows light and dark.

`st.plotly_chart` loses the zoom whenever its data change. This component calls `Plotly.react` on one element with
`layout.uirevision`. That alone fails when the server's own range has changed meanwhile, so the script also remembers
the reader's ranges until a double click or the home button. Figures arrive in light tokens; the script replaces them
with the page's colours, again whenever the theme changes, without asking the server. plotly.js is fetched once,
from this server.

The script is registered at first use, so that importing this module needs no running Streamlit.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.panels import Panels, plain_json
from dashboard.look.prefix import below
from dashboard.look.theme import AXIS, CSS_VARIABLES

PLOTLY_ROUTE = "/plotly.min.js"

_SCRIPT = Path(__file__).with_name("chart.js").read_text(encoding="utf-8")


def script() -> str:
    tokens = json.dumps(dict(CSS_VARIABLES))
    return _SCRIPT.replace("__TOKENS__", tokens).replace("__AXIS__", AXIS).replace("__ROUTE__", below(PLOTLY_ROUTE))


@cache
def _component() -> Any:
    from streamlit.components.v2 import component

    return component("focus_chart", js=script(), isolate_styles=False)


def chart(figure: go.Figure | Panels | str, *, name: str, label: str, height: int, key: str) -> None:
    """Draw a figure (or its JSON). Screen readers read `label` instead of it; `name` is its hook and its file name."""
    text = figure if isinstance(figure, str) else figure_json(figure)
    _component()(key=key, data={"figure": text, "name": name, "label": label, "height": height}, height=height)


def figure_json(figure: go.Figure | Panels) -> str:
    """Compact JSON in which every colour token is a quoted string of its own."""
    if isinstance(figure, Panels):
        return plain_json(figure.plain())
    text = figure.to_json(pretty=False)
    assert text is not None
    return text
