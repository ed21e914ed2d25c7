"""The column of the list that shows a run's status."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.look.theme import STATUS_LOOK
from dashboard.views.experiments.column import Column
from focus_store.contracts import ExperimentSummary


def _look() -> Any:
    words = {f"{look.glyph} {look.word}": look.family for look in STATUS_LOOK.values()}
    return st.column_config.MultiselectColumn("Status", options=list(words), color=list(words.values()), width=100)


def _cell(row: ExperimentSummary) -> list[str]:
    look = STATUS_LOOK[row.status]
    return [f"{look.glyph} {look.word}"]


STATUS = Column(
    "status",
    "Status",
    lambda row: list(STATUS_LOOK).index(row.status),
    cell=_cell,
    look=_look,
    export=lambda row: row.status.value,
)
