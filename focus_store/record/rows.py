"""Rows of the tables as the plain objects that pages and workers exchange with the record."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from focus_store.contracts import (
    DatasetRow,
    JobRow,
    JobStatus,
    SampleMeasurement,
    SampleRow,
    SampleSpec,
    WorkerRow,
    life,
)
from focus_store.database.blobs import unpacked
from focus_store.database.tables import Dataset, Job, Measurement, SampleRequest, Worker
from focus_store.settings import Settings


def specification(row: SampleRequest) -> SampleSpec:
    return SampleSpec(
        experiment=row.experiment,
        theta=tuple(row.theta),
        n=row.n,
        seed=row.seed,
        sampler=row.sampler,
        steps=row.steps,
        guidance=row.guidance,
        weights=row.weights,
        checkpoint=row.checkpoint,
    )


def _sample_row(session: Session, row: SampleRequest) -> SampleRow:
    measured = session.scalars(select(Measurement).where(Measurement.sample == row.id))
    known_range = row.value_low is not None and row.value_high is not None
    return SampleRow(
        id=row.id,
        spec=specification(row),
        status=JobStatus(row.status),
        progress=row.progress,
        message=row.message,
        tiles=tuple(row.tiles),
        value_range=(row.value_low, row.value_high) if known_range else None,  # type: ignore[arg-type]
        result=row.result,
        seconds=row.seconds,
        created_at=row.created_at,
        measured={m.statistic: SampleMeasurement(unpacked(m.content), m.summary.get("truth")) for m in measured},
    )


def worker_row(row: Worker, age: float, settings: Settings) -> WorkerRow:
    names = ("id", "host", "lane", "pid", "device", "current", "slot", "message")
    measured = ("memory_used", "memory_total", "utilisation")
    found = life(age, settings.heartbeat_seconds, settings.lease_seconds)
    return WorkerRow(heartbeat_age=age, life=found, **{name: getattr(row, name) for name in (*names, *measured)})


def dataset_row(row: Dataset) -> DatasetRow:
    plain = ("name", "path", "digest", "n_maps", "n_simulations", "grid", "box_size", "unit", "parameter_space")
    return DatasetRow(**{name: getattr(row, name) for name in (*plain, "provenance", "survey", "checked_at")})


def job_row(row: Job) -> JobRow:
    return JobRow(
        id=row.id,
        kind=row.kind,
        title=row.title,
        arguments=row.arguments,
        status=JobStatus(row.status),
        done=row.done,
        total=row.total,
        message=row.message,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
