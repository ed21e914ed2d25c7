"""Columns of the list of experiments: each shows, sorts with what has no value last, filters, and is exported."""

from __future__ import annotations

import csv
import datetime
from dataclasses import replace
from typing import Any

import pytest
from page_alone import address, open_page

from dashboard.views.experiments.column import ASCENDING, DESCENDING
from dashboard.views.experiments.columns import (
    COLUMNS,
    ORDERS,
    SHOWN,
    filter_words,
    filtered,
    list_row,
    looks,
    ordered,
    to_csv,
)
from focus_store.contracts import ExperimentSummary, Status


@pytest.fixture
def rows(small_laboratory: Any) -> list[ExperimentSummary]:
    """Three runs of one day, "b", "A" and "c", of which the last has measured nothing."""
    one = small_laboratory.record.experiments.get(small_laboratory.finished).summary
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


def test_the_heading_of_the_column_that_the_list_is_ordered_by_has_its_arrow() -> None:
    for column in (column for column in SHOWN if column.order is not None):
        told = looks(column.key, DESCENDING)
        assert [key for key in told if "↓" in told[key]["label"]] == [column.key]
    assert not any("↑" in look["label"] for look in looks("newest", ASCENDING).values()), "no heading has it"


def test_every_shown_column_has_its_cells_and_its_look(rows: list[ExperimentSummary]) -> None:
    keys = [column.key for column in SHOWN]
    assert list(list_row(rows[0], "b")) == keys
    assert list(looks("loss", DESCENDING)) == keys
    assert len({column.key for column in COLUMNS}) == len(COLUMNS)


def test_a_filter_keeps_the_rows_that_have_the_word(rows: list[ExperimentSummary]) -> None:
    tagged = [replace(rows[0], tags=("paper", "night")), replace(rows[1], tags=("night",)), replace(rows[2], tags=())]
    by_tag = next(column for column in COLUMNS if column.key == "tag")
    assert filter_words(by_tag, tagged) == ["night", "paper"]
    assert [row.id for row in filtered(tagged, {"tag": "night", "dataset": None})] == ["1", "2"]
    assert filtered(tagged, {"tag": "paper", "dataset": "another"}) == []


def test_the_csv_has_the_rows_in_their_order_and_every_number_with_its_unit(rows: list[ExperimentSummary]) -> None:
    head, first, *_ = csv.reader(to_csv(ordered(rows, "name", ASCENDING)).splitlines())
    line = dict(zip(head, first, strict=True))
    assert (line["id"], line["Name"]) == ("2", "A")
    assert float(line["Best loss"]) == 0.1
    assert line["P(k) error, estimate"] == "", "a number that is none is an empty field"
    assert float(line["Time [s]"]) == pytest.approx(rows[1].seconds_trained)
    assert datetime.datetime.fromisoformat(line["Created"]) == rows[1].created_at.replace(microsecond=0)


def test_the_list_offers_what_it_shows_as_a_file(small_laboratory: Any) -> None:
    app = open_page("experiments", sort="name")
    assert [button.proto.label for button in app.get("download_button")] == ["CSV"]
