"""Sample: draw maps at any θ from a trained model, and compare their P(k) with the nearest true simulations."""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboard.measured.trust import trust_sentence
from dashboard.parts.frame import page_head, warn_without_workers
from dashboard.parts.problems import offered, show_user_error
from dashboard.parts.state import follow
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.views.sample.controls import controls, recall, set_controls
from dashboard.views.sample.result import result, shown_request
from focus_core.errors import UserError
from focus_store.contracts import ExperimentDetail, ExperimentSummary


def page() -> None:
    with page_head("Sample"):
        pass
    warn_without_workers()
    models = [row for row in queries.summaries(None, None, None, None) if row.epoch > 0]
    if not (models or "model" in st.query_params):
        _empty()
        return
    left, right = st.columns([27, 73], gap="medium")
    with left:
        detail = _model(models)
        if detail is None:
            return
        st.html(f'<div class="focus-note" data-testid="sample-trust">{escape(trust_sentence(detail))}</div>')
        shown = shown_request(detail)
        st.fragment(controls)(detail, shown)
        recall(detail)
    with right:
        result(detail, shown)


def _empty() -> None:
    st.html(
        '<div class="focus-empty" data-testid="empty"><b>No trained model yet</b>'
        "<p>An experiment can be sampled as soon as its first epoch has written a checkpoint.</p></div>"
    )
    with st.container(horizontal=True, horizontal_alignment="center"):
        if st.button("See the experiments", type="primary", key="see-experiments"):
            follow("experiments")


def _model(rows: list[ExperimentSummary]) -> ExperimentDetail | None:
    names, asked = offered(rows, st.query_params.get("model"))
    if not names:
        return None
    if st.session_state.get("model") not in names:
        st.session_state.model = asked or next(iter(names))
    chosen = st.selectbox("Model", list(names), key="model", format_func=lambda i: names[i], on_change=_show_newest)
    st.query_params["model"] = chosen
    try:
        detail = queries.experiment(chosen)
    except UserError as error:
        show_user_error(error)
        return None
    if not detail.checkpoints or detail.parameter_space is None:
        st.info("This experiment has not written a checkpoint yet.")
        return None
    return detail


def _show_newest() -> None:
    """The newest maps of the model just chosen, with their settings in the controls, as its address shows later."""
    st.query_params.pop("sample", None)
    chosen = st.session_state.model
    for row in record().samples.latest(chosen, 1):
        st.query_params["sample"] = row.id
        set_controls(row.spec, queries.space(queries.experiment(chosen)))
