"""The two lanes: what is running and what is queued, with place, duration and reason; queued work can be cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape

import streamlit as st

from dashboard.look.markup import section
from dashboard.look.prefix import below
from dashboard.look.words import duration
from dashboard.parts.acts import Act, Kind, draw, question
from dashboard.parts.state import experiment_link, sample_link
from dashboard.record.connection import record
from focus_store.contracts import DesiredState
from focus_store.queue import SAMPLE, TRAIN
from focus_store.record.lanes import LaneEntry

SHOWN = 20
HEADS = {
    SAMPLE: ("Interactive", "samples and checks of datasets, never behind a training run"),
    TRAIN: ("Training", "training runs, simulations and benchmarks, one at a time on a device"),
}


def lanes(entries: Mapping[str, Sequence[LaneEntry]]) -> None:
    left, right = st.columns([45, 55], gap="medium")
    for lane, column in ((SAMPLE, left), (TRAIN, right)):
        with column, st.container(key=f"lane-{lane}", gap="xsmall"):
            _lane(lane, entries[lane])


def _lane(lane: str, entries: Sequence[LaneEntry]) -> None:
    title, note = HEADS[lane]
    waiting = sum(entry.position > 0 for entry in entries)
    counts = f'data-running="{len(entries) - waiting}" data-waiting="{waiting}"'
    st.html(f'<div data-testid="lane-{lane}" {counts}>{section(title, note)}</div>')
    if not entries:
        st.html('<p class="focus-note">Nothing is running or queued.</p>')
    for entry in entries[:SHOWN]:
        _row(entry)
    if len(entries) > SHOWN:
        st.html(f'<p class="focus-note">and {len(entries) - SHOWN} more, in the order in which they were asked for</p>')


def _row(entry: LaneEntry) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"entry-{entry.id}"):
        st.html(row_markup(entry), width="stretch")
        acts = [_act(entry)] if entry.position > 0 else []
        draw(acts)
    question(acts)


def _act(entry: LaneEntry) -> Act:
    return Act(
        f"cancel-{entry.id}",
        "Cancel",
        Kind.UNDO,
        partial(_cancel, entry),
        icon="close",
        question=f"Cancel {escape(entry.title)}? You pressed another button a moment ago.",
        look="tertiary",
    )


def row_markup(entry: LaneEntry) -> str:
    place = str(entry.position) if entry.position else '<span aria-label="running">▶</span>'
    verb = "waits" if entry.position else "runs"
    why = entry.reason if entry.position else f"on {(entry.owner or 'a worker').partition(':')[0]}"
    return (
        f'<div class="focus-row" data-testid="lane-entry" data-id="{entry.id}" data-position="{entry.position}" '
        f'data-status="{escape(entry.status)}"><span>{place}</span><span>{_link(entry)} '
        f'<span class="why">{escape(why)}</span></span><span class="when">{verb} {duration(entry.seconds)}</span></div>'
    )


def _link(entry: LaneEntry) -> str:
    return f'<a href="{escape(address(entry))}" target="_self">{escape(entry.title)}</a>'


def address(entry: LaneEntry) -> str:
    """The page of the entry."""
    if entry.kind == "sample":
        return f"{sample_link(str(entry.experiment))}&sample={entry.id}"
    shown = entry.id if entry.kind == "experiment" else entry.experiment
    return experiment_link(shown) if shown else below("/datasets")


def _cancel(entry: LaneEntry) -> None:
    """Work that has begun meanwhile is asked to stop, as on its own page."""
    if entry.kind == "experiment":
        record().experiments.request(entry.id, DesiredState.CANCEL)
    elif entry.kind == "job":
        record().jobs.cancel(entry.id)
    else:
        record().samples.cancel(entry.id)
