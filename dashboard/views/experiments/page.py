"""Experiments: running, queued and finished. Live, filtered in the URL."""

from __future__ import annotations

import hashlib

import streamlit as st

from dashboard.look.markup import Readout, progress, readouts
from dashboard.look.texts import plain, sentence, shortened, told_apart_when_cut
from dashboard.look.words import DASH, NOTHING, Amount, duration, estimated_from, with_error
from dashboard.measured.timing import job_words
from dashboard.parts.acts import note_start
from dashboard.parts.deletion import LIST, deletion_said
from dashboard.parts.frame import page_head, warn_without_workers
from dashboard.parts.problems import show_user_error
from dashboard.parts.state import among, choice, entry, follow, keep
from dashboard.record import queries
from dashboard.record.actions import queue_recipe
from dashboard.record.connection import record
from dashboard.views.experiments.column import ASCENDING, DESCENDING, DIRECTIONS
from dashboard.views.experiments.columns import (
    FILTERS,
    NEWEST,
    ORDERS,
    filter_words,
    filtered,
    list_row,
    looks,
    ordered,
    to_csv,
)
from dashboard.views.experiments.selection import MARKED, selection_bar
from focus_core.errors import UserError
from focus_store.contracts import ACTIVE, ExperimentSummary, JobStatus, Status

GROUPS: dict[str, frozenset[Status] | None] = {
    "All": None,
    "Running": ACTIVE,
    "Queued": frozenset({Status.QUEUED}),
    "Done": frozenset({Status.SUCCEEDED}),
    "Failed": frozenset({Status.FAILED, Status.CRASHED}),
    "Resting": frozenset({Status.PAUSED, Status.CANCELLED, Status.DRAFT}),
}
ARCHIVED = "Archived"
REFRESH_SECONDS = 3.0
_HEADINGS, _HEADING_PRESSED = "headings-pressed", "heading-was-pressed"
NAME_LENGTH = 30  # what fits into the column of names


def page() -> None:
    with page_head("Experiments"):
        if st.button("New experiment", icon=":material/add:", type="primary", key="new-experiment"):
            follow("new")
    warn_without_workers()
    deletion_said(LIST)
    _live_top()
    if not (queries.summaries(None, None, None, None) or queries.summaries(None, None, None, None, archived=True)):
        _empty()
        return
    _filters()
    _live_table()


@st.fragment(run_every=REFRESH_SECONDS)
def _live_top() -> None:
    """The suite that is being simulated, and the numbers of the whole laboratory."""
    _simulations()
    rows = queries.summaries(None, None, None, None)
    had_rows = st.session_state.setdefault("had_experiments", bool(rows))
    if rows and not had_rows:  # the launcher queued the first experiment while the empty page was open
        st.session_state.had_experiments = True
        st.rerun()
    if rows:
        st.html(readouts(_numbers(rows)))


def _simulations() -> None:
    for job in queries.active_simulations():
        done = job.done / job.total if job.total else 0.0
        st.html(f'<div data-testid="simulation">{job_words(job)}</div>' + progress(done, f"Simulating {job.title}"))
    failed = [job for job in record().jobs.every()[:1] if job.status is JobStatus.FAILED]
    for job in failed:
        st.error(f"{plain(job.title)} failed: {sentence(job.message or 'the log says why')}", icon=":material/error:")


def _numbers(rows: list[ExperimentSummary]) -> list[Readout]:
    by_status = {status: [row for row in rows if row.status is status] for status in Status}
    running = [row for row in rows if row.status in ACTIVE]
    failed = by_status[Status.FAILED] + by_status[Status.CRASHED]
    queued, done = by_status[Status.QUEUED], by_status[Status.SUCCEEDED]
    resting = [f"{len(by_status[s])} {s.value}" for s in (Status.STALLED, Status.PAUSED) if by_status[s]]
    measured = [row for row in rows if row.power_error is not None]
    best = min(measured, key=lambda row: row.power_error or 0.0, default=None)
    hours = sum(row.seconds_trained for row in rows)
    return [
        Readout("Running", str(len(running)), ", ".join(resting)),
        Readout("Queued", str(len(queued)), _short(queued[-1]) if queued else ""),
        Readout("Failed", str(len(failed)), _short(failed[0]) if failed else ""),
        Readout("Done", str(len(done)), f"of {len(rows)}"),
        Readout("Training time", duration(hours) if hours else Amount(DASH), "all experiments"),
        Readout(
            # Not "best": each is of its own few maps, and often of other simulations.
            "Lowest <i>P</i>(<i>k</i>) error",
            with_error(best.power_error, best.power_uncertainty) if best else NOTHING,
            f"{_short(best)}, {estimated_from(best.power_maps, best.power_simulations)}" if best else "",
        ),
    ]


def _short(row: ExperimentSummary) -> str:
    """Two lines on a phone: names of one series differ at their ends, which must not be cut."""
    return shortened(row.name, NAME_LENGTH)


def _filters() -> None:
    widths = [1.7, 4.2, *(1.4 for _ in FILTERS), 2.4]
    search, status, *chosen, order = st.columns(widths, vertical_alignment="bottom")
    search.text_input(
        "Search",
        **entry("text", ""),
        placeholder="Name, recipe or note",
        icon=":material/search:",
        label_visibility="collapsed",
    )
    status.segmented_control(
        "Status",
        **among("status", (*GROUPS, ARCHIVED), "All"),
        required=True,
        label_visibility="collapsed",
    )
    rows = queries.summaries(None, None, None, None)
    for column, place in zip(FILTERS, chosen, strict=True):
        place.selectbox(
            column.title,
            **among(column.key, filter_words(column, rows)),
            index=None,
            placeholder=f"All: {column.title.lower()}",
            label_visibility="collapsed",
        )
    with order:
        _order()


