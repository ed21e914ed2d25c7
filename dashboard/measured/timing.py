"""Remaining time of a run or job, estimated from what was measured."""

from __future__ import annotations

import datetime
from html import escape

from dashboard.look.words import clock, duration
from focus_core.catalogue.jobs import job_kind
from focus_store.contracts import ACTIVE, ExperimentSummary, JobRow, JobStatus


def experiment_seconds_left(row: ExperimentSummary) -> float | None:
    """For a run that is under way and has measured an epoch; None otherwise."""
    if row.status not in ACTIVE or not row.seconds_per_epoch:
        return None
    return (1.0 - row.progress) * row.num_epochs * row.seconds_per_epoch


def ends_about(row: ExperimentSummary) -> str | None:
    left = experiment_seconds_left(row)
    if left is None:
        return None
    return f"ends about {clock(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=left))}"


def job_words(job: JobRow, now: datetime.datetime | None = None) -> str:
    """ "Simulating quick, 12 of 64 simulations, about 2 min left": the text over a job's own bar, as HTML."""
    name = f"<b>{escape(str(job.arguments.get('name', job.title)))}</b>"
    said = job_kind(job.kind).words
    if job.status is JobStatus.QUEUED:
        return f"{name} {said.waits}{_parts(job)}."
    if said.last_part and job.status is JobStatus.RUNNING and job.done == job.total:
        return f"{said.last_part} {name}"
    left = ""
    if job.started_at is not None and 0 < job.done < job.total:
        elapsed = ((now or datetime.datetime.now(datetime.UTC)) - job.started_at).total_seconds()
        left = f", about {duration(elapsed / job.done * (job.total - job.done))} left"
    return f"{said.runs} {name}{so_far(job)}{left}"


def so_far(job: JobRow) -> str:
    """ ", 12 of 64 simulations", or a share if the parts mean nothing to a reader; empty before they are known."""
    unit = job_kind(job.kind).words.unit
    if not job.total:
        return ""
    return f", {job.done} of {job.total} {unit}" if unit else f", {100 * job.done / job.total:.0f} %"


def _parts(job: JobRow) -> str:
    unit = job_kind(job.kind).words.unit
    return f", {job.total} {unit}" if unit and job.total else ""
