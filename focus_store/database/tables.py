"""The tables of the record. `migrations/` creates them; a test checks that the two agree.

Text is TEXT, times are UTC and aware, arrays are files or blobs and never rows of numbers. `metric_point` is as narrow
as possible (27 bytes per row on SQLite), and everything that a list shows is beside it, so that lists never join it.
"""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

# The revision that this code reads and writes. `focus-lab migrate` brings a database to it.
REVISION = "0007"

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# 8 bytes everywhere; on SQLite only INTEGER can be a rowid.
BigInt = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime.datetime]):
    """Aware UTC in Python; `timestamptz` on PostgreSQL, naive UTC text on SQLite, which has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: Dialect) -> datetime.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time in the record must be aware")
        utc = value.astimezone(datetime.UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime.datetime | None, dialect: Dialect) -> datetime.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=datetime.UTC) if value.tzinfo is None else value.astimezone(datetime.UTC)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy's own protocol
        str: Text(),
        int: BigInt,
        float: Float(53),
        datetime.datetime: UtcDateTime(),
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
    }


class Leased:
    """Columns of rows that a worker can claim: experiments, jobs and sample requests.

    `queued_at` orders the lane, `published_at` is when its message was last sent, and the lease says which worker has
    it, and until when. All times come from the database's clock.
    """

    status: Mapped[str]
    message: Mapped[str | None]
    priority: Mapped[int] = mapped_column(default=0)
    retries: Mapped[int] = mapped_column(default=0)  # automatic restarts since the user's last request
    created_at: Mapped[datetime.datetime]
    queued_at: Mapped[datetime.datetime | None]
    published_at: Mapped[datetime.datetime | None]
    started_at: Mapped[datetime.datetime | None]
    ended_at: Mapped[datetime.datetime | None]
    lease_token: Mapped[str | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime.datetime | None]
    heartbeat_at: Mapped[datetime.datetime | None]


class Job(Leased, Base):
    """Work besides training and sampling; its kinds are in `focus_core.catalogue.jobs`."""

    __tablename__ = "job"
    __table_args__ = (Index(None, "status", "queued_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    title: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    cancel: Mapped[bool] = mapped_column(default=False)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)


class Experiment(Leased, Base):
    """The user's experiment, the state requested for it, and its progress."""

    __tablename__ = "experiment"
    __table_args__ = (
        Index(None, "status", "queued_at"),
        Index(None, "created_at"),
        Index(None, "config_digest"),
        Index(None, "dataset"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    config: Mapped[dict[str, Any]]
    config_digest: Mapped[str]
    model_digest: Mapped[str]
    dataset: Mapped[str]
    recipe: Mapped[str | None]
    parent: Mapped[str | None] = mapped_column(ForeignKey("experiment.id"))
    after_job: Mapped[str | None] = mapped_column(ForeignKey("job.id"))  # not due while that job is under way
    tags: Mapped[list[Any]] = mapped_column(default=list)
    notes: Mapped[str] = mapped_column(default="")
    desired_state: Mapped[str]
    archived_at: Mapped[datetime.datetime | None]
    change: Mapped[int] = mapped_column(default=1)  # grows with every write; live pages poll it
    attempts: Mapped[int] = mapped_column(default=0)
    progressed_at: Mapped[datetime.datetime | None]  # when the journal last grew

    # Shown in lists, updated when the journal is ingested.
    epoch: Mapped[int] = mapped_column(default=0)
    num_epochs: Mapped[int]
    step: Mapped[int] = mapped_column(default=0)
    steps_per_epoch: Mapped[int | None]
    parameters: Mapped[int | None]
    best_val_loss: Mapped[float | None]
    last_val_loss: Mapped[float | None]
    power_error: Mapped[float | None]
    power_uncertainty: Mapped[float | None]
    power_maps: Mapped[int | None]
    power_simulations: Mapped[int | None]
    evaluation: Mapped[dict[str, Any] | None]  # a summary; the whole is an artifact
    images_per_second: Mapped[float | None]
    seconds_per_epoch: Mapped[float | None]
    seconds_trained: Mapped[float] = mapped_column(default=0.0)
    peak_memory_bytes: Mapped[int | None]
    loss_sparkline: Mapped[list[Any]] = mapped_column(default=list)
    thumbnail: Mapped[str | None]

    # Recorded by the trainer when it opened the data.
    parameter_space: Mapped[dict[str, Any] | None]
    box_size: Mapped[float | None]
    grid: Mapped[int | None]
    unit: Mapped[str | None]
    device: Mapped[str | None]
    environment: Mapped[dict[str, Any] | None]
    truth_arrays: Mapped[str | None]
    log_tail: Mapped[str] = mapped_column(default="")

    # How much of the journal has been ingested.
    journal_offset: Mapped[int] = mapped_column(default=0)
    journal_line: Mapped[int] = mapped_column(default=0)


class ExperimentParam(Base):
    """The configuration, flattened, for filters."""

    __tablename__ = "experiment_param"
    __table_args__ = (Index(None, "key", "number"),)

    experiment: Mapped[str] = mapped_column(ForeignKey("experiment.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    number: Mapped[float | None]


class Attempt(Base):
    """One start of the trainer."""

    __tablename__ = "attempt"

    experiment: Mapped[str] = mapped_column(ForeignKey("experiment.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    worker: Mapped[str]
    host: Mapped[str]
    device: Mapped[str | None]
    pid: Mapped[int | None]
    lease_token: Mapped[str | None]
    started_at: Mapped[datetime.datetime]
    ended_at: Mapped[datetime.datetime | None]
    reason: Mapped[str | None]
    resumed_epoch: Mapped[int | None]
    resumed_step: Mapped[int | None]


class MetricSeries(Base):
    __tablename__ = "metric_series"
    __table_args__ = (UniqueConstraint("experiment", "attempt", "key", "split"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment: Mapped[str] = mapped_column(ForeignKey("experiment.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    key: Mapped[str]
    split: Mapped[str]


class MetricPoint(Base):
    """One value. `kind` is 0 for a number; 1, 2, 3 for NaN, +∞, −∞, whose `value` is NULL."""

    __tablename__ = "metric_point"
    __table_args__ = ({"sqlite_with_rowid": False},)

    series_id: Mapped[int] = mapped_column(ForeignKey("metric_series.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[float | None]
    kind: Mapped[int] = mapped_column(SmallInteger, default=0)


class Checkpoint(Base):
    """Every file that was written, including those replaced by a later one of the same role."""

    __tablename__ = "checkpoint"

    experiment: Mapped[str] = mapped_column(ForeignKey("experiment.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    val_loss: Mapped[float | None]
    path: Mapped[str]
    bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(primary_key=True)  # a stop right after an epoch writes the same step again
    written_at: Mapped[datetime.datetime]


class Artifact(Base):
    """A file under the artifact root, named by its content."""

    __tablename__ = "artifact"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    suffix: Mapped[str]
    bytes: Mapped[int]
    path: Mapped[str]
    created_at: Mapped[datetime.datetime]


class Figure(Base):
    """The tiles of one epoch's samples; all are digests of artifacts."""

    __tablename__ = "figure"

    experiment: Mapped[str] = mapped_column(ForeignKey("experiment.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    attempt: Mapped[int]
    step: Mapped[int]
    real_tiles: Mapped[list[Any]]
    generated_tiles: Mapped[list[Any]]
    ranges: Mapped[list[Any]]
    theta: Mapped[list[Any]]
    arrays: Mapped[str | None]
    unit: Mapped[str | None]


class SampleRequest(Leased, Base):
    """A request for maps. `request_digest` covers the specification and the checkpoint's content."""

    __tablename__ = "sample_request"
    __table_args__ = (
        Index(None, "status", "queued_at"),
        Index(None, "experiment", "created_at"),
        Index(None, "request_digest"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    experiment: Mapped[str] = mapped_column(ForeignKey("experiment.id", ondelete="CASCADE"))
    request_digest: Mapped[str]
    theta: Mapped[list[Any]]
    n: Mapped[int]
    seed: Mapped[int]
    sampler: Mapped[str]
    steps: Mapped[int]
    guidance: Mapped[float]
    weights: Mapped[str]
    checkpoint: Mapped[str]
    checkpoint_sha256: Mapped[str | None]
    progress: Mapped[float] = mapped_column(default=0.0)
    tiles: Mapped[list[Any]] = mapped_column(default=list)
    value_low: Mapped[float | None]
    value_high: Mapped[float | None]
    result: Mapped[str | None]
    seconds: Mapped[float | None]


class Measurement(Base):
    """A statistic of the catalogue, of an epoch's maps or of a sample's; that of a dataset is in its survey's arrays.

    `content` is an .npz with the arrays under the names that the catalogue's entry gives its axes: `generated` (4, 3,
    q) and `real` (4, q) of an epoch, `generated` (n, q) of a sample. `artifact` is the digest of the same file if it
    is one of a run's. `summary` is the statistic's summary in plain numbers.
    """

    __tablename__ = "measurement"
    __table_args__ = (UniqueConstraint("experiment", "epoch", "statistic"), UniqueConstraint("sample", "statistic"))

    id: Mapped[int] = mapped_column(primary_key=True)
    statistic: Mapped[str]
    experiment: Mapped[str] = mapped_column(ForeignKey("experiment.id", ondelete="CASCADE"))
    epoch: Mapped[int | None]
    attempt: Mapped[int | None]
    step: Mapped[int | None]
    sample: Mapped[str | None] = mapped_column(ForeignKey("sample_request.id", ondelete="CASCADE"))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    artifact: Mapped[str | None]
    summary: Mapped[dict[str, Any]]


class Dataset(Base):
    __tablename__ = "dataset"

    name: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str]
    digest: Mapped[str]
    n_maps: Mapped[int]
    n_simulations: Mapped[int]
    grid: Mapped[int]
    box_size: Mapped[float | None]
    unit: Mapped[str | None]
    parameter_space: Mapped[dict[str, Any]]
    provenance: Mapped[dict[str, Any] | None]
    survey: Mapped[dict[str, Any] | None]  # statistics, digests of arrays and sheets, stamps of the files
    checked_at: Mapped[datetime.datetime | None]  # when every pixel and label was read
    created_at: Mapped[datetime.datetime]


class Worker(Base):
    """One row per process that takes work; its heartbeat is a column, so that the table never grows with time."""

    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    lane: Mapped[str]
    pid: Mapped[int]
    device: Mapped[str]
    current: Mapped[str | None]
    slot: Mapped[str | None]  # the GPU that it trains on; none on a processor, and none for a sampler
    message: Mapped[str | None]  # what it waits for
    memory_used: Mapped[int | None]  # bytes, of the GPU or by the worker and its children
    memory_total: Mapped[int | None]
    utilisation: Mapped[float | None]  # of the device, 0 … 1
    started_at: Mapped[datetime.datetime]
    heartbeat_at: Mapped[datetime.datetime]


class GpuSlot(Base):
    """The right to train on one GPU, held by one worker under a lease. `id` is the GPU's own, or host:index."""

    __tablename__ = "gpu_slot"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    device: Mapped[str]
    lease_token: Mapped[str | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime.datetime | None]


class UnfinishedForm(Base):
    """Content of a page *New* that was neither saved nor queued, under the token of its address. Old ones go."""

    __tablename__ = "unfinished_form"
    __table_args__ = (Index(None, "changed_at"),)

    token: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]  # grows with every write
    writer: Mapped[str]  # the page that wrote it last
    content: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime.datetime]


class Event(Base):
    """Events, append-only. `subject` is the public id of an experiment, a job or a sample request."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "subject", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str]
    time: Mapped[datetime.datetime]
    kind: Mapped[str]
    before: Mapped[str | None]
    after: Mapped[str | None]
    message: Mapped[str | None]
    who: Mapped[str]
