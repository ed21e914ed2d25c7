"""The contracts of the record: states, transitions and the plain objects that pages and workers exchange with it.

The row is the truth; a message is a nudge. The interface writes only `desired_state`; workers write `status`; every
transition is a compare-and-set that leaves an event. All times are UTC and aware. Nothing here knows SQL.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_core.catalogue.statistic_spec import MapStatistic
from focus_core.evaluated import Evaluated


class Status(StrEnum):
    """The status of a run."""

    DRAFT = "draft"  # created, never queued
    QUEUED = "queued"  # waits for a worker
    STARTING = "starting"  # claimed; the trainer is starting
    RUNNING = "running"  # the trainer reports steps
    PAUSING = "pausing"  # asked to stop; the trainer is writing its checkpoint
    PAUSED = "paused"  # stopped by "Pause", resumable
    STALLED = "stalled"  # its worker is alive, but there was no step for a long time
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # ended by an error that a retry would repeat
    CANCELLED = "cancelled"  # stopped by "Stop", resumable from its last checkpoint
    CRASHED = "crashed"  # its worker vanished: the lease expired


class DesiredState(StrEnum):
    """The state that the user requests; the only field that pages write on an experiment that is under way."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


# Every transition that the record accepts; a test covers them all. `draft → queued` is "Queue", the last four "Resume".
TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.QUEUED}),
    Status.QUEUED: frozenset({Status.STARTING, Status.PAUSED, Status.CANCELLED}),
    Status.STARTING: frozenset(
        {Status.RUNNING, Status.PAUSING, Status.QUEUED, Status.FAILED, Status.CRASHED, Status.SUCCEEDED}
    ),
    Status.RUNNING: frozenset(
        {Status.PAUSING, Status.STALLED, Status.QUEUED, Status.SUCCEEDED, Status.FAILED, Status.CRASHED}
    ),
    Status.STALLED: frozenset(
        {Status.RUNNING, Status.PAUSING, Status.QUEUED, Status.SUCCEEDED, Status.FAILED, Status.CRASHED}
    ),
    Status.PAUSING: frozenset(
        {Status.PAUSED, Status.CANCELLED, Status.QUEUED, Status.SUCCEEDED, Status.FAILED, Status.CRASHED}
    ),
    Status.CRASHED: frozenset({Status.QUEUED, Status.CANCELLED, Status.PAUSED}),
    Status.PAUSED: frozenset({Status.QUEUED, Status.CANCELLED}),
    Status.CANCELLED: frozenset({Status.QUEUED}),
    Status.FAILED: frozenset({Status.QUEUED}),
    Status.SUCCEEDED: frozenset({Status.QUEUED}),
}

ACTIVE = frozenset({Status.STARTING, Status.RUNNING, Status.PAUSING, Status.STALLED})
UNDER_WAY = ACTIVE | {Status.QUEUED}  # may change without an action of the user
RESUMABLE = frozenset({Status.PAUSED, Status.CANCELLED, Status.FAILED, Status.CRASHED})


class JobStatus(StrEnum):
    """Shared by jobs and sample requests."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


JOB_UNDER_WAY = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})

JOB_TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED}),
    JobStatus.RUNNING: frozenset({JobStatus.QUEUED, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED}),
    JobStatus.CANCELLED: frozenset({JobStatus.QUEUED}),
}


@dataclass(frozen=True)
class ExperimentSummary:
    """One row of the list of experiments: summaries only, no join with the points."""

    id: str  # short public id, as in URLs
    name: str
    status: Status
    desired_state: DesiredState
    recipe: str | None
    dataset: str
    tags: tuple[str, ...]
    parameters: int | None
    epoch: int  # completed epochs
    num_epochs: int
    step: int
    steps_per_epoch: int | None  # known after the trainer has opened the data
    best_val_loss: float | None
    last_val_loss: float | None
    power_error: float | None  # mean |ratio − 1| of P(k) over the bands, latest figure
    images_per_second: float | None
    seconds_per_epoch: float | None
    loss_sparkline: tuple[float, ...]  # at most 60 validation losses, evenly spaced over the run
    thumbnail: str | None  # artifact digest of the latest generated map
    message: str | None  # why it failed, crashed or waits
    created_at: datetime.datetime
    started_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    seconds_trained: float
    attempts: int
    power_uncertainty: float | None = None  # standard error of power_error over the simulations; None if not recorded
    power_maps: int | None = None  # generated maps that power_error is of, and the distinct simulations beside them
    power_simulations: int | None = None
    evaluation: Evaluated | None = None  # of the newest evaluation, for any checkpoint

    @property
    def progress(self) -> float:
        """0 … 1, by steps, so that it moves within a long epoch; the single number behind bars, words and time left."""
        epochs = self.epoch / self.num_epochs if self.num_epochs else 0.0
        total = self.num_epochs * (self.steps_per_epoch or 0)
        return min(max(epochs, self.step / total if total else 0.0), 1.0)


@dataclass(frozen=True)
class AttemptRow:
    number: int
    host: str
    device: str | None
    started_at: datetime.datetime
    ended_at: datetime.datetime | None
    reason: str | None
    resumed_epoch: int | None
    resumed_step: int | None


@dataclass(frozen=True)
class CheckpointRow:
    role: str  # "best" | "last"
    epoch: int
    step: int
    val_loss: float | None
    path: str  # relative to the run folder
    bytes: int
    sha256: str
    written_at: datetime.datetime


@dataclass(frozen=True)
class EpochMeasurement:
    """A statistic of an epoch's maps: the artifact digest of its .npz, and its summary in plain numbers."""

    arrays: str | None
    summary: Mapping[str, Any]


