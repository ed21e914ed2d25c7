"""A column of the list of experiments: what it shows and how, by what it sorts and filters, what an export says."""

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
    """Functions of a row answer None where there is nothing to show, sort by or write."""

    key: str  # in the address
    title: str
    order: Value | None = None  # by what it sorts; without, it is in no list of orders
    first: str = ASCENDING  # the direction that is meant if none is said
    cell: Value | None = None  # what the table shows; without, it is only sorted by and exported
    look: Callable[[], Any] | None = None  # of st.column_config, beside `cell`
    export: Value | None = None  # a number in `unit`, or a text; without, what it sorts by
    unit: str = ""
    filtered: Callable[[ExperimentSummary], Collection[str]] | None = None  # the words by which it can be filtered


def text(title: str, width: int, *, right: bool = False, note: str | None = None) -> Callable[[], Any]:
    """The look of a column of texts; numbers with their units are texts at the right."""
    import streamlit as st

    return lambda: st.column_config.TextColumn(title, width=width, alignment="right" if right else "left", help=note)
