"""A job that measures something about a run: its button, its progress bar, and how the last one ended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from html import escape

import streamlit as st

from dashboard.look.markup import progress
from dashboard.parts.acts import Act, Kind, draw, question
from dashboard.record.connection import record
from focus_core.catalogue.jobs import JobKind
from focus_store.contracts import JOB_UNDER_WAY, JobRow, JobStatus


@dataclass(frozen=True)
class Offer:
    """How a page offers such a job: `key` begins its widgets' keys, `what` describes it as HTML."""

    kind: JobKind
    key: str
    label: str
    icon: str
    what: str


def newest(kind: JobKind, experiment_id: str) -> str | None:
    return record().findings.newest(kind.name, experiment_id)


def finding_job(offer: Offer, experiment_id: str, *, found: bool) -> None:
    """The button, or the bar of the job under way. `found`: there is already a result."""
    job = record().findings.job(offer.kind.name, experiment_id)
    if job is not None and job.status in JOB_UNDER_WAY:
        _under_way(offer, job)
        return
    if job is not None and job.status in (JobStatus.FAILED, JobStatus.CANCELLED):
        words = "failed" if job.status is JobStatus.FAILED else "was stopped"
        sentence = f"{offer.kind.noun.capitalize()} {words}: {job.message or 'its log says why'}"
        st.html(f'<p class="focus-warn" role="alert">△ {escape(sentence)}</p>')
    if not found:
        st.html(f'<p class="focus-note">{offer.what}</p>')
    start = partial(record().findings.request, offer.kind.name, experiment_id)
    draw([Act(f"{offer.key}-start", offer.label, Kind.START, start, icon=offer.icon)])


def _under_way(offer: Offer, job: JobRow) -> None:
    done = job.done / job.total if job.total else 0.0
    words = offer.kind.words.waits if job.status is JobStatus.QUEUED else f"{100 * done:.0f} %"
    bar = progress(done, f"Progress of {offer.kind.noun.removeprefix('the ')}")
    cancel = Act(
        f"{offer.key}-cancel", "Cancel", Kind.UNDO, partial(record().jobs.cancel, job.id), icon="stop",
        question=f"Cancel {offer.kind.noun}, which you started seconds ago?",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center", key=f"{offer.key}-job"):
        hook = f'data-testid="{offer.key}-job" data-status="{job.status.value}"'
        st.html(f"<div {hook}>{offer.kind.words.runs}: {words}</div>{bar}", width="stretch")
        draw([cancel])
    question([cancel])
