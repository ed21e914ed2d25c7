"""Loss and learning rate of one run during training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.charts.loss_words import FIRST
from dashboard.charts.panels import Panels
from dashboard.look.template import log_ticks, plain_number
from dashboard.look.theme import ACCENT, AXIS, FUTURE, INK, MUTED, PAGE

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One curve over epochs (fractions allowed)."""

    epoch: FloatArray
    value: FloatArray


@dataclass(frozen=True)
class TrainingCurves:
    """Everything the figure shows. Losses are dimensionless; `loss` names the quantity."""

    steps: Curve  # training loss of single steps
    train: Curve  # its mean over each epoch
    validation: Curve
    lr: Curve
    num_epochs: int
    checkpoints: Sequence[tuple[float, float]] = ()  # (epoch, validation loss)
    seams: Sequence[tuple[int, float]] = field(default_factory=tuple)  # (attempt, epoch it resumed at)
    ends: str | None = None  # "ends about 18:05", during training
    loss: str = FIRST


def loss_curves(curves: TrainingCurves, *, revision: str = "loss", height: int = 380) -> go.Figure:
    return loss_panels(curves, revision=revision, height=height).figure()


def loss_panels(curves: TrainingCurves, *, revision: str = "loss", height: int = 380) -> Panels:
    """Losses on a log axis above, the learning rate in a panel of 24 % below. The remaining epochs are shaded."""
    panels = Panels([0.76, 0.24], gap=0.05)
    _draw_losses(panels, curves)
    _line(panels, curves.lr, "learning rate", {"color": ACCENT, "width": 1.4, "shape": "hv"}, 2)
    _draw_best(panels, curves)
    _draw_seams(panels, curves)
    _shade_future(panels, curves)
    panels.layout |= {
        "height": height,
        "uirevision": revision,
        "margin": {"t": 30},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    }
    _style_axes(panels, curves)
    return panels


def _draw_losses(panels: Panels, c: TrainingCurves) -> None:
    _line(
        panels,
        c.steps,
        "each step",
        {"color": AXIS, "width": 0.8},
        1,
        opacity=0.35 if c.validation.value.size > 1 else 0.7,
    )
    _line(panels, c.train, "train", {"color": ACCENT, "width": 1.2, "dash": "dot"}, 1)
    _line(panels, c.validation, "validation", {"color": ACCENT, "width": 2}, 1)
    if c.checkpoints:
        epochs, losses = zip(*c.checkpoints, strict=True)
        panels.scatter(
            x=list(epochs),
            y=list(losses),
            mode="markers",
            marker={"symbol": "circle-open", "size": 8, "color": INK, "line": {"width": 1.4}},
            name="checkpoint",
            hovertemplate="epoch %{x:.0f}<extra>checkpoint</extra>",
        )


def _line(panels: Panels, curve: Curve, name: str, line: dict[str, object], row: int, *, opacity: float = 1.0) -> None:
    """Single precision: seven digits are more than a chart shows, and half the bytes per update."""
    panels.scatter(
        row,
        x=curve.epoch.astype(np.float32),
        y=curve.value.astype(np.float32),
        mode="lines+markers" if 0 < curve.epoch.size < 3 else "lines",
        marker={"size": 4},
        name=name,
        line=line,
        opacity=opacity,
        hovertemplate="%{y:.4g}<extra>%{fullData.name}</extra>",
        showlegend=row == 1 and curve.epoch.size > 0,
    )


def _draw_best(panels: Panels, c: TrainingCurves) -> None:
    """A star at the lowest validation loss with its value above."""
    if not np.isfinite(c.validation.value).any():
        return
    i = int(np.nanargmin(c.validation.value))
    x, y = float(c.validation.epoch[i]), float(c.validation.value[i])
    panels.scatter(
        x=[x],
        y=[y],
        mode="markers+text",
        marker={"symbol": "star", "size": 12, "color": INK, "line": {"color": PAGE, "width": 1}},
        text=[f"best {plain_number(y, 3)}"],
        textposition=_label_side(x, float(c.validation.epoch[-1]), c.num_epochs),
        textfont={"size": 12, "color": INK},
        cliponaxis=False,
        name="best",
        showlegend=False,
        hovertemplate=f"epoch {x:.0f}<extra>best</extra>",
    )


def _label_side(x: float, now: float, num_epochs: int) -> str:
    """Right of the star where nothing has been drawn yet, otherwise above it."""
    if x > 0.9 * num_epochs:
        return "top left"
    return "middle right" if now - x < 0.08 * num_epochs else "top center"


def _draw_seams(panels: Panels, c: TrainingCurves) -> None:
    for attempt, epoch in c.seams:
        early = epoch < 0.6 * c.num_epochs
        panels.vertical(epoch, {"color": AXIS, "width": 1, "dash": "dash"})
        panels.note(
            epoch, 0.99, f"attempt {attempt}, resumed at {epoch:g}", 11.5, MUTED,
            xanchor="left" if early else "right", yanchor="top", xshift=4 if early else -4,
        )  # fmt: skip


def _shade_future(panels: Panels, c: TrainingCurves) -> None:
    now = max((float(x.epoch[-1]) for x in (c.steps, c.validation) if x.epoch.size), default=0.0)
    left = c.num_epochs - now
    if left <= 0:
        return
    panels.shapes.append(
        {"type": "rect", "x0": now, "x1": c.num_epochs, "y0": 0, "y1": 1, "xref": "x", "yref": "paper"}
        | {"fillcolor": FUTURE, "line": {"width": 0}}
    )
    if c.ends is not None and left >= 0.15 * c.num_epochs:
        panels.note(now + left / 2, 0.62, f"{math.ceil(left)} epochs left<br>{c.ends}", 11.5, MUTED)


def _style_axes(panels: Panels, c: TrainingCurves) -> None:
    low, high = _loss_range(c)
    ticks = log_ticks(low, high, powers=low < 1e-3)
    title = {"title": {"text": f"loss  ({c.loss})"}}
    panels.y_axis(1, {**ticks.axis(), "range": [math.log10(low), math.log10(high)], **title})
    rates = c.lr.value[c.lr.value > 0]
    rate_low, rate_high = (float(rates.min()), float(rates.max())) if rates.size else (1e-5, 1e-3)
    rate_low = min(rate_low, rate_high / 10)
    ticks = log_ticks(10 ** math.floor(math.log10(rate_low)), 10 ** math.ceil(math.log10(rate_high)), powers=True)
    decades = [(v, t) for v, t in zip(ticks.values, ticks.texts, strict=True) if abs(math.log10(v) % 1) < 1e-9]
    axis = ticks.axis() | {"tickvals": [v for v, _ in decades], "ticktext": [t for _, t in decades]}
    span = [math.log10(rate_low) - 0.15, math.log10(rate_high) + 0.2]
    panels.y_axis(2, {**axis, "range": span, "title": {"text": "lr"}})
    panels.x_axes({"range": [0, c.num_epochs], "rangemode": "tozero"})
    panels.x_title("epoch")


def _loss_range(c: TrainingCurves) -> tuple[float, float]:
    """Set by the epoch curves, with room for the label; by single steps only until there are epoch curves."""
    chosen = [x.value for x in (c.train, c.validation) if x.value.size] or [c.steps.value]
    values = np.concatenate(chosen)
    values = values[np.isfinite(values) & (values > 0)]
    if values.size == 0:
        return 0.01, 1.0
    low, high = float(values.min()), float(values.max())
    return low / 1.15, max(high * 1.1, low * 1.6)
