"""What all pages share: the status line in the header, and the page head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape

import streamlit as st

from dashboard.look.texts import plain
from dashboard.look.words import age, duration
from dashboard.record.connection import broker_problem, laboratory
from focus_core.errors import UserError
from focus_store.contracts import LaboratoryState, Life, WorkerRow

START_COMMAND = "focus-lab up"
NO_WORKER = f"No worker is running, so nothing that is queued will start. Start the laboratory with `{START_COMMAND}`."
BROKER_AWAY = "The broker does not answer, so what is queued waits until it does; nothing is lost."


def status_line() -> None:
    """Fixed at the right of the header; drawn last because a fixed container still takes up a gap."""
    with st.container(key="statusline"):
        _status_line()


@st.fragment(run_every=5.0)
def _status_line() -> None:
    try:
        st.html(state_markup(laboratory()))
    except UserError as error:
        st.html(f'<div class="focus-state" role="status"><span class="focus-dot off"></span>{escape(str(error))}</div>')


def state_markup(state: LaboratoryState) -> str:
    counts = "".join(
        f"<span><b>{number}</b> {word}</span>"
        for number, word in ((state.running, "running"), (state.queued, "queued"), (state.failed, "failed"))
        if number or word != "failed"
    )
    dot = f'<span class="focus-dot{"" if state.workers and not state.silent else " off"}"></span>'
    return (
        f'<div class="focus-state" data-testid="status-line" role="status">{counts}'
        f"<span>{dot}{_workers_markup(state)}</span></div>"
    )


def _workers_markup(state: LaboratoryState) -> str:
    """ "2 workers, 3 s ago"; silent workers are named with the duration."""
    n, silent = len(state.workers), state.silent
    if not n:
        return f"no worker: run <b>{START_COMMAND}</b>"
    words = f"{n} worker{'s' if n > 1 else ''}"
    if not silent:
        return f"{words}, {age(state.heartbeat_age)}"
    return f"{words}, {f'{len(silent)} ' if len(silent) < n else ''}{silent_words(silent)}"


@st.fragment(run_every=5.0)
def warn_without_workers() -> None:
    """Shown on the page too: narrow screens hide the status line, and nothing else explains why a queue is stuck."""
    if problem := broker_problem():
        st.warning(f"{BROKER_AWAY} ({plain(problem)})", icon=":material/cloud_off:")
    warn_of_workers(laboratory().workers)


def warn_of_workers(workers: Sequence[WorkerRow]) -> None:
    """A warning where queued work will not start, or where it is unknown whether it will."""
    if not workers:
        st.warning(NO_WORKER, icon=":material/power_off:")
    elif all(worker.life is not Life.LIVE for worker in workers):
        st.warning(
            f"No worker has been heard of lately ({silent_words(workers)}). If none comes back, start the laboratory "
            f"with `{START_COMMAND}`.",
            icon=":material/heart_broken:",
        )


def silent_words(workers: Sequence[WorkerRow]) -> str:
    """ "silent for 16 s", for the worker with the latest heartbeat."""
    return f"silent for {duration(round(min(worker.heartbeat_age for worker in workers)))}".replace(".0 s", " s")


@contextmanager
def page_head(title: str, note_html: str = "", key: str = "head") -> Iterator[None]:
    """Title, pill and note at the left; the buttons of the block at the right end."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key=key):
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            st.title(plain(title), anchor=False, width="content")
            if note_html:
                st.html(note_html, width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", horizontal_alignment="right"):
            yield
