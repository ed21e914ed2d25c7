"""Reading sample requests, jobs, datasets and the state of the laboratory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from focus_store.contracts import (
    ACTIVE,
    DatasetRow,
    JobRow,
    JobStatus,
    LaboratoryState,
    Life,
    SampleRow,
    SampleSpec,
    Status,
    WorkerRow,
    life,
)
from focus_store.session import Record, database_now
from focus_store.settings import Settings
from focus_store.tables import Dataset, Experiment, Job, SampleRequest, Spectrum, Worker
from focus_store.transitions import unknown


class Results(Record):
    def samples(self, experiment: str | None = None, limit: int = 20) -> list[SampleRow]:
        """Newest first, of one experiment or of all."""
        query = select(SampleRequest).order_by(SampleRequest.created_at.desc(), SampleRequest.id).limit(limit)
        if experiment is not None:
            query = query.where(SampleRequest.experiment == experiment)
        with self.reading() as session:
            return [_sample_row(session, row) for row in session.scalars(query).all()]

    def sample(self, sample_id: str) -> SampleRow:
        with self.reading() as session:
            row = session.get(SampleRequest, sample_id)
            if row is None:
                raise unknown("sample request", sample_id)
            return _sample_row(session, row)

    def jobs(self, active_only: bool = False) -> list[JobRow]:
        query = select(Job).order_by(Job.created_at.desc(), Job.id)
        if active_only:
            query = query.where(Job.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]))
        with self.reading() as session:
            return [job_row(row) for row in session.scalars(query)]

    def job(self, job_id: str) -> JobRow:
        with self.reading() as session:
            row = session.get(Job, job_id)
            if row is None:
                raise unknown("job", job_id)
            return job_row(row)

    def datasets(self) -> list[DatasetRow]:
        with self.reading() as session:
            rows = session.scalars(select(Dataset).order_by(Dataset.name)).all()
        return [dataset_row(row) for row in rows]

    def state(self) -> LaboratoryState:
        """Counts of experiments, and the workers that are not lost."""
        counts = select(Experiment.status, func.count()).where(Experiment.archived_at.is_(None))
        with self.reading() as session:
            by_status = {row[0]: row[1] for row in session.execute(counts.group_by(Experiment.status))}
        workers = tuple(worker for worker in self.every_worker() if worker.life is not Life.LOST)
        return LaboratoryState(
            running=sum(by_status.get(status, 0) for status in ACTIVE),
            queued=by_status.get(Status.QUEUED, 0),
            failed=by_status.get(Status.FAILED, 0) + by_status.get(Status.CRASHED, 0),
            workers=workers,
            heartbeat_age=min((max(0.0, w.heartbeat_age) for w in workers), default=None),
        )

    def every_worker(self) -> list[WorkerRow]:
        """Workers of the record, lost ones too: they are forgotten after ten leases."""
        with self.reading() as session:
            now = database_now(session)
            rows = session.scalars(select(Worker).order_by(Worker.lane, Worker.id)).all()
        return [worker_row(row, (now - row.heartbeat_at).total_seconds(), self.settings) for row in rows]

    def is_empty(self) -> bool:
        """Whether nothing was ever asked of this record: no experiment, no dataset, no job."""
        with self.reading() as session:
            return not any(session.scalar(select(func.count()).select_from(t)) for t in (Experiment, Dataset, Job))


def floats(blob: bytes | None) -> NDArray[np.float64] | None:
    return None if blob is None else np.frombuffer(blob, dtype="<f8").astype(np.float64)


def blob(array: Any) -> bytes:
    return np.ascontiguousarray(array, dtype="<f8").tobytes()


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
    spectrum = session.scalar(select(Spectrum).where(Spectrum.sample == row.id))
    power = None if spectrum is None else floats(spectrum.power)
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
        k=None if spectrum is None else floats(spectrum.k),
        power=None if power is None or spectrum is None else power.reshape(spectrum.shape),
        n_modes=None if spectrum is None else floats(spectrum.n_modes),
        seconds=row.seconds,
        created_at=row.created_at,
        truth=None if spectrum is None else spectrum.truth,
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
