"""The form of `focus data new` on the Datasets page: data with their own parameters, described and added at once."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.look.markup import section
from dashboard.parts.acts import note_start
from dashboard.parts.state import entry, keep
from dashboard.views.datasets.forms import answers_given, forget_typed, form_error, left_open, request
from dashboard.views.datasets.outlook import default_name
from focus_core.data.answers import Answers, in_form
from focus_core.data.cmd import UNITS
from focus_core.data.describing import Facts, describe, fixed_of, range_of
from focus_core.errors import UserError
from focus_core.paths import expanded
from focus_core.suites import check_dataset_name
from focus_store.contracts import DatasetRow
from focus_store.settings import Settings


def describe_form(rows: list[DatasetRow]) -> None:
    st.html(section("Describe your own", "any number of parameters, with any names; the maps stay where they are"))
    maps, name = st.columns([6, 4], vertical_alignment="bottom")
    given = maps.text_input(
        "Maps file",
        **entry("describe-maps", ""),
        placeholder="/data/mine/maps.npy, .npz, .h5 or .fits",
        help="(n, N, N)",
    )
    name.text_input("Name", **entry("describe-name", ""), placeholder=default_name(given) or "what it is called here")
    table, columns = st.columns([6, 4], vertical_alignment="bottom")
    table.text_input(
        "Table of parameters",
        **entry("describe-table", ""),
        placeholder="/data/mine/params.csv, a row a simulation or a map",
    )
    columns.text_input(
        "Names of columns", **entry("describe-columns", ""), placeholder="as its header says; else Omega_m, sigma_8, …"
    )
    field, unit, redshift, box = st.columns(4, vertical_alignment="bottom")
    field.selectbox(
        "Field",
        [*UNITS],
        index=None,
        **entry("describe-field", None, str),
        placeholder="surface density",
        accept_new_options=True,
    )
    unit.text_input("Unit", **entry("describe-unit", ""), placeholder="that of the field")
    redshift.number_input("Redshift", **entry("describe-redshift", 0.0))
    box.number_input(
        "Box side [Mpc/h]", 0.0, value=None, **entry("describe-box", None, float, low=0.0), placeholder="unknown"
    )
    left_open("describe", "unknown")
    ranges, fixed, button = st.columns([4.25, 4.25, 1.5], vertical_alignment="bottom")
    ranges.text_area(
        "Ranges", **entry("describe-ranges", ""), height=80, placeholder="Omega_m = 0.1:0.5\nA_SN = 0.25:4:log",
        help="A line a parameter; the span of the data where none is given.",
    )  # fmt: skip
    fixed.text_area("Fixed", **entry("describe-fixed", ""), height=80, placeholder="Omega_b = 0.049")
    button.button(
        "Describe and add",
        type="primary",
        icon=":material/edit_note:",
        key="describe-dataset",
        width="stretch",
        on_click=_describe,
    )
    form_error("describe-error")


def _describe() -> None:
    """Reads the fields at the moment of the click, as the other forms do."""
    state = st.session_state
    maps, table = state["describe-maps"].strip(), state["describe-table"].strip()
    name = state["describe-name"].strip() or default_name(maps)
    try:
        if not maps or not table:
            raise UserError("Maps file and Table of parameters: one of them is empty; give both paths.")
        check_dataset_name(name)
        folder = Settings.from_environment().datasets / name
        describe(folder, expanded(maps), expanded(table), _facts(name))
        request(name, str(folder), None, Answers())
    except UserError as error:
        state["describe-error"] = in_form(str(error))
        return
    except OSError as error:
        where = Path(error.filename) if error.filename else Settings.from_environment().datasets
        state["describe-error"] = f"{where}: {error.strerror}; fix this, or choose another place."
        return
    state["describe-error"] = ""
    forget_typed("describe")
    keep("form", "", "")
    note_start()


def _facts(name: str) -> Facts:
    state = st.session_state
    answers = answers_given("describe")
    return Facts(
        name=name,
        field=state["describe-field"] or None,
        unit=state["describe-unit"].strip() or None,
        redshift=float(state["describe-redshift"]),
        box_size=answers.box_size,
        slab_depth=answers.slab_depth,
        stored_as=answers.stored_as,
        independent_realisations=bool(answers.independent_realisations),
        names=tuple(part.strip() for part in state["describe-columns"].split(",") if part.strip()),
        ranges=dict(range_of(line) for line in _lines(state["describe-ranges"])),
        fixed=dict(fixed_of(line) for line in _lines(state["describe-fixed"])),
    )


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
