"""Datasets: what a model can be trained on, how it covers θ, its maps and spectra, and which runs use it."""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboard.look.texts import plain
from dashboard.parts.acts import note_start
from dashboard.parts.frame import page_head, warn_without_workers
from dashboard.parts.problems import show_user_error
from dashboard.parts.state import keep
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.views.datasets.describing import describe_form
from dashboard.views.datasets.detail import detail, forget_choices
from dashboard.views.datasets.forms import add_form, simulate_form
from dashboard.views.datasets.jobs import jobs
from dashboard.views.datasets.outlook import provenance_words
from dashboard.views.datasets.removal import removal_said
from focus_core.errors import UserError
from focus_core.suites import suite_maps
from focus_store.contracts import JOB_UNDER_WAY, DatasetRow

FORMS = {"add": add_form, "describe": describe_form, "simulate": simulate_form}


def page() -> None:
    rows = queries.datasets()
    chosen = _chosen(rows)
    note = f'<span class="focus-note">{escape(provenance_words(chosen))}</span>' if chosen else ""
    with page_head(chosen.name if chosen else "Datasets", note, "datasets-head"):
        _opener("Add by path", ":material/folder_open:", "add")
        _opener("Describe your own", ":material/edit_note:", "describe")
        _opener("New suite", ":material/grain:", "simulate", primary=True)
    warn_without_workers()
    removal_said()
    asked = st.query_params.get("dataset")
    if asked and all(row.name != asked for row in rows):
        show_user_error(UserError(f"dataset {asked}: is not in this record; it has {_listed(rows)}."))
    form = FORMS.get(st.query_params.get("form", ""))
    if form is not None:
        form(rows)
    jobs()
    if chosen is None:
        _empty()
        return
    _choice(rows, chosen)
    try:
        detail(record().datasets.get(chosen.name))
    except UserError as error:
        show_user_error(error)


def _listed(rows: list[DatasetRow]) -> str:
    return ", ".join(row.name for row in rows) or "none yet"


def _opener(label: str, icon: str, form: str, *, primary: bool = False) -> None:
    """A button that opens its form, or closes it when it is open."""
    is_open = st.query_params.get("form") == form
    kind = "primary" if primary else "secondary"
    after = ("form", "" if is_open else form, "")
    st.button(label, icon=icon, key=f"open-{form}", type=kind, on_click=keep, args=after)  # type: ignore[arg-type]


def _chosen(rows: list[DatasetRow]) -> DatasetRow | None:
    """The dataset of the address, or the one checked last."""
    by_name = {row.name: row for row in rows}
    asked = st.query_params.get("dataset", "")
    if asked in by_name:
        return by_name[asked]
    checked = sorted((row for row in rows if row.checked_at), key=lambda row: str(row.checked_at), reverse=True)
    return next(iter([*checked, *rows]), None)


def _choice(rows: list[DatasetRow], chosen: DatasetRow) -> None:
    """One dataset is shown at a time; if there is only one, there is nothing to choose."""
    if len(rows) < 2:
        return
    names = [row.name for row in rows]
    if st.session_state.get("dataset-choice") != chosen.name:
        st.session_state["dataset-choice"] = chosen.name

    def follow_choice() -> None:
        if st.session_state["dataset-choice"]:
            forget_choices()
            st.query_params["dataset"] = st.session_state["dataset-choice"]

    common = {"key": "dataset-choice", "label_visibility": "collapsed", "on_change": follow_choice}
    if len(names) <= 5:
        st.segmented_control("Dataset", names, format_func=plain, required=True, **common)  # type: ignore[call-overload]
    else:
        st.selectbox("Dataset", names, **common)  # type: ignore[call-overload]


def _empty() -> None:
    """The first action, unless it is under way."""
    if any(job.status in JOB_UNDER_WAY for job in record().datasets.jobs()):
        return
    suite = record().settings.quick_suite
    simulations, grid = suite["simulations"], suite["grid"]
    st.html(
        '<div class="focus-empty" data-testid="empty"><b>No datasets yet</b><p>The quick suite is '
        f"{simulations} particle-mesh simulations of {grid}³ particles with "
        f"{suite_maps(simulations, grid, suite['box'])} maps, made here in a few minutes. Files of "
        "CAMELS or of your own are added by their path.</p></div>"
    )
    with st.container(horizontal=True, horizontal_alignment="center"):
        if st.button("Simulate the quick suite", type="primary", icon=":material/grain:", key="simulate-quick"):
            try:
                record().jobs.request_simulation(suite)
            except UserError as error:
                show_user_error(error)
            else:
                note_start()
                st.rerun()
