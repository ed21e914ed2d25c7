"""A chart's data as a table: for users of screen readers, and for those who need the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st

from dashboard.charts.loss import TrainingCurves
from dashboard.charts.overlay import MapCurves
from dashboard.look.words import DASH, number
from dashboard.parts.state import entry

NEWEST = 200  # epochs; an export contains all of them


def table_asked_for(chart: str) -> bool:
    """A switch under the chart; the table is made only while it is on."""
    return st.toggle("Values as a table", **entry(f"{chart}-table", False))


def curve_table(curves: MapCurves) -> str:
    """A statistic of simulations and of generated maps, entry by entry."""
    value = curves.statistic.value
    unit = f" [{value.unit_html}]" if curves.physical and value.unit_html else ""
    of = f"{value.html} of simulations{unit}", f"{value.html} generated{unit}"
    head = [curves.statistic.axis_html(curves.box_size), *of, curves.statistic.panel.below, "± generated"]
    errors = np.full(len(curves.x), np.nan) if curves.generated_error is None else curves.generated_error
    columns = [curves.x, curves.truth, curves.generated, curves.below(), curves.below_error(errors)]
    rows = [[number(float(v), 4) for v in row] for row in zip(*columns, strict=True)]
    return _table(f"{curves.statistic.title} and {curves.statistic.panel.below}", head, rows)


def loss_table(curves: TrainingCurves) -> str:
    """By epoch, the newest first."""
    validation = dict(zip(curves.validation.epoch.tolist(), curves.validation.value.tolist(), strict=True))
    train = dict(zip(curves.train.epoch.tolist(), curves.train.value.tolist(), strict=True))
    epochs = sorted({*validation, *train}, reverse=True)[:NEWEST]
    rows = [[f"{e:g}", number(train.get(e), 4), number(validation.get(e), 4), _rate(curves, e)] for e in epochs]
    return _table("Loss and learning rate by epoch", ["epoch", "train", "validation", "learning rate"], rows)


def _rate(curves: TrainingCurves, epoch: float) -> str:
    """The last learning rate that was used before the end of an epoch."""
    at = int(np.searchsorted(curves.lr.epoch, epoch, side="right")) - 1
    return number(float(curves.lr.value[at])) if at >= 0 else DASH


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """`head` may hold our own markup; cells are escaped."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        '<div class="focus-scroll focus-tall"><table class="focus-table">'
        f'<caption class="focus-hidden">{escape(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )
