"""What a page shows when something is wrong: the sentence that mends it, never a traceback."""

from __future__ import annotations

import logging

import streamlit as st

from focus_core.errors import UserError

log = logging.getLogger("focus.dashboard")


def show_user_error(error: UserError) -> None:
    st.error(str(error), icon=":material/error:")


def show_record_missing(error: UserError) -> None:
    """The record is not there, or belongs to another release."""
    with st.container(key="record-missing"):
        st.title("The record cannot be opened", anchor=False)
        st.error(str(error), icon=":material/error:")
        st.write("Run this, then reload the page; it changes nothing when there is nothing to do:")
        st.code("focus-lab migrate", language=None)


def show_script_error(error: Exception) -> bool:
    """Streamlit's hook for uncaught errors: a user's mistake as its sentence, a fault of ours by its name."""
    if isinstance(error, UserError):
        show_user_error(error)
        return True
    log.error("a page failed", exc_info=error)
    st.error(
        f"This page failed ({type(error).__name__}). The record is untouched and running experiments go on; "
        "reload the page, and if it happens again, the traceback is in the dashboard's log.",
        icon=":material/error:",
    )
    return True
