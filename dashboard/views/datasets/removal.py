"""Removing a dataset from the record, after a question that states what remains and where."""

from __future__ import annotations

import time
from html import escape

import streamlit as st

from dashboard.look.texts import code, sentence
from dashboard.parts.state import keep
from dashboard.record.connection import record
from focus_core.errors import UserError
from focus_store.contracts import DatasetRow

ASKED, SAID, REFUSED = "removing-dataset", "dataset-removal-said", "dataset-removal-refused"
_SAID_SECONDS = 60.0


def removal(dataset: DatasetRow, used_by: int) -> None:
    st.button("Remove from the record", icon=":material/delete:", key="remove-dataset", on_click=_ask, args=(dataset,))
    refused = st.session_state.get(REFUSED)
    if refused and refused[0] == dataset.name and time.monotonic() - refused[2] < _SAID_SECONDS:
        st.warning(sentence(refused[1]), icon=":material/block:")
    if st.session_state.get(ASKED) != dataset.name:
        return
    keep = f" The {used_by} experiment{'s' * (used_by > 1)} on it keep their numbers and pages." if used_by else ""
    with st.container(key="confirm-removal"):
        st.warning(
            f"Its name, pictures and measurements leave the record. Its files stay at {code(dataset.path)}.{keep} "
            "Added again by that path, it is measured anew.",
            icon=":material/delete:",
        )
        with st.container(horizontal=True):
            st.button("Remove it", type="primary", key="confirm-remove-dataset", on_click=_remove, args=(dataset,))
            st.button("Keep it", key="keep-dataset", on_click=_keep)


def removal_said() -> None:
    """Shown for a while rather than for one run: the page reruns by itself when a dataset is removed."""
    said, since = st.session_state.get(SAID, ("", 0.0))
    if said and time.monotonic() - since < _SAID_SECONDS:
        st.html(f'<p class="focus-note" role="status" data-testid="dataset-removal-said">{escape(said)}</p>')


def _ask(dataset: DatasetRow) -> None:
    try:
        record().datasets.refuse_in_use(dataset)
    except UserError as error:
        _refuse(dataset, error)
        return
    st.session_state[ASKED] = dataset.name


def _keep() -> None:
    st.session_state[ASKED] = ""


def _remove(dataset: DatasetRow) -> None:
    _keep()
    try:
        record().datasets.remove(dataset.name)
    except UserError as error:
        _refuse(dataset, error)
        return
    keep("dataset", "", "")
    _say(f"{dataset.name} was removed from the record. Its files stay at {dataset.path}.")


def _refuse(dataset: DatasetRow, error: UserError) -> None:
    """Shown at the button, which is at the end of a long page."""
    st.session_state[REFUSED] = (dataset.name, str(error), time.monotonic())


def _say(words: str) -> None:
    st.session_state[SAID] = (words, time.monotonic())
