"""Choices that the address names by short keys, whatever their words are."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from buttons_of_pages import SOURCES
from page_alone import address, open_page
from streamlit.testing.v1 import AppTest

CHOICES = {
    "power-kind": ("experiment", "*k*²*P*(*k*)/2π", "k2pk"),
    "compare-power-kind": ("compare", "*k*²*P*(*k*)/2π", "k2pk"),
    "loss-axis": ("compare", "wall time", "time"),
}


@pytest.mark.parametrize("name", CHOICES)
def test_an_address_with_the_words_of_a_choice_still_opens_and_is_told_shorter(
    name: str, small_laboratory: Any
) -> None:
    page, words, key = CHOICES[name]
    query = {"id": small_laboratory.finished} if page == "experiment" else {"ids": small_laboratory.finished}
    app = open_page(page, **query, **{name: words})
    assert app.segmented_control(key=name).value == key
    assert address(app, name) == key


def test_a_map_that_is_enlarged_is_found_by_its_words_too(small_laboratory: Any) -> None:
    app = open_page("experiment", id=small_laboratory.finished, enlarged="Row 1, generated 2")
    assert app.selectbox(key="enlarged").value == "1-2"
    assert address(app, "enlarged") == "1-2"


def test_a_choice_that_there_is_not_is_the_default_and_leaves_the_address(small_laboratory: Any) -> None:
    app = open_page("experiment", id=small_laboratory.finished, **{"power-kind": "neither"})
    assert app.segmented_control(key="power-kind").value == "pk"
    assert address(app, "power-kind") is None


@pytest.mark.parametrize(
    ("page", "name", "words", "key"),
    [
        ("experiment", "maps-kind", "Difference", "difference"),
        ("sample", "weights", "raw", "raw"),
        ("sample", "sampler", "Heun", "heun"),
    ],
)
def test_what_a_control_is_called_stays_out_of_the_address(
    page: str, name: str, words: str, key: str, small_laboratory: Any
) -> None:
    whose = {"id" if page == "experiment" else "model": small_laboratory.finished}
    app = open_page(page, **whose, **{name: words})
    assert not app.exception
    assert address(app, name) == key


def test_a_tab_is_open_by_its_key_and_by_its_words(small_laboratory: Any) -> None:
    for asked in ("notes", "Notes"):
        app = open_page("experiment", id=small_laboratory.finished, tab=asked)
        assert not app.exception
        assert address(app, "tab") == "notes"
    app = open_page("experiment", id=small_laboratory.finished, tab="nothing of ours")
    assert address(app, "tab") is None


def test_the_request_whose_maps_are_shown_is_the_one_that_is_chosen_among_the_earlier_ones(
    small_laboratory: Any,
) -> None:
    app = open_page("sample", model=small_laboratory.finished, sample=small_laboratory.sample)
    assert app.selectbox(key="recall").value == small_laboratory.sample


@pytest.mark.parametrize(("page", "slider"), [("experiment", "epoch"), ("compare", "compare-epoch")])
def test_an_epoch_comes_back_into_an_address_that_a_live_part_has_brought_from_before(
    page: str, slider: str, small_laboratory: Any
) -> None:
    whose = {"id" if page == "experiment" else "ids": small_laboratory.finished}
    app = open_page(page, **whose)
    app.select_slider(key=slider).set_value(2).run()
    assert address(app, "epoch") == "2"
    del app.query_params["epoch"]
    app.run()
    assert app.select_slider(key=slider).value == 2
    assert address(app, "epoch") == "2"


def test_no_two_switches_of_a_page_have_an_option_of_one_name(small_laboratory: Any, pair: tuple[str, str]) -> None:
    """Two switches side by side both said P(k)."""
    for page, query in {
        "experiment": {"id": small_laboratory.finished},
        "compare": {"ids": ",".join(pair)},
        "sample": {"model": small_laboratory.finished, "sample": small_laboratory.sample},
    }.items():
        app = open_page(page, **query)
        words = [option.content for group in app.get("button_group") for option in group.proto.options]
        assert len(words) > 1
        assert sorted(words) == sorted(set(words)), f"{page}: {words}"


def test_no_widget_writes_the_address_by_itself() -> None:
    """Streamlit's `bind` has the browser write it too, and what the server tells meanwhile is without that."""
    calls = [node for file in SOURCES.rglob("*.py") for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    named = [word.arg for node in calls if isinstance(node, ast.Call) for word in node.keywords]
    assert "bind" not in named


ENTRIES = [
    ("sample", "number_input", "n", "12", 12),
    ("sample", "number_input", "steps", "20", 20),
    ("sample", "slider", "guidance", "1.5", 1.5),
    ("sample", "slider", "Omega_m", "0.4", 0.4),
    ("experiment", "toggle", "loss-table", "true", True),
    ("experiments", "text_input", "text", "one two", "one two"),
]


@pytest.mark.parametrize(("page", "widget", "name", "asked", "value"), ENTRIES)
def test_a_field_stands_as_the_address_says_and_the_address_as_the_field(
    page: str, widget: str, name: str, asked: str, value: object, small_laboratory: Any
) -> None:
    whose = {"experiment": {"id": small_laboratory.finished}, "sample": {"model": small_laboratory.finished}}
    app = open_page(page, **whose.get(page, {}), **{name: asked})
    field = getattr(app, widget)(key=name)
    assert field.value == value
    assert address(app, name) == asked
    plain = open_page(page, **whose.get(page, {}))
    default = getattr(plain, widget)(key=name).value
    assert address(plain, name) is None
    field.set_value(default).run()
    assert address(app, name) is None


@pytest.mark.parametrize(
    ("name", "asked"),
    [("n", "many"), ("n", "1.5"), ("n", "9" * 400), ("Omega_m", "nan"), ("Omega_m", "7"), ("guidance", "-1")],
)
def test_what_cannot_stand_in_a_field_is_not_taken_from_the_address(
    name: str, asked: str, small_laboratory: Any
) -> None:
    app = open_page("sample", model=small_laboratory.finished, **{name: asked})
    plain = open_page("sample", model=small_laboratory.finished)
    assert not app.exception
    widget = "number_input" if name == "n" else "slider"
    assert getattr(app, widget)(key=name).value == getattr(plain, widget)(key=name).value
    assert address(app, name) is None


def test_a_slider_whose_ends_change_stays_where_it_stood() -> None:
    """The slider of a parameter, when a model of another prior is chosen."""

    def page() -> None:
        import streamlit as st

        from dashboard.parts.state import entry

        low, high = (0.0, 2.0) if st.toggle("wide", key="wide") else (0.1, 0.5)
        st.slider("x", low, high, step=0.1, **entry("x", 0.3, low=low, high=high))

    app = AppTest.from_function(page).run()
    app.slider(key="x").set_value(0.4).run()
    app.toggle(key="wide").set_value(True).run()
    assert (app.slider(key="x").value, address(app, "x")) == (0.4, "0.4")
    app.slider(key="x").set_value(1.5).run()
    app.toggle(key="wide").set_value(False).run()
    assert (app.slider(key="x").value, address(app, "x")) == (0.3, None), "1.5 is beyond its ends"


def test_a_choice_that_another_kind_of_widget_draws_stays_as_it_was() -> None:
    """Checkpoints: two buttons, or a list where the next model has kept more."""

    def page() -> None:
        import streamlit as st

        from dashboard.parts.state import among

        many = st.toggle("many", key="many")
        options = among("role", ("best", "last", *("1", "2")[: 2 * many]), "best", many)
        if many:
            st.selectbox("Role", **options)
        else:
            st.segmented_control("Role", **options)

    app = AppTest.from_function(page).run()
    app.segmented_control(key="role").set_value("last").run()
    app.toggle(key="many").set_value(True).run()
    assert (app.selectbox(key="role").value, address(app, "role")) == ("last", "last")
    app.toggle(key="many").set_value(False).run()
    assert (app.segmented_control(key="role").value, address(app, "role")) == ("last", "last")
