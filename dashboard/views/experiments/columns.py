"""The columns of the list of experiments: the content and look, order and filter, and exported form of each.

An entry of COLUMNS is all that a column needs: it then appears in the table, among the orders and filters if it has
any, and in the CSV. A column longer than a line has its own module, named here by its path.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import streamlit as st

from dashboard.look.words import duration, number, short_count, with_error
from dashboard.measured.timing import experiment_seconds_left
from dashboard.parts.state import experiment_link
from dashboard.server.routes import artifact_url
from dashboard.views.experiments.column import DESCENDING, DIRECTIONS, Column, text
from focus_core.catalogue.by_path import load
from focus_store.contracts import ExperimentSummary

NEWEST = "newest"


def _left(row: ExperimentSummary) -> str | None:
    left = experiment_seconds_left(row)
    return None if left is None else str(duration(left))


_ERROR_NOTE = (
    "An estimate from the few maps of the latest drawn epoch: mean over bands of |ratio − 1| of P(k) ± its standard "
    "error over simulations; ± ? where an older record does not tell it. An evaluation says more"
)

# In the order of the table. A name gets its link and its label from the list, which knows the other names.
COLUMNS: tuple[Column, ...] = (
    Column(
        NEWEST, "Created", lambda row: row.created_at, DESCENDING,
        export=lambda row: row.created_at.isoformat(timespec="seconds"),
    ),
    Column(
        # The map changes with every epoch and its name is its hash: the table carries only the address.
        "map", "", cell=lambda row: artifact_url(row.thumbnail) if row.thumbnail else None,
        look=lambda: st.column_config.ImageColumn("", width=54, help="Latest generated map"),
    ),
    Column(
        "name", "Name", lambda row: row.name.casefold(), cell=lambda row: row.name, export=lambda row: row.name,
        look=lambda: st.column_config.LinkColumn("Name", display_text=r"#(.*)$", width=230),
    ),
    load("dashboard.views.experiments.status_column:STATUS"),
    Column(
        "progress", "Progress", lambda row: row.progress or None, DESCENDING, cell=lambda row: row.progress or None,
        look=lambda: st.column_config.ProgressColumn(
            "Progress", min_value=0, max_value=1, format="percent", color="primary", width=104
        ),
    ),
    Column("left", "Left", experiment_seconds_left, cell=_left, look=text("Left", 68), unit="s"),
    Column(
        "losses", "Validation loss",
        cell=lambda row: list(row.loss_sparkline) if len(row.loss_sparkline) > 1 else None,
        look=lambda: st.column_config.LineChartColumn("Validation loss", color="primary", width=100),
    ),
    Column(
        "loss", "Best loss", lambda row: row.best_val_loss,
        cell=lambda row: number(row.best_val_loss) if row.best_val_loss is not None else None,
        look=text("Best loss", 80, right=True),
    ),
    Column(
        "error", "P(k) error, estimate", lambda row: row.power_error,
        cell=lambda row: (
            str(with_error(row.power_error, row.power_uncertainty)) if row.power_error is not None else None
        ),
        look=text("P(k) error, est.", 112, right=True, note=_ERROR_NOTE),
    ),
    Column("uncertainty", "P(k) error, standard error", export=lambda row: row.power_uncertainty),
    *load("dashboard.views.experiments.evaluation_column:EVALUATION"),
    Column(
        "parameters", "Parameters", lambda row: row.parameters or None, DESCENDING,
        cell=lambda row: short_count(row.parameters) if row.parameters else None,
        look=text("Parameters", 88, right=True),
    ),
    Column(
        "dataset", "Dataset", lambda row: row.dataset.casefold() or None, cell=lambda row: row.dataset,
        look=text("Dataset", 120), export=lambda row: row.dataset, filtered=lambda row: (row.dataset,),
    ),
    Column(
        "time", "Time", lambda row: row.seconds_trained or None, DESCENDING,
        cell=lambda row: str(duration(row.seconds_trained)) if row.seconds_trained else None, look=text("Time", 84),
        unit="s",
    ),
    Column(
        "tag", "Tags", cell=lambda row: list(row.tags), export=lambda row: " ".join(row.tags) or None,
        look=lambda: st.column_config.ListColumn("Tags", width=110), filtered=lambda row: row.tags,
    ),
)  # fmt: skip

ORDERS: Mapping[str, Column] = {column.key: column for column in COLUMNS if column.order is not None}
SHOWN = tuple(column for column in COLUMNS if column.cell is not None)
FILTERS = tuple(column for column in COLUMNS if column.filtered is not None)


def list_row(row: ExperimentSummary, label: str) -> dict[str, Any]:
    """Cells by column; that of the name is its link, with the label behind it."""
    cells = {column.key: column.cell(row) for column in SHOWN if column.cell is not None}
    return cells | {"name": f"{experiment_link(row.id)}#{quote(label)}"}


def looks(order: str, direction: str) -> dict[str, Any]:
    """The configuration of each shown column, for the table; the column of the current order has an arrow."""
    told = {column.key: column.look() for column in SHOWN if column.look is not None}
    if order in told:
        told[order] = {**told[order], "label": f"{told[order]['label']} {DIRECTIONS[direction]}"}
    return told


def ordered(rows: Sequence[ExperimentSummary], order: str, direction: str) -> list[ExperimentSummary]:
    """Rows without a value come last; equal values keep their order."""
    value = ORDERS[order].order
    assert value is not None
    told = [(value(row), row) for row in rows]
    known = [pair for pair in told if not _is_empty(pair[0])]
    known.sort(key=lambda pair: pair[0], reverse=direction == DESCENDING)
    return [row for _, row in known] + [row for found, row in told if _is_empty(found)]


def filtered(rows: Sequence[ExperimentSummary], wanted: Mapping[str, str | None]) -> list[ExperimentSummary]:
    """The rows that match every requested word of a column, by its key."""
    asked = [(column.filtered, wanted[column.key]) for column in FILTERS if wanted.get(column.key)]
    return [row for row in rows if all(words is not None and word in words(row) for words, word in asked)]


def filter_words(column: Column, rows: Sequence[ExperimentSummary]) -> list[str]:
    """The options of the filter."""
    words = column.filtered
    return sorted({word for row in rows for word in words(row) if word}) if words is not None else []


def to_csv(rows: Sequence[ExperimentSummary]) -> str:
    """One line per experiment, in the order of `rows`: its id, then every exported column, with its unit."""
    written = [(column, column.export or column.order) for column in COLUMNS if column.export or column.order]
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["id", *(f"{c.title} [{c.unit}]" if c.unit else c.title for c, _ in written)])
    for row in rows:
        table.writerow(
            [row.id, *("" if value is None or _is_empty(value(row)) else value(row) for _, value in written)]
        )
    return out.getvalue()


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
