"""Datasets that are being made or checked: progress, cancel, resume, and the message of a failed job. Live."""

from __future__ import annotations

import datetime
from functools import partial
from html import escape

import streamlit as st

from dashboard.look.markup import progress
from dashboard.measured.timing import job_words, so_far
from dashboard.parts.acts import Act, Kind, draw, question
from dashboard.record import queries
from dashboard.record.connection import record
from focus_core.catalogue.jobs import job_kind
from focus_core.data.answers import in_form
from focus_store.contracts import JOB_UNDER_WAY, DatasetRow, JobRow, JobStatus

REFRESH_SECONDS = 2.0
SHOWN_DAYS = 7


def jobs() -> None:
    _jobs()


@st.fragment(run_every=REFRESH_SECONDS)
def _jobs() -> None:
    """The whole page reruns when a dataset was added or changed."""
    rows = queries.datasets()
    signature = [(row.name, str(row.checked_at)) for row in rows]
    if st.session_state.setdefault("datasets-seen", signature) != signature:
        st.session_state["datasets-seen"] = signature
        st.rerun()
    for job in record().datasets.jobs():
        if is_shown(job, rows):
            _job(job)


def is_shown(job: JobRow, rows: list[DatasetRow], now: datetime.datetime | None = None) -> bool:
    """Under way; or ended recently with a failure or a remark, and not dismissed or superseded by a later check."""
    if job.status in JOB_UNDER_WAY:
        return True
    if (job.status is JobStatus.SUCCEEDED and not job.message) or job.id in st.session_state.get(
        "datasets-dismissed", ()
    ):
        return False
    ended = job.ended_at or job.created_at
    checked = next((row.checked_at for row in rows if row.name == job.arguments.get("name")), None)
    recent = (now or datetime.datetime.now(datetime.UTC)) - ended < datetime.timedelta(days=SHOWN_DAYS)
    return recent and (checked is None or checked < ended)


def _job(job: JobRow) -> None:
    done = job.done / job.total if job.total else 0.0
    testid = f'data-testid="job-{job.id}" data-status="{job.status.value}" data-name="{escape(_name(job))}"'
    with st.container(horizontal=True, vertical_alignment="center", key=f"job-{job.id}"):
        st.html(f"<div {testid}>{words(job)}</div>{_bar(job, done)}", width="stretch")
        draw(_acts(job))
    question(_acts(job))


def _acts(job: JobRow) -> list[Act]:
    name, under_way = escape(_name(job)), job.status in JOB_UNDER_WAY
    return [
        Act(
            f"dismiss-{job.id}", "Dismiss", Kind.OTHER, partial(_dismiss, job.id), icon="visibility_off",
            possible=not under_way, look="tertiary",
        ),
        Act(
            f"cancel-{job.id}", "Cancel", Kind.UNDO, partial(record().jobs.cancel, job.id), icon="stop",
            possible=under_way, question=f"Cancel {name}? You pressed another button a moment ago.",
        ),
        Act(
            f"resume-{job.id}", job_kind(job.kind).words.again, Kind.START,
            partial(record().jobs.resume, job.id), icon="play_arrow", possible=not under_way,
        ),
    ]  # fmt: skip


def _bar(job: JobRow, done: float) -> str:
    return progress(done, f"Progress of {job.title}") if job.status in JOB_UNDER_WAY or 0 < done < 1 else ""


def words(job: JobRow) -> str:
    """What the job is doing, as HTML."""
    said = job_kind(job.kind).words
    name, message = f"<b>{escape(_name(job))}</b>", escape(in_form(job.message or ""))
    if job.status is JobStatus.FAILED:
        reason = message or "its log says why"
        return f'{name} {said.failed}: <span class="focus-warn" role="alert" data-testid="add-error">{reason}</span>'
    if job.status is JobStatus.CANCELLED:
        return f"{name} was stopped{so_far(job)}."
    if job.status is JobStatus.SUCCEEDED:
        return f"{name}: {message}"
    return job_words(job)


def _name(job: JobRow) -> str:
    return str(job.arguments.get("name", job.title))


def _dismiss(job_id: str) -> None:
    st.session_state["datasets-dismissed"] = (*st.session_state.get("datasets-dismissed", ()), job_id)
