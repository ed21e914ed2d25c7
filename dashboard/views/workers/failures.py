"""What failed in the last month, by cause."""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboard.look.markup import section
from dashboard.look.prefix import below
from dashboard.look.words import date_and_time
from dashboard.parts.state import experiment_link
from dashboard.record.connection import record
from dashboard.views.workers.causes import Cause, by_cause
from focus_store.record.lanes import Failure

REFRESH_SECONDS = 10.0
DAYS = 30


@st.fragment(run_every=REFRESH_SECONDS)
def failures() -> None:
    causes = by_cause(record().lanes.failures(DAYS))
    st.html(section(f"Failures by cause, {DAYS} days", "the newest of each"))
    if not causes:
        st.html('<p class="focus-note" data-testid="failures">Nothing failed.</p>')
        return
    words = ("Count", "Cause", "Last seen", "Message", "What to do")
    head = "".join(f'<th scope="col">{word}</th>' for word in words)
    rows = "".join(_row(cause) for cause in causes)
    st.html(
        '<div class="focus-scroll" data-testid="failures"><table class="focus-table">'
        f"<tr>{head}</tr>{rows}</table></div>"
    )


def _row(cause: Cause) -> str:
    last = cause.last
    return (
        f"<tr><td>{len(cause.failures)}</td><td>{escape(cause.title)}</td>"
        f'<td><a href="{_address(last)}" target="_self">{escape(last.title)}</a><br>'
        f'<span class="focus-note">{date_and_time(last.ended_at)}</span></td>'
        f"<td>{escape(last.message)}</td><td>{escape(cause.remedy)}</td></tr>"
    )


def _address(failure: Failure) -> str:
    return experiment_link(failure.experiment) if failure.experiment else below("/datasets")
