"""Losses of several experiments over a common axis: epochs, steps or training time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.charts.loss_words import FIRST
from dashboard.look.template import log_ticks, template
from dashboard.look.texts import plotly_text
from dashboard.look.theme import INK

FloatArray = NDArray[np.float64]
LossAxis = Literal["epoch", "step", "time"]
AXES: Mapping[LossAxis, str] = {"epoch": "epoch", "step": "step", "time": "wall time"}


@dataclass(frozen=True)
class Points:
    """Losses at optimiser steps."""

    step: FloatArray
    value: FloatArray


@dataclass(frozen=True)
class RunLosses:
    """Measurements of one experiment. `elapsed` is (step, seconds trained by all attempts) at the end of each epoch."""

    name: str
    colour: str
    validation: Points
    train: Points
    steps: Points  # single steps; empty when they are not requested
    elapsed: Points
    steps_per_epoch: int
    loss: str = FIRST

    def along(self, points: Points, axis: LossAxis) -> FloatArray:
        """Abscissae of points. Time is interpolated linearly between two epochs; NaN beyond the last measured one."""
        if axis == "step":
            return points.step
        if axis == "epoch":
            return points.step / max(self.steps_per_epoch, 1)
        step, seconds = np.append(0.0, self.elapsed.step), np.append(0.0, self.elapsed.value)
        return np.interp(points.step, step, seconds, right=math.nan)


def compare_losses(runs: Sequence[RunLosses], axis: LossAxis = "epoch", *, height: int = 470) -> go.Figure:
    """Validation solid, training dotted, one colour per experiment; log y."""
    figure = go.Figure()
    unit, divisor = _time_unit(runs) if axis == "time" else ("", 1.0)
    for run in runs:
        _line(figure, run, run.steps, axis, divisor, "each step", {"color": run.colour, "width": 0.7}, opacity=0.35)
        _line(figure, run, run.train, axis, divisor, "train", {"color": run.colour, "width": 1.2, "dash": "dot"})
        _line(figure, run, run.validation, axis, divisor, "validation", {"color": run.colour, "width": 2})
    for name, line in (("validation", {"width": 2}), ("train", {"width": 1.2, "dash": "dot"})):
        figure.add_scatter(x=[None], y=[None], mode="lines", name=name, line={"color": INK, **line}, hoverinfo="skip")
    low, high = _range(runs)
    kinds = {run.loss for run in runs} or {FIRST}
    of_what = kinds.pop() if len(kinds) == 1 else "of each its own kind"
    figure.update_yaxes(
        {**log_ticks(low, high, powers=low < 1e-3).axis(), "range": [math.log10(low), math.log10(high)]},
        title_text=f"loss  ({of_what})",
    )
    title = {"epoch": "epoch", "step": "optimiser step", "time": f"time trained [{unit}]"}[axis]
    figure.update_xaxes(title_text=title, rangemode="tozero")
    figure.update_layout(
        template=template(),
        height=height,
        uirevision=f"compare-loss-{axis}",
        margin={"t": 12},
        legend={"x": 0.985, "xanchor": "right", "y": 0.985, "yanchor": "top"},
    )
    return figure


def _line(
    figure: go.Figure,
    run: RunLosses,
    points: Points,
    axis: LossAxis,
    divisor: float,
    split: str,
    line: dict[str, object],
    *,
    opacity: float = 1.0,
) -> None:
    if points.step.size == 0:
        return
    figure.add_scatter(
        x=run.along(points, axis) / divisor,
        y=points.value,
        mode="lines+markers" if points.step.size < 3 else "lines",
        marker={"size": 4},
        name=plotly_text(run.name),
        meta=split,
        line=line,
        opacity=opacity,
        legendgroup=run.name,
        showlegend=split == "validation",
        hovertemplate="%{y:.4g}<extra>%{fullData.name}, " + split + "</extra>",
    )


def _time_unit(runs: Sequence[RunLosses]) -> tuple[str, float]:
    longest = max((float(run.elapsed.value[-1]) for run in runs if run.elapsed.value.size), default=0.0)
    return ("h", 3600.0) if longest > 5400 else ("min", 60.0) if longest > 180 else ("s", 1.0)


def _range(runs: Sequence[RunLosses]) -> tuple[float, float]:
    """Set by the epoch curves; the first epoch of a run may lie far above all others and is still shown."""
    values = np.concatenate([p.value for run in runs for p in (run.validation, run.train)] or [np.empty(0)])
    values = values[np.isfinite(values) & (values > 0)]
    if values.size == 0:
        return 0.01, 1.0
    low, high = float(values.min()), float(values.max())
    return low / 1.08, max(high * 1.08, low * 1.4)
