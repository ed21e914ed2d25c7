"""What workers write beside their leases: heartbeats, progress, datasets, results of samples."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select, update

from focus_store.artifacts import StoredFile
from focus_store.contracts import Claim, JobStatus, SampleSpec, WorkerRow
from focus_store.ingest import note_artifact
from focus_store.leases import Leases
from focus_store.requests import request_digest
from focus_store.results import blob, specification
from focus_store.session import database_now, insert_replacing
from focus_store.tables import Dataset, Job, SampleRequest, Spectrum, Worker
from focus_store.transitions import unknown

# What a worker says anew with every heartbeat.
BEATEN = ("slot", "message", "memory_used", "memory_total", "utilisation")


class Laboratory(Leases):
    def beat(self, worker: WorkerRow) -> None:
        """Show that a worker lives; its row appears with its first heartbeat."""
        with self.writing() as session:
            now = database_now(session)
            if (row := session.get(Worker, worker.id)) is not None:
                row.heartbeat_at = now
                for name in BEATEN:
                    setattr(row, name, getattr(worker, name))
                return
            columns = {name: getattr(worker, name) for name in ("host", "lane", "pid", "device", *BEATEN)}
            session.add(Worker(id=worker.id, current=worker.current, started_at=now, heartbeat_at=now, **columns))

    def set_current(self, worker_id: str, current: str | None) -> None:
        with self.writing() as session:
            session.execute(update(Worker).where(Worker.id == worker_id).values(current=current))

    def sign_off(self, worker_id: str) -> None:
        """A worker that ends in order takes its row with it."""
        with self.writing() as session:
            session.execute(delete(Worker).where(Worker.id == worker_id))

    def forget_dead_workers(self) -> list[str]:
        """Drop workers that have been silent for ten leases."""
        with self.writing() as session:
            old = database_now(session) - datetime.timedelta(seconds=10 * self.settings.lease_seconds)
            ids = list(session.scalars(select(Worker.id).where(Worker.heartbeat_at < old)))
            session.execute(delete(Worker).where(Worker.id.in_(ids)))
        return ids

    def set_job_progress(self, claim: Claim, done: int, total: int) -> None:
        with self.writing() as session:
            session.execute(
                update(Job).where(Job.id == claim.id, Job.lease_token == claim.token).values(done=done, total=total)
            )

    def register_dataset(self, dataset: Mapping[str, Any]) -> None:
        """Add or replace a dataset; keys are the columns of the table, `created_at` aside."""
        with self.writing() as session:
            values = dict(dataset) | {"created_at": database_now(session)}
            session.execute(insert_replacing(session, Dataset, ["name"], values))

    def specification(self, sample_id: str) -> SampleSpec:
        with self.reading() as session:
            row = session.get(SampleRequest, sample_id)
        if row is None:
            raise unknown("sample request", sample_id)
        return specification(row)

    def set_sample_progress(self, claim: Claim, progress: float) -> None:
        with self.writing() as session:
            session.execute(
                update(SampleRequest)
                .where(SampleRequest.id == claim.id, SampleRequest.lease_token == claim.token)
                .values(progress=progress)
            )

    def finish_sample(
        self,
        claim: Claim,
        *,
        checkpoint_sha256: str,
        result: StoredFile,
        tiles: Sequence[StoredFile],
        value_range: tuple[float, float],
        spectrum: Mapping[str, Any] | None,
        seconds: float,
    ) -> bool:
        """Write the answer to a request and end it; False when the lease was lost.

        `spectrum` has arrays k (nk,), power (n, nk), n_modes (nk,), and box_size, grid, unit; `truth`, which may be
        missing, is the smoothed truth at the request's θ (`TruthAt.to_dict`), or the reason why there is none.
        """
        with self.writing() as session:
            for file, kind in [(result, "sample"), *((tile, "tile") for tile in tiles)]:
                note_artifact(session, file, kind)
            row = session.get(SampleRequest, claim.id)
            if row is None or row.lease_token != claim.token:
                return False
            # The checkpoint may have been written anew since it was asked for: the answer says which one it is of.
            row.checkpoint_sha256 = checkpoint_sha256
            row.request_digest = request_digest(specification(row), checkpoint_sha256)
            row.tiles, row.result, row.seconds = [tile.digest for tile in tiles], result.digest, seconds
            (row.value_low, row.value_high), row.progress = value_range, 1.0
            if spectrum is not None:
                arrays = {name: blob(spectrum[name]) for name in ("k", "power", "n_modes")}
                plain = {name: spectrum[name] for name in ("box_size", "grid", "unit")}
                values = {"experiment": row.experiment, "sample": row.id, "shape": list(spectrum["power"].shape)}
                plain["truth"] = spectrum.get("truth")
                session.execute(insert_replacing(session, Spectrum, ["sample"], values | arrays | plain))
        return self.release(claim, JobStatus.SUCCEEDED, "finished")
