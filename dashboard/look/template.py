"""The only plotly template of FOCUS, and what all figures share: log ticks, numbers, marks at k_f and k_Ny."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.look.theme import AXIS, BORDER, EXPERIMENT_COLOURS, FONT, GRID, INK, MUTED, PAGE

MINUS = "−"


def _axis() -> dict[str, object]:
    return {
        "showline": True,
        "linecolor": AXIS,
        "linewidth": 1,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": AXIS,
        "tickfont": {"size": 12, "color": MUTED},
        "title": {"font": {"size": 12.5, "color": INK}, "standoff": 6},
        "minor": {"ticklen": 2, "tickcolor": AXIS, "showgrid": False},
        "showgrid": True,
        "gridcolor": GRID,
        "gridwidth": 1,
        "zeroline": False,
        "mirror": False,
        "automargin": True,
    }


# Ink on white, hairlines, no boxes. Light tokens: the chart component recolours them for the page.
PLAIN_TEMPLATE: Mapping[str, object] = {
    "layout": {
        "font": {"family": FONT, "size": 12.5, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": list(EXPERIMENT_COLOURS),
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "xaxis": _axis(),
        "yaxis": _axis(),
        "hovermode": "x",
        "hoverlabel": {"bgcolor": PAGE, "bordercolor": BORDER, "font": {"color": INK, "size": 12}},
        "dragmode": "zoom",
        "legend": {"bgcolor": "rgba(0,0,0,0)", "font": {"size": 12, "color": INK}, "borderwidth": 0},
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": AXIS,
            "activecolor": INK,
            "orientation": "h",
            "remove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
        },
    }
}


def template() -> go.layout.Template:
    return go.layout.Template(PLAIN_TEMPLATE)


@dataclass(frozen=True)
class LogTicks:
    """Tick values and texts of a log axis, with an explicit list of minor ticks: automatic ones draw hundreds."""

    values: list[float]
    texts: list[str]
    minor: list[float]

    def axis(self) -> dict[str, object]:
        return {
            "type": "log",
            "tickmode": "array",
            "tickvals": self.values,
            "ticktext": self.texts,
            "minor": {"tickmode": "array", "tickvals": self.minor, "ticks": "outside"},
        }


# Ticks within a decade, for axes that span fewer decades than the first number: a readable axis needs two values.
_MANTISSAS: Sequence[tuple[float, Sequence[float]]] = (
    (0.5, (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9)),
    (1.1, (1, 1.5, 2, 3, 5, 7)),
    (2.1, (1, 2, 3, 5)),
)


def log_ticks(low: float, high: float, *, powers: bool = False) -> LogTicks:
    """Ticks for [low, high] > 0. `powers` writes decades as 10ⁿ outside 1 … 100, as spectra and losses need."""
    decades = math.log10(high / low)
    mantissas: Sequence[float] = next((several for width, several in _MANTISSAS if decades < width), (1,))
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    grid = [(m, e) for e in range(first, last + 1) for m in mantissas if low <= m * 10.0**e <= high * (1 + 1e-9)]
    minor = [m * 10.0**e for e in range(first, last + 1) for m in range(2, 10) if low <= m * 10.0**e <= high]
    texts = [power_text(m, e) if powers else plain_number(m * 10.0**e) for m, e in grid]
    return LogTicks([m * 10.0**e for m, e in grid], texts, minor)


def power_text(mantissa: float, exponent: int) -> str:
    """ "10<sup>−3</sup>", "3·10<sup>12</sup>"; plain between 1 and 100."""
    if 0 <= exponent <= 1:
        return plain_number(mantissa * 10.0**exponent)
    power = f"10<sup>{str(exponent).replace('-', MINUS)}</sup>"
    return power if mantissa == 1 else f"{plain_number(mantissa)}·{power}"


def plain_number(value: float, digits: int = 6) -> str:
    """A number for reading: no exponent between 1e−6 and 1e6, a real minus sign."""
    text = f"{value:.{digits}g}"
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        text = power_text(float(mantissa), int(exponent))
    return text.replace("-", MINUS)


def colour_with_alpha(colour: str, alpha: float) -> str:
    """ "#de701f" at .22 → "rgba(222,112,31,.22)"."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"