@dataclass(frozen=True)
class SampleMeasurement:
    """A statistic of a sample's maps.

    `arrays` are `generated` (n, q), and the axis and weights under the names of the catalogue's entry. `truth` is the
    simulations' prediction at the sample's θ: expected, error, scatter (q,), simulations, maps; or the reason why
    there is none; None if it was not requested.
    """

    arrays: Mapping[str, NDArray[Any]]
    truth: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class EpochFigures:
    """The figures of one epoch. Tiles are artifact digests of WebP images; arrays are read with `Record.arrays`."""

    epoch: int
    step: int
    real_tiles: tuple[str, ...]  # 4: one per row
    generated_tiles: tuple[tuple[str, ...], ...]  # 4 × 3
    ranges: tuple[tuple[float, float], ...]  # log10 Σ at the ends of each row's colour bar
    theta: tuple[tuple[float, ...], ...]  # 4 × d
    samples_arrays: str | None  # artifact digest of the .npz of the maps
    unit: str | None
    measured: Mapping[str, EpochMeasurement]  # by the name of the catalogue's statistic

    def of(self, statistic: MapStatistic) -> EpochMeasurement:
        return self.measured.get(statistic.name, EpochMeasurement(None, {}))

    # The one by which experiments are listed and compared.

    @property
    def power_arrays(self) -> str | None:
        return self.of(POWER_SPECTRUM).arrays

    @property
    def power_error(self) -> float | None:
        return self.of(POWER_SPECTRUM).summary.get("power_error")

    @property
    def power_uncertainty(self) -> float | None:
        return self.of(POWER_SPECTRUM).summary.get("power_uncertainty")


@dataclass(frozen=True)
class ExperimentDetail:
    summary: ExperimentSummary
    config: Mapping[str, Any]  # as ExperimentConfig.to_dict()
    config_digest: str
    parent: str | None
    notes: str
    run_folder: str
    parameter_space: Mapping[str, Any] | None  # ParameterSpace.to_dict(), known after the trainer has opened the data
    box_size: float | None  # Mpc/h
    grid: int | None
    unit: str | None
    attempts: tuple[AttemptRow, ...]
    checkpoints: tuple[CheckpointRow, ...]
    log_tail: str
    environment: Mapping[str, Any]
    truth_arrays: str | None  # artifact digest of truth.npz: θ, split and P(k) of every simulation
    peak_memory_bytes: int | None
    steps_per_epoch: int | None


@dataclass(frozen=True)
class Series:
    """One curve: each step from the latest attempt that owns it. `attempt` changes at a seam."""

    key: str
    split: str
    step: NDArray[np.int64]
    value: NDArray[np.float64]
    attempt: NDArray[np.int64]


@dataclass(frozen=True)
class SampleSpec:
    """A request for maps. Equal specs have equal results, so a second request is answered from the record."""

    experiment: str
    theta: tuple[float, ...]
    n: int
    seed: int
    sampler: str = "ddim"
    steps: int = 50
    guidance: float = 1.0
    weights: str = "ema"
    checkpoint: str = "best"


