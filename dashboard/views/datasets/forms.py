"""Forms of the Datasets page: add existing data by path, or simulate a new suite.

The address holds what was typed until the form is sent, so that a reload shows it again.
"""

from __future__ import annotations

from html import escape
from typing import get_args

import streamlit as st

from dashboard.look.markup import readouts, section
from dashboard.parts.acts import note_start
from dashboard.parts.state import among, dataset_link, entry, keep
from dashboard.record.connection import record
from dashboard.views.datasets.outlook import check_at_once, default_name, free_name, seconds_a_cell, suite_readouts
from focus_core.catalogue.job_kinds.simulation import SIMULATION
from focus_core.data.answers import Answers, in_form
from focus_core.errors import UserError
from focus_core.parameters import SPACES
from focus_core.schema.fields import StoredAs
from focus_core.suites import PLAIN_SUITE
from focus_store.contracts import DatasetRow
from focus_store.record.dataset_identity import KnownDataset
from focus_store.settings import Settings

GRIDS = (32, 64, 128, 256, 512)


def forget_typed(form: str) -> None:
    """The form is empty next time; for a callback."""
    for key in list(st.query_params):
        if key.startswith(f"{form}-"):
            del st.query_params[key]
            st.session_state.pop(key, None)


def add_form(rows: list[DatasetRow]) -> None:
    st.html(section("Add by path", "read in place: nothing is copied or moved"))
    path, name, button = st.columns([6, 2.5, 1.5], vertical_alignment="bottom")
    given = path.text_input(
        "Path", **entry("add-path", ""), placeholder="/data/my-suite, or /data/CAMELS/Maps_Mcdm_….npy"
    )
    name.text_input("Name", **entry("add-name", ""), placeholder=default_name(given) or "as the folder is called")
    params, space, box = st.columns([5, 2.5, 2.5], vertical_alignment="bottom")
    params.text_input(
        "Parameters file",
        **entry("add-params", ""),
        placeholder="found by name beside CAMELS files; for other maps, its path",
    )
    space.selectbox("Parameter space", **among("add-space", SPACES), index=None, placeholder="as the files say")
    box.number_input(
        "Box side [Mpc/h]", 0.0, value=None, **entry("add-box", None, float, low=0.0), placeholder="as the files say"
    )
    left_open("add")
    button.button(
        "Check and add",
        type="primary",
        icon=":material/playlist_add_check:",
        key="add-dataset",
        width="stretch",
        on_click=_add,
    )
    form_error("add-error", st.session_state.get("add-known", ""))


def _add() -> None:
    """Check at once what can be checked at once; the rest is a job.

    The fields are read here: the values drawn with the button are older than a last field that was left by the click.
    """
    state = st.session_state
    path, params = state["add-path"].strip(), state["add-params"] or None
    try:
        if not path:
            raise UserError("path: is empty; give the path of a dataset folder or of a maps file.")
        answers = answers_given("add", state["add-space"])
        check_at_once(Settings.from_environment(), path, params, answers)
        request(state["add-name"] or default_name(path), path, params, answers)
    except UserError as error:
        state["add-error"] = in_form(str(error))
        state["add-known"] = error.name if isinstance(error, KnownDataset) else ""
        return
    state["add-error"] = ""
    forget_typed("add")
    keep("form", "", "")
    note_start()


def left_open(form: str, unsaid: str = "as the files say") -> None:
    """Fields for what files may leave open; their keys begin with the form's name."""
    depth, stored, independent = st.columns([2.5, 2.5, 5], vertical_alignment="bottom")
    depth.number_input(
        "Slab depth [Mpc/h]", 0.0, value=None, **entry(f"{form}-depth", None, float, low=0.0), placeholder=unsaid,
        help="What a map is summed over. CAMELS in 25 Mpc/h: 5.",
    )  # fmt: skip
    stored.selectbox(
        "Stored as", **among(f"{form}-stored-as", get_args(StoredAs)), index=None, placeholder="the field itself",
        help="The file holds log10 of the field, or its overdensity δ or 1 + δ.",
    )  # fmt: skip
    independent.toggle(
        "Independent realisations", **entry(f"{form}-independent", False),
        help="Rows of one θ are boxes of other initial phases, which a split may part. Else they are taken as maps of "
        "one simulation, which stay together.",
    )  # fmt: skip


