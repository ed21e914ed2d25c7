"""The order of the list of experiments: of any column, in either direction, what has no value last."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest
from page_alone import address, open_page

from dashboard.list_order import ASCENDING, DESCENDING, ORDERS, ordered
from focus_store.contracts import ExperimentSummary, Status


@pytest.fixture
def rows(small_laboratory: Any) -> list[ExperimentSummary]:
    """Three runs of one day, "b", "A" and "c", of which the last has measured nothing."""
    one = small_laboratory.repository.experiment(small_laboratory.finished).summary
    nothing = {"best_val_loss": None, "power_error": None, "parameters": None}
    empty: dict[str, Any] = {**nothing, "seconds_trained": 0.0, "epoch": 0, "step": 0}
    return [
        replace(one, id="1", name="b", best_val_loss=0.2, power_error=0.1),
        replace(one, id="2", name="A", best_val_loss=0.1, power_error=float("nan")),
        replace(one, id="3", name="c", status=Status.DRAFT, **empty),
    ]


def names(rows: list[ExperimentSummary], order: str, direction: str) -> str:
    return "".join(row.name for row in ordered(rows, order, direction))


def test_a_column_orders_the_list_in_either_direction(rows: list[ExperimentSummary]) -> None:
    assert names(rows, "name", ASCENDING) == "Abc"
    assert names(rows, "name", DESCENDING) == "cbA"


@pytest.mark.parametrize("direction", [ASCENDING, DESCENDING])
def test_what_has_no_value_comes_last_in_either_direction(rows: list[ExperimentSummary], direction: str) -> None:
    for order in ("loss", "parameters", "time", "progress"):
        assert names(rows, order, direction)[-1] == "c", order
    assert names(rows, "error", direction) == "bAc"  # a number that is none is no value


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("direction", [ASCENDING, DESCENDING])
def test_equal_values_keep_the_order_that_they_came_in(
    rows: list[ExperimentSummary], order: str, direction: str
) -> None:
    same = [replace(rows[0], id=str(i), tags=(str(i),)) for i in range(3)]
    assert [row.id for row in ordered(same, order, direction)] == ["0", "1", "2"]


def test_without_a_choice_the_newest_come_first(rows: list[ExperimentSummary]) -> None:
    day = datetime.timedelta(days=1)
    later = [replace(row, created_at=row.created_at + i * day) for i, row in enumerate(rows)]
    assert names(later, "newest", ORDERS["newest"].first) == "cAb"


def listed(**query: str) -> list[str]:
    app = open_page("experiments", **query)
    assert not app.exception
    return [str(address).partition("#")[2] for address in app.dataframe[0].value["name"]]


def test_the_list_stands_in_the_order_of_the_address(small_laboratory: Any) -> None:
    inorder = sorted(listed(), key=str.casefold)
    assert listed(sort="name") == inorder
    assert listed(sort="name", order="down") == inorder[::-1]
    assert listed(sort="nothing-of-ours") == listed()


def test_another_column_begins_at_its_own_end(small_laboratory: Any) -> None:
    """The largest model, but the smallest loss."""
    app = open_page("experiments", sort="parameters", order="up")
    assert address(app, "order") == "up"
    app.selectbox(key="sort").set_value("loss").run()
    assert address(app, "sort") == "loss"
    assert address(app, "order") is None
    app.selectbox(key="sort").set_value("parameters").run()
    assert app.segmented_control(key="order").value == "down"
