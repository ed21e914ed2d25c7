"""What a page shows when something is wrong: a sentence on how to fix it, never a traceback."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence

import streamlit as st
from sqlalchemy.exc import OperationalError

from dashboard.look.texts import sentence, told_apart_when_cut
from dashboard.record import queries
from dashboard.record.connection import RecordAway, laboratory, record_away
from focus_core.errors import UserError
from focus_store.contracts import ExperimentSummary
from focus_store.database.session import RecordUnfit

CHOICE_LENGTH = 36  # of a name in a selection box, before it is cut

log = logging.getLogger("focus.dashboard")


def show_user_error(error: UserError) -> None:
    st.error(sentence(error), icon=":material/error:")


def while_there(part: Callable[[str], None]) -> Callable[[str], None]:
    """A live part of an experiment's page. After a deletion the page reports it, not each part."""

    @functools.wraps(part)
    def shown(experiment_id: str) -> None:
        if queries.is_gone(experiment_id):
            st.rerun()
        part(experiment_id)

    return shown


def offered(rows: Sequence[ExperimentSummary], asked: str | None) -> tuple[dict[str, str], str | None]:
    """Distinct names by id that a page offers, and the requested id; an unknown id in the address is reported."""
    try:
        names = queries.names_with_asked(rows, asked)
    except UserError as error:
        show_user_error(error)
        names, asked = queries.names_with_asked(rows, None), None
    return dict(zip(names, told_apart_when_cut(names.values(), CHOICE_LENGTH), strict=True)), asked


def show_record_missing(error: UserError) -> None:
    """The record does not answer, does not exist, or belongs to another release; the page returns once it is there."""
    with st.container(key="record-missing"):
        st.title("The record cannot be opened", anchor=False)
        st.error(sentence(error), icon=":material/error:")
        if isinstance(error, RecordAway):
            st.write("Training runs continue meanwhile, and nothing is lost. This page looks again every few seconds.")
        else:
            st.write("Run this; the page then comes by itself, and nothing changes when there is nothing to do:")
            st.code(error.command if isinstance(error, RecordUnfit) else "focus-lab migrate", language=None)
    _look_again()


@st.fragment(run_every=3.0)
def _look_again() -> None:
    try:
        laboratory()
    except UserError:
        return
    st.rerun()


def show_script_error(error: Exception) -> bool:
    """Streamlit's hook for uncaught errors: a user's mistake by its sentence, an internal error by its name."""
    if isinstance(error, UserError):
        show_user_error(error)
        return True
    if isinstance(error, OperationalError):
        log.warning("a page could not read the record (%s)", error)
        show_user_error(record_away(error))
        return True
    log.error("a page failed", exc_info=error)
    st.error(
        f"This page failed ({type(error).__name__}). The record is untouched and running experiments continue; "
        "reload the page, and if it happens again, the traceback is in the dashboard's log.",
        icon=":material/error:",
    )
    return True
