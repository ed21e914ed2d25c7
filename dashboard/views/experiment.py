"""One experiment: maps and P(k) of an epoch side by side, then the curves, then everything else. Live."""

from __future__ import annotations

import streamlit as st

from dashboard import queries
from dashboard.components.chart import chart
from dashboard.curves import training_curves
from dashboard.figures.loss import loss_curves
from dashboard.frame import page_head
from dashboard.markup import pill, progress, readouts, section
from dashboard.problems import show_user_error
from dashboard.record import record
from dashboard.state import follow
from dashboard.theme import STATUS_LOOK
from dashboard.views.experiment_epochs import epochs_fragment
from dashboard.views.experiment_head import actions, numbers, state_message
from dashboard.views.experiment_tabs import tabs
from dashboard.words import DASH
from focus_core.errors import UserError
from focus_store.contracts import ACTIVE, ExperimentDetail, Status

MOVING = ACTIVE | {Status.QUEUED}


def page() -> None:
    experiment_id = st.query_params.get("id", "")
    try:
        detail = queries.experiment(experiment_id)
    except UserError as error:
        show_user_error(error)
        if st.button("All experiments", icon=":material/arrow_back:"):
            follow("experiments")
        return
    live = detail.summary.status in MOVING
    # Resting runs are looked at too: a resume from another window, or the launcher, may wake them.
    st.fragment(_head, run_every=1.0 if live else 4.0)(experiment_id, live)
    epochs_fragment(experiment_id, live)
    left, right = st.columns([64, 36], gap="medium")
    with left:
        st.fragment(_curves, run_every=2.0 if live else None)(experiment_id)
    with right:
        tabs(experiment_id, live)


def _head(experiment_id: str, was_live: bool) -> None:
    detail = queries.experiment(experiment_id)
    if (detail.summary.status in MOVING) != was_live:
        st.rerun()  # other fragments tick at another pace now
    row = detail.summary
    with page_head(row.name, pill(STATUS_LOOK[row.status]), key="experiment-head"):
        actions(detail)
    st.html(progress(row.epoch / max(row.num_epochs, 1) if not row.step else _done(detail), "Progress of the training"))
    state_message(detail)
    st.html(readouts(numbers(detail), "experiment-readouts"))


def _done(detail: ExperimentDetail) -> float:
    """By steps, so that it moves within a long epoch too."""
    row = detail.summary
    total = row.num_epochs * (detail.steps_per_epoch or 0)
    return row.step / total if total else row.epoch / max(row.num_epochs, 1)


def _curves(experiment_id: str) -> None:
    detail = queries.experiment(experiment_id)
    curves = training_curves(detail, record().change_token(experiment_id))
    measured = curves.steps.value.size or curves.validation.value.size
    st.html(section("Loss and learning rate", f"{len(detail.attempts)} attempts" if len(detail.attempts) > 1 else ""))
    if not measured:
        st.html(f'<p class="focus-note">{_waiting(detail.summary.status)}</p>')
        return
    best = detail.summary.best_val_loss
    chart(
        loss_curves(curves, revision=experiment_id),
        name="loss",
        label=f"Loss and learning rate by epoch; best validation loss {best:.3g}" if best else "Loss by epoch",
        height=380,
        key="loss",
    )


def _waiting(status: Status) -> str:
    return {
        Status.DRAFT: "A draft: queue it, and the curves appear here.",
        Status.QUEUED: "Waits for a worker; the first points appear a few seconds after it starts.",
        Status.STARTING: "The trainer reads the data; the first points appear in a few seconds.",
        Status.RUNNING: "The first step is being computed.",
    }.get(status, f"No step was recorded {DASH} see the log.")
