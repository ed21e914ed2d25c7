"""The measured table of a comparison, and cost against quality beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard.charts.chart import chart
from dashboard.charts.compare_cost import CostColumn, cost_quality
from dashboard.look.words import short_count
from dashboard.views.compare.compared_values import POWER_ERROR, Measure, differing_settings, measures
from dashboard.views.compare.comparison import Compared, all_comparable
from dashboard.views.compare.comparison_files import cost_csv, table_csv
from dashboard.views.compare.comparison_markup import compare_table
from dashboard.views.compare.head import download, section_head

BESIDE = 4  # number of experiments up to which the chart fits at the table's right
_COST = {"Parameters": "Parameters", "Peak memory": "Memory", "Training time": "Time"}
_QUALITY = {"Best validation loss": "Loss", POWER_ERROR: "<i>P</i>(<i>k</i>) error"}


def table(runs: Sequence[Compared], baseline: int) -> None:
    rows = measures(runs, baseline)
    settings, n_settings = differing_settings(runs, baseline)
    drawn = _drawn(rows, quality=all_comparable(runs))
    beside = len(runs) <= BESIDE and len(drawn) > 1
    left, right = st.columns([66, 34], gap="medium") if beside else (st.container(), st.container())
    with left:
        with section_head("Measured", "measured", "ratios to the baseline"):
            download("table", partial(table_csv, runs, rows, settings))
        st.html(compare_table(runs, baseline, rows, settings, n_settings))
    if len(drawn) > 1 and len(runs) > 1:
        with right:
            _cost(runs, drawn)


def _drawn(rows: Sequence[Measure], *, quality: bool) -> list[tuple[str, Measure]]:
    """Columns of the chart with measured values; losses and errors only if they are of the same simulations."""
    by_name = {row.plain: row for row in rows}
    wanted = _COST | (_QUALITY if quality else {})
    found = [(title, by_name[name]) for name, title in wanted.items() if name in by_name]
    return [(title, row) for title, row in found if any(value is not None for value in row.values)]


def _short(row: Measure) -> Sequence[str]:
    if row.plain != "Parameters":
        return row.texts
    return [short_count(int(value)) if value is not None else "" for value in row.values]


def _cost(runs: Sequence[Compared], drawn: Sequence[tuple[str, Measure]]) -> None:
    with section_head("Cost against quality", "cost", "log axes, better is lower"):
        download("cost", partial(cost_csv, runs, [row for _, row in drawn]))
    columns = [CostColumn(title, row.values, _short(row)) for title, row in drawn]
    names, colours = [run.short for run in runs], [run.colour for run in runs]
    words = ", ".join(column.title.replace("<i>", "").replace("</i>", "") for column in columns)
    chart(
        cost_quality(columns, names, colours, height=380),
        name="compare-cost",
        label=f"Parallel axes of {words} for {len(runs)} experiments; the table holds the same values",
        height=380,
        key="compare-cost",
    )
