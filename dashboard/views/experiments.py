"""Experiments: what runs, what waits, what came out. Live, filtered in the URL."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import streamlit as st

from dashboard import queries
from dashboard.actions import queue_recipe
from dashboard.acts import note_start
from dashboard.frame import page_head, warn_without_workers
from dashboard.list_order import DIRECTIONS, NEWEST, ORDERS, ordered
from dashboard.markup import Readout, progress, readouts
from dashboard.problems import show_user_error
from dashboard.record import record
from dashboard.routes import artifact_url
from dashboard.state import choice, follow, keep
from dashboard.texts import plain, sentence, told_apart_when_cut
from dashboard.theme import STATUS_LOOK
from dashboard.timing import experiment_seconds_left, job_words
from dashboard.views.deletion import LIST, deletion_said
from dashboard.views.experiments_selection import MARKED, selection_bar
from dashboard.words import DASH, NOTHING, Amount, duration, number, of_maps, short_count, with_error
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
NAME_LENGTH = 30  # what the column of names has room for


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
    if rows and not had_rows:  # the launcher queued the first experiment while the empty page stood open
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
        Readout("Queued", str(len(queued)), queued[-1].name if queued else ""),
        Readout("Failed", str(len(failed)), failed[0].name if failed else ""),
        Readout("Done", str(len(done)), f"of {len(rows)}"),
        Readout("Training time", duration(hours) if hours else Amount(DASH), "all experiments"),
        Readout(
            # Not "best": each is of its own few maps, and often of other simulations.
            "Lowest <i>P</i>(<i>k</i>) error",
            with_error(best.power_error, best.power_uncertainty) if best else NOTHING,
            f"{best.name}, {of_maps(best.power_maps, best.power_simulations)}" if best else "",
        ),
    ]


def _filters() -> None:
    search, status, tags, data, order = st.columns([1.7, 4.2, 1.3, 1.5, 2.4], vertical_alignment="bottom")
    search.text_input(
        "Search",
        key="text",
        placeholder="Name, recipe or note",
        icon=":material/search:",
        label_visibility="collapsed",
        bind="query-params",
    )
    status.segmented_control(
        "Status",
        [*GROUPS, ARCHIVED],
        key="status",
        default="All",
        required=True,
        label_visibility="collapsed",
        bind="query-params",
    )
    rows = queries.summaries(None, None, None, None)
    known_tags = sorted({tag for row in rows for tag in row.tags})
    known_data = sorted({row.dataset for row in rows})
    tags.selectbox(
        "Tag",
        known_tags,
        index=None,
        key="tag",
        placeholder="All tags",
        label_visibility="collapsed",
        bind="query-params",
    )
    data.selectbox(
        "Dataset",
        known_data,
        index=None,
        key="dataset",
        placeholder="All datasets",
        label_visibility="collapsed",
        bind="query-params",
    )
    with order:
        _order()


def _order() -> None:
    """The table's own headings sort what a browser shows of it, and tell nobody."""
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


@st.fragment(run_every=REFRESH_SECONDS)
def _live_table() -> None:
    wanted = st.session_state
    word = wanted.get("status") or "All"
    archived = word == ARCHIVED
    filters = (wanted.get("text"), wanted.get("tag"), wanted.get("dataset"))
    try:
        rows = queries.summaries(GROUPS.get(word), *filters, archived=archived)
        rows = ordered(rows, wanted["sort"], wanted["order"])
    except UserError as error:
        show_user_error(error)
        return
    if not rows:
        said = "Nothing is archived." if archived and not any(filters) else "No experiment matches these filters."
        st.html(f'<div class="focus-empty"><p>{said}</p></div>')
        return
    chosen = _table(rows)
    everything = len(queries.summaries(None, None, None, None, archived=archived))
    selection_bar(chosen, f"{len(rows)} of {everything}", archived=archived)


def _table(rows: list[ExperimentSummary]) -> list[ExperimentSummary]:
    """The table, and the experiments marked in it.

    A selection is row numbers to Streamlit. Rows move when an experiment is added, so every order has a widget of its
    own, which begins with the marks of the one before.
    """
    ids = [row.id for row in rows]
    key = "experiments-" + hashlib.sha256(",".join(ids).encode()).hexdigest()[:12]
    marked = set(st.query_params.get(MARKED, "").split(","))
    labels = told_apart_when_cut((row.name for row in rows), NAME_LENGTH)
    shown = [list_row(row, label) for row, label in zip(rows, labels, strict=True)]
    st.dataframe(
        {name: [row[name] for row in shown] for name in shown[0]},
        column_config=_columns(),
        hide_index=True,
        row_height=44,
        height="content",
        placeholder=DASH,
        key=key,
        on_select=lambda: _mark(key, ids),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [i for i, one in enumerate(ids) if one in marked]}},
        alt="Table of experiments: map, name, status, progress, time left, validation loss, P(k) error and size",
    )
    return [row for row in rows if row.id in marked]


def _mark(key: str, ids: list[str]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    keep(MARKED, ",".join(ids[i] for i in rows if i < len(ids)), "")


def list_row(row: ExperimentSummary, label: str) -> dict[str, Any]:
    look = STATUS_LOOK[row.status]
    left = experiment_seconds_left(row)
    # The map moves on with every epoch and its name is its hash: the address is all the table carries.
    return {
        "map": artifact_url(row.thumbnail) if row.thumbnail else None,
        "name": f"/experiment?id={row.id}#{quote(label)}",
        "status": [f"{look.glyph} {look.word}"],
        "progress": row.progress or None,
        "left": str(duration(left)) if left is not None else None,
        "loss": list(row.loss_sparkline) if len(row.loss_sparkline) > 1 else None,
        "best": number(row.best_val_loss) if row.best_val_loss is not None else None,
        "error": str(with_error(row.power_error, row.power_uncertainty)) if row.power_error is not None else None,
        "parameters": short_count(row.parameters) if row.parameters else None,
        "dataset": row.dataset,
        "time": str(duration(row.seconds_trained)) if row.seconds_trained else None,
        "tags": list(row.tags),
    }


def _columns() -> dict[str, Any]:
    config = st.column_config
    words = {f"{look.glyph} {look.word}": look.family for look in STATUS_LOOK.values()}
    return {
        "map": config.ImageColumn("", width=54, help="Latest generated map"),
        "name": config.LinkColumn("Name", display_text=r"#(.*)$", width=230),
        "status": config.MultiselectColumn("Status", options=list(words), color=list(words.values()), width=100),
        "progress": config.ProgressColumn(
            "Progress", min_value=0, max_value=1, format="percent", color="primary", width=120
        ),
        "left": config.TextColumn("Left", width=80),
        "loss": config.LineChartColumn("Validation loss", color="primary", width=120),
        "best": config.TextColumn("Best loss", width=80, alignment="right"),
        "error": config.TextColumn(
            "P(k) error",
            width=104,
            alignment="right",
            help="Latest drawn epoch: mean over bands of |ratio − 1| of P(k) ± its standard error over simulations",
        ),
        "parameters": config.TextColumn("Parameters", width=88, alignment="right"),
        "dataset": config.TextColumn("Dataset", width=120),
        "time": config.TextColumn("Time", width=84, alignment="right"),
        "tags": config.ListColumn("Tags", width=110),
    }


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