def answers_given(form: str, space: str | None = None) -> Answers:
    """The present content of the form's fields."""
    state = st.session_state
    return Answers(
        space,
        state[f"{form}-box"] or None,
        state[f"{form}-depth"] or None,
        state[f"{form}-stored-as"],
        True if state[f"{form}-independent"] else None,
    )


def request(name: str, path: str, params: str | None, answers: Answers) -> None:
    record().datasets.request(
        name,
        path,
        params=params,
        space=answers.space,
        box=answers.box_size,
        depth=answers.slab_depth,
        stored_as=answers.stored_as,
        independent=answers.independent_realisations,
    )


def simulate_form(rows: list[DatasetRow]) -> None:
    st.html(section("New suite", "particle-mesh simulations over a Sobol sequence of the prior"))
    plain = PLAIN_SUITE
    name, simulations, realisations, seed = st.columns([3, 2, 2, 2], vertical_alignment="bottom")
    name.text_input("Name", **entry("suite-name", ""), placeholder="pm-128")
    n = simulations.number_input(
        "Simulations", step=1, **entry("suite-simulations", plain["simulations"]), help="Points in θ."
    )
    each = realisations.number_input(
        "Realisations",
        step=1,
        **entry("suite-realisations", plain["realisations"]),
        help="Initial phases at each point.",
    )
    seed.number_input("Seed", step=1, **entry("suite-seed", plain["seed"]), help="Of the design and of the phases.")
    grid, box, space, button = st.columns([3, 2, 2, 2], vertical_alignment="bottom")
    cells = grid.segmented_control(
        "Cells per side", **among("suite-grid", map(str, GRIDS), str(plain["grid"])), required=True
    )
    side = box.number_input("Box side [Mpc/h]", **entry("suite-box", plain["box"]))
    space.selectbox("Parameter space", **among("suite-space", SPACES, next(iter(SPACES))))
    button.button(
        "Simulate",
        type="primary",
        icon=":material/play_arrow:",
        key="simulate",
        width="stretch",
        on_click=_simulate,
        args=(rows,),
    )
    measured = seconds_a_cell(record().datasets.jobs((SIMULATION.name,)))
    if min(n, each) >= 1 and side > 0.0:  # otherwise the button's answer explains what is wrong
        st.html(readouts(suite_readouts(int(n) * int(each), int(cells), float(side), measured), "suite-estimate"))
    form_error("simulate-error")


def _simulate(rows: list[DatasetRow]) -> None:
    """Reads the fields at the moment of the click, as `_add` does."""
    state = st.session_state
    name = state["suite-name"].strip()
    whole = {key: int(state[f"suite-{key}"]) for key in ("simulations", "realisations", "seed", "grid")}
    try:
        free_name(name, rows)
        record().jobs.request_simulation(
            {"name": name, **whole, "box": float(state["suite-box"]), "space": state["suite-space"]}
        )
    except UserError as error:
        state["simulate-error"] = str(error)
        return
    state["simulate-error"] = ""
    forget_typed("suite")
    keep("form", "", "")
    note_start()


def form_error(key: str, known: str = "") -> None:
    """The error message, with a link to the dataset that it names."""
    said = st.session_state.get(key)
    if said:
        link = f' <a href="{dataset_link(known)}" target="_self">Show {escape(known)}</a>' if known else ""
        st.html(f'<div class="focus-warn" role="alert" data-testid="{key}">△ {escape(said)}{link}</div>')