def _order() -> None:
    """By these controls, or by a heading of the table (`_hear`)."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="order-controls"):
        titles = {key: order.title for key, order in ORDERS.items()}
        st.selectbox(
            "Sort by", **choice("sort", titles, NEWEST), required=True, label_visibility="collapsed",
            on_change=_first_direction, width="stretch",
        )  # fmt: skip
        first = ORDERS[st.session_state["sort"]].first
        st.segmented_control(
            "Direction", **choice("order", DIRECTIONS, first), required=True, label_visibility="collapsed",
        )  # fmt: skip


def _first_direction() -> None:
    st.session_state["order"] = ORDERS[st.session_state["sort"] or NEWEST].first


def _order_by(heading: str) -> None:
    """Order by the heading; in the reverse direction if it was already in use."""
    state = st.session_state
    if heading not in ORDERS:
        return
    if state["sort"] != heading:
        state["sort"] = heading
        _first_direction()
    else:
        state["order"] = ASCENDING if state["order"] == DESCENDING else DESCENDING


@st.fragment(run_every=REFRESH_SECONDS)
def _live_table() -> None:
    wanted = st.session_state
    if wanted.pop(_HEADING_PRESSED, False):
        st.rerun()  # the controls of the order are outside this fragment
    word = wanted.get("status") or "All"
    archived = word == ARCHIVED
    text, filters = wanted.get("text"), {column.key: wanted.get(column.key) for column in FILTERS}
    try:
        rows = queries.summaries(GROUPS.get(word), text, filters["tag"], filters["dataset"], archived=archived)
        rows = ordered(filtered(rows, filters), wanted["sort"], wanted["order"])
    except UserError as error:
        show_user_error(error)
        return
    if not rows:
        anything = not any((text, *filters.values()))
        said = "Nothing is archived." if archived and anything else "No experiment matches these filters."
        st.html(f'<div class="focus-empty"><p>{said}</p></div>')
        return
    chosen = _table(rows)
    everything = len(queries.summaries(None, None, None, None, archived=archived))
    selection_bar(chosen, f"{len(rows)} of {everything}", archived=archived)
    st.download_button(
        "CSV", lambda: to_csv(rows).encode(), "experiments.csv", "text/csv", icon=":material/download:", key="list-csv",
        help="These experiments in this order, every column with its unit", on_click="ignore",
    )  # fmt: skip


def _table(rows: list[ExperimentSummary]) -> list[ExperimentSummary]:
    """The table, and the experiments marked in it.

    Streamlit represents a selection as row numbers. Rows move when an experiment is added, so every order has its own
    widget, which starts with the marks of the previous one. If columns can be chosen, the table itself does not sort,
    since it would not report it: a clicked heading is a chosen column.
    """
    ids = [row.id for row in rows]
    state = st.session_state
    as_shown = ",".join([*ids, state["sort"], state["order"], str(state.get(_HEADINGS, 0))])
    key = "experiments-" + hashlib.sha256(as_shown.encode()).hexdigest()[:12]
    marked = set(st.query_params.get(MARKED, "").split(","))
    labels = told_apart_when_cut((row.name for row in rows), NAME_LENGTH)
    shown = [list_row(row, label) for row, label in zip(rows, labels, strict=True)]
    st.dataframe(
        {name: [row[name] for row in shown] for name in shown[0]},
        column_config=looks(state["sort"], state["order"]),
        hide_index=True,
        row_height=44,
        height="content",
        placeholder=DASH,
        key=key,
        on_select=lambda: _hear(key, ids),
        selection_mode=["multi-row", "single-column"],
        selection_default={"selection": {"rows": [i for i, one in enumerate(ids) if one in marked]}},
        alt="Table of experiments: map, name, status, progress, time left, validation loss, P(k) error, evaluation and "
        "size",
    )
    return [row for row in rows if row.id in marked]


def _hear(key: str, ids: list[str]) -> None:
    """A heading, or marks. The table that follows a heading starts anew, with no column chosen."""
    state, chosen = st.session_state, st.session_state[key]["selection"]
    if chosen["columns"]:
        _order_by(chosen["columns"][0])
        state[_HEADINGS] = state.get(_HEADINGS, 0) + 1
        state[_HEADING_PRESSED] = True
        return
    rows = chosen["rows"]
    keep(MARKED, ",".join(ids[i] for i in rows if i < len(ids)), "")


def _empty() -> None:
    st.html(
        '<div class="focus-empty" data-testid="empty"><b>No experiments yet</b>'
        "<p>The quickstart trains a small model on 64² maps in a few minutes, on this machine’s processor if there is "
        "no GPU.</p></div>"
    )
    with st.container(horizontal=True, horizontal_alignment="center"):
        start = st.button("Start the quickstart", type="primary", icon=":material/play_arrow:", key="start-quickstart")
        if st.button("Choose a recipe", icon=":material/tune:", key="choose-recipe"):
            follow("new")
    if start:
        try:
            started = queue_recipe("quickstart")
        except UserError as error:
            show_user_error(error)
        else:
            note_start()
            follow("experiment", id=started)