@dataclass(frozen=True)
class SampleRow:
    id: str
    spec: SampleSpec
    status: JobStatus
    progress: float  # 0 … 1
    message: str | None
    tiles: tuple[str, ...]  # artifact digests of WebP images, one per map
    value_range: tuple[float, float] | None  # log10 Σ at the ends of the colour bar
    result: str | None  # artifact digest of the .npz that `focus sample` would write
    seconds: float | None
    created_at: datetime.datetime
    measured: Mapping[str, SampleMeasurement]  # by the name of the catalogue's statistic; empty before it is done


@dataclass(frozen=True)
class JobRow:
    """Neither a training run nor a sample: `simulate` and `sampler_benchmark` on the training lane, `add_dataset` on
    the other."""

    id: str
    kind: str
    title: str
    arguments: Mapping[str, Any]
    status: JobStatus
    done: int
    total: int
    message: str | None
    created_at: datetime.datetime
    started_at: datetime.datetime | None
    ended_at: datetime.datetime | None


@dataclass(frozen=True)
class DatasetRow:
    name: str
    path: str
    digest: str
    n_maps: int
    n_simulations: int
    grid: int
    box_size: float | None
    unit: str | None
    parameter_space: Mapping[str, Any]
    provenance: Mapping[str, Any] | None = None
    survey: Mapping[str, Any] | None = None  # a worker's measurements; None before
    checked_at: datetime.datetime | None = None


@dataclass(frozen=True)
class Unfinished:
    """Content of a form that is neither saved nor queued: `version` is the one that its page last saw or wrote."""

    token: str
    version: int
    content: Mapping[str, Any]


@dataclass(frozen=True)
class EventRow:
    """One transition or remark, as it happened."""

    time: datetime.datetime
    # "status" | "wish" | "remark" | "note refused" | "note settled", or "sampler_benchmark", whose `after` is a digest
    kind: str
    before: str | None
    after: str | None
    message: str | None
    who: str


@dataclass(frozen=True)
class Speed:
    """Measured training speed, for estimating the time before a launch."""

    model_digest: str  # as focus_store.record.experiments.model_digest(config)
    grid: int | None
    device: str | None
    images_per_second: float


class Life(StrEnum):
    """The state of a worker, judged by the age of its last heartbeat."""

    LIVE = "live"  # its heartbeat is recent
    SILENT = "silent"  # a heartbeat is missing, but it still holds its work
    LOST = "lost"  # silent for longer than a lease: its work goes to another worker


# A heartbeat that is late by half its interval is normal on a busy machine; a later one has been missed.
FRESH_HEARTBEATS = 1.5


def life(heartbeat_age: float, heartbeat_seconds: float, lease_seconds: float) -> Life:
    """The only judgement of a worker's state; the age is measured with the database's clock."""
    if heartbeat_age >= lease_seconds:
        return Life.LOST
    return Life.LIVE if heartbeat_age < FRESH_HEARTBEATS * heartbeat_seconds else Life.SILENT


@dataclass(frozen=True)
class WorkerRow:
    id: str
    host: str
    lane: str  # "train" | "sample"
    pid: int
    device: str
    heartbeat_age: float  # seconds
    current: str | None  # public id of its current work
    slot: str | None = None  # the GPU that it holds for training
    message: str | None = None  # what it waits for
    memory_used: int | None = None  # bytes, of the GPU or by the worker and its children
    memory_total: int | None = None  # bytes
    utilisation: float | None = None  # of the device, 0 … 1
    life: Life = Life.LIVE


@dataclass(frozen=True)
class LaboratoryState:
    """The status line of every page."""

    running: int
    queued: int
    failed: int
    workers: tuple[WorkerRow, ...]  # live or silent; lost ones are not included
    heartbeat_age: float | None  # of the worker heard from last, seconds

    @property
    def silent(self) -> tuple[WorkerRow, ...]:
        return tuple(worker for worker in self.workers if worker.life is Life.SILENT)


@dataclass(frozen=True)
class Claim:
    """A worker's right to a row, until its lease expires. The token changes with every claim."""

    kind: str  # "experiment" | "job" | "sample"
    id: str
    token: str
    owner: str
    attempt: int  # of an experiment, from 1; 0 otherwise


class Wish(StrEnum):
    """What a worker learns when it renews its lease."""

    GO_ON = "go on"
    PAUSE = "pause"
    CANCEL = "cancel"
    LOST = "lost"  # another worker has the lease: stop at once and write nothing
