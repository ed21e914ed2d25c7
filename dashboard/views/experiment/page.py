"""One experiment: an epoch's maps and P(k) side by side, curves, texts, the evaluation and its samplers. Live."""

from __future__ import annotations

import streamlit as st

from dashboard.charts.chart import chart, figure_json
from dashboard.charts.loss import loss_panels
from dashboard.look.markup import pill, progress, readouts, section
from dashboard.look.words import DASH
from dashboard.measured.chart_tables import loss_table, table_asked_for
from dashboard.measured.curves import training_curves
from dashboard.parts.deletion import STOP_FIRST, ask_to_delete, deletion_question, leave_for_list
from dashboard.parts.frame import page_head
from dashboard.parts.problems import show_user_error, while_there
from dashboard.parts.state import follow
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.views.experiment.accounting import accounting
from dashboard.views.experiment.epochs import epochs_fragment
from dashboard.views.experiment.evaluation import evaluation
from dashboard.views.experiment.head import actions, numbers, state_message, status_look, stop_question
from dashboard.views.experiment.samplers import samplers
from dashboard.views.experiment.tabs import tabs
from focus_core.errors import UserError
from focus_store.contracts import UNDER_WAY, ExperimentSummary, Status


def page() -> None:
    experiment_id = st.query_params.get("id", "")
    try:
        detail = queries.experiment(experiment_id)
    except UserError as error:
        if st.session_state.pop("deleted-here", None) == experiment_id:
            follow("experiments")
        _no_such(error if experiment_id else UserError("id: the address names no experiment; choose one in the list."))
        return
    live = detail.summary.status in UNDER_WAY
    # Inactive runs are polled too, more slowly: a click here, another window or the launcher may wake them. The pace
    # stays as it was when the page was opened: changing it reruns the page, and a click at that moment would be lost.
    st.fragment(while_there(_head), run_every=1.0 if live else 2.0)(experiment_id)
    epochs_fragment(experiment_id, live)
    left, right = st.columns([64, 36], gap="medium")
    with left:
        st.fragment(while_there(_curves), run_every=2.0 if live else 4.0)(experiment_id)
        st.fragment(while_there(accounting), run_every=5.0)(experiment_id)
    with right:
        tabs(experiment_id, live)
    st.fragment(while_there(evaluation), run_every=3.0)(experiment_id)
    st.fragment(while_there(samplers), run_every=3.0)(experiment_id)


def _no_such(error: UserError) -> None:
    with page_head("Experiment", key="experiment-head"):
        pass
    show_user_error(error)
    if st.button("All experiments", icon=":material/arrow_back:", key="all-experiments"):
        follow("experiments")


def _head(experiment_id: str) -> None:
    detail = queries.experiment(experiment_id)
    row = detail.summary
    with page_head(row.name, pill(status_look(row)), key="experiment-head"):
        _delete_act(row)
        actions(detail)
    stop_question(detail)
    st.html(progress(row.progress, "Progress of the training"))
    state_message(detail)
    deletion_question(row.id, {row.id: row.name}, lambda: leave_for_list(row.id))
    st.html(readouts(numbers(detail), "experiment-readouts"))


def _delete_act(row: ExperimentSummary) -> None:
    """In every state, and far from where work starts: if the run is busy, the message says what to do first."""
    busy = row.status in UNDER_WAY
    st.button(
        "Delete",
        icon=":material/delete:",
        key="delete",
        type="tertiary",
        disabled=busy,
        help=STOP_FIRST if busy else None,
        on_click=ask_to_delete,
        args=(row.id, {row.id: row.name}),
    )


def _curves(experiment_id: str) -> None:
    detail = queries.experiment(experiment_id)
    figure = _loss_figure(queries.home(), experiment_id, record().experiments.change_token(experiment_id))
    st.html(section("Loss and learning rate", f"{len(detail.attempts)} attempts" if len(detail.attempts) > 1 else ""))
    if figure is None:
        st.html(f'<p class="focus-note">{_waiting(detail.summary.status)}</p>')
        return
    best = detail.summary.best_val_loss
    chart(
        figure,
        name="loss",
        label=f"Loss and learning rate by epoch; best validation loss {best:.3g}" if best else "Loss by epoch",
        height=380,
        key="loss",
    )
    if table_asked_for("loss"):
        curves = training_curves(detail, record().experiments.change_token(experiment_id))
        st.html(loss_table(curves))


@st.cache_data(max_entries=32, show_spinner=False)
def _loss_figure(home: str, experiment_id: str, token: int) -> str | None:
    """JSON of the figure, drawn once per change; None while nothing was measured."""
    curves = training_curves(queries.experiment(experiment_id), token)
    if not (curves.steps.value.size or curves.validation.value.size):
        return None
    return figure_json(loss_panels(curves, revision=experiment_id))


def _waiting(status: Status) -> str:
    return {
        Status.DRAFT: "A draft: queue it, and the curves appear here.",
        Status.QUEUED: "Waits for a worker; the first points appear a few seconds after it starts.",
        Status.STARTING: "The trainer reads the data; the first points appear in a few seconds.",
        Status.RUNNING: "The first step is being computed.",
    }.get(status, f"No step was recorded {DASH} see the log.")
