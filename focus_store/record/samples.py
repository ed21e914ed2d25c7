"""Users' requests for maps, and their results. The row first, its message afterwards."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from focus_core.catalogue.methods import method_of, schedule_length
from focus_core.catalogue.samplers import SAMPLERS, sampler_refusal
from focus_core.errors import UserError
from focus_store.contracts import JOB_UNDER_WAY, Claim, JobStatus, SampleMeasurement, SampleRow, SampleSpec
from focus_store.database.blobs import packed
from focus_store.database.session import Database, Gateway, add_event, database_now, free_id, hold, insert_replacing
from focus_store.database.tables import Checkpoint, Experiment, Measurement, SampleRequest
from focus_store.database.transitions import experiment_row, move, unknown
from focus_store.files.artifacts import StoredFile
from focus_store.journal.ingest import note_artifact
from focus_store.queue import SAMPLE
from focus_store.record.leases import Leases
from focus_store.record.notes import PERSON
from focus_store.record.nudges import Queue
from focus_store.record.rows import _sample_row, specification


class Samples(Gateway):
    """Requests for maps of a model, and their results."""

    def __init__(self, database: Database, queue: Queue, leases: Leases) -> None:
        super().__init__(database)
        self._queue = queue
        self._leases = leases

    def request(self, spec: SampleSpec) -> str:
        """Request maps. An equal request for the same checkpoint that is done or under way answers this one too."""
        with self.writing() as session:
            experiment = experiment_row(session, spec.experiment)
            _check_sample(spec, experiment)
            sha256 = _checkpoint_sha256(session, spec)
            digest = request_digest(spec, sha256)
            hold(session, digest)
            twin = session.scalar(
                select(SampleRequest.id)
                .where(SampleRequest.request_digest == digest)
                .where(SampleRequest.status.in_(JOB_UNDER_WAY | {JobStatus.SUCCEEDED}))
                .order_by(SampleRequest.created_at)
            )
            if twin is not None:
                return twin
            sample_id, now = free_id(session, SampleRequest), database_now(session)
            columns = asdict(spec) | {"theta": list(spec.theta)}
            session.add(
                SampleRequest(
                    id=sample_id,
                    request_digest=digest,
                    checkpoint_sha256=sha256,
                    status=JobStatus.QUEUED,
                    created_at=now,
                    queued_at=now,
                    **columns,
                )
            )
            add_event(session, sample_id, "status", PERSON, after=JobStatus.QUEUED)
        self._queue.publish(SAMPLE, sample_id)
        return sample_id

    def latest(self, experiment: str | None = None, limit: int = 20) -> list[SampleRow]:
        """Newest first, of one experiment or of all."""
        query = select(SampleRequest).order_by(SampleRequest.created_at.desc(), SampleRequest.id).limit(limit)
        if experiment is not None:
            query = query.where(SampleRequest.experiment == experiment)
        with self.reading() as session:
            return [_sample_row(session, row) for row in session.scalars(query).all()]

    def get(self, sample_id: str) -> SampleRow:
        with self.reading() as session:
            row = session.get(SampleRequest, sample_id)
            if row is None:
                raise unknown("sample request", sample_id)
            return _sample_row(session, row)

    def cancel(self, sample_id: str) -> None:
        """Remove a request for maps from the lane; one being drawn is done within seconds and stays."""
        with self.writing() as session:
            if session.get(SampleRequest, sample_id) is None:
                raise unknown("sample request", sample_id)
            now = database_now(session)
            if not move(
                session, SampleRequest, sample_id, [JobStatus.QUEUED], JobStatus.CANCELLED, PERSON, ended_at=now
            ):
                raise UserError(f"sample request {sample_id}: is no longer queued, so it cannot be cancelled.")

    def specification(self, sample_id: str) -> SampleSpec:
        with self.reading() as session:
            row = session.get(SampleRequest, sample_id)
        if row is None:
            raise unknown("sample request", sample_id)
        return specification(row)

    def set_progress(self, claim: Claim, progress: float) -> None:
        with self.writing() as session:
            session.execute(
                update(SampleRequest)
                .where(SampleRequest.id == claim.id, SampleRequest.lease_token == claim.token)
                .values(progress=progress)
            )

    def finish(
        self,
        claim: Claim,
        *,
        checkpoint_sha256: str,
        result: StoredFile,
        tiles: Sequence[StoredFile],
        value_range: tuple[float, float],
        measured: Mapping[str, SampleMeasurement],
        seconds: float,
    ) -> bool:
        """Write the result of a request and end it; False if the lease was lost.

        `measured` are the measurements of the maps, by the name of the catalogue's statistic.
        """
        with self.writing() as session:
            for file, kind in [(result, "sample"), *((tile, "tile") for tile in tiles)]:
                note_artifact(session, file, kind)
            row = session.get(SampleRequest, claim.id)
            if row is None or row.lease_token != claim.token:
                return False
            # The checkpoint may have been rewritten since the request: the result records which one was used.
            row.checkpoint_sha256 = checkpoint_sha256
            row.request_digest = request_digest(specification(row), checkpoint_sha256)
            row.tiles, row.result, row.seconds = [tile.digest for tile in tiles], result.digest, seconds
            (row.value_low, row.value_high), row.progress = value_range, 1.0
            for statistic, found in measured.items():
                values: dict[str, Any] = {"experiment": row.experiment, "sample": row.id, "statistic": statistic}
                values |= {"content": packed(found.arrays), "summary": {"truth": found.truth}}
                session.execute(insert_replacing(session, Measurement, ["sample", "statistic"], values))
        return self._leases.release(claim, JobStatus.SUCCEEDED, "finished")


def request_digest(spec: SampleSpec, checkpoint_sha256: str | None) -> str:
    plain = asdict(spec) | {"sha256": checkpoint_sha256}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _checkpoint_sha256(session: Session, spec: SampleSpec) -> str:
    sha256 = session.scalar(
        select(Checkpoint.sha256)
        .where(Checkpoint.experiment == spec.experiment, Checkpoint.role == spec.checkpoint)
        .order_by(Checkpoint.attempt.desc(), Checkpoint.step.desc(), Checkpoint.written_at.desc())
        .limit(1)
    )
    if sha256 is None:
        raise UserError(
            f"experiment {spec.experiment}: has no '{spec.checkpoint}' checkpoint; the first epoch writes best and "
            "last, and training.keep_every keeps those of other epochs."
        )
    return sha256


def _check_sample(spec: SampleSpec, experiment: Experiment) -> None:
    space = experiment.parameter_space
    if space is not None and len(spec.theta) != len(space["parameters"]):
        names = ", ".join(p["name"] for p in space["parameters"])
        raise UserError(f"theta: has {len(spec.theta)} values, but experiment {experiment.id} needs {names}.")
    if not all(math.isfinite(value) for value in spec.theta):
        raise UserError("theta: every parameter must be a finite number.")
    if not 1 <= spec.n <= 4096:
        raise UserError(f"n: {spec.n} maps cannot be drawn in one request; ask for 1 to 4096.")
    if not 0 <= spec.seed < 2**63:
        raise UserError(f"seed: {spec.seed} is out of range; give 0 to 2⁶³ − 1.")
    if not 0.0 <= spec.guidance <= 100.0:
        raise UserError(f"guidance: {spec.guidance:g} is not between 0 and 100; 1 is the unbiased model.")
    method = method_of(experiment.config).name
    refusal = sampler_refusal(spec.sampler, method)
    if refusal is not None:
        raise UserError(f"sampler: {refusal} (experiment {experiment.id}).")
    refusal = SAMPLERS[spec.sampler].steps_refusal(method, spec.steps, schedule_length(experiment.config))
    if refusal is not None:
        raise UserError(f"steps: {refusal} (experiment {experiment.id}).")
    if spec.weights not in ("ema", "raw"):
        raise UserError(f"weights: '{spec.weights}' is not known; choose ema or raw.")
    if spec.checkpoint not in ("best", "last") and not spec.checkpoint.startswith("epoch_"):
        raise UserError(f"checkpoint: '{spec.checkpoint}' is not known; choose best, last or a kept epoch.")
