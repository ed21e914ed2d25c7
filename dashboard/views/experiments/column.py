"""A column of the list of experiments: its content and look, its order and filter, and its form in an export."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from focus_store.contracts import ExperimentSummary

ASCENDING, DESCENDING = "up", "down"
DIRECTIONS = {ASCENDING: "↑", DESCENDING: "↓"}

Value = Callable[[ExperimentSummary], Any]


@dataclass(frozen=True)
class Column:
    """Functions of a row return None if there is nothing to show, sort by or write."""

    key: str  # in the address
    title: str
    order: Value | None = None  # sort key; without one, the column is not offered as an order
    first: str = ASCENDING  # the default direction
    cell: Value | None = None  # what the table shows; without, it is only sorted by and exported
    look: Callable[[], Any] | None = None  # of st.column_config, beside `cell`
    export: Value | None = None  # a number in `unit`, or a text; without, the sort key
    unit: str = ""
    filtered: Callable[[ExperimentSummary], Collection[str]] | None = None  # the words by which it can be filtered


def text(title: str, width: int, *, right: bool = False, note: str | None = None) -> Callable[[], Any]:
    """The look of a text column; numbers with their units are texts aligned to the right."""
    import streamlit as st

    return lambda: st.column_config.TextColumn(title, width=width, alignment="right" if right else "left", help=note)
