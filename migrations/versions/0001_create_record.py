"""Create the record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Written out, not imported from the tables: those move on, this does not.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "artifact",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("suffix", sa.Text(), nullable=False),
        sa.Column("bytes", BIG, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_artifact")),
    )
    op.create_table(
        "dataset",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("n_maps", BIG, nullable=False),
        sa.Column("n_simulations", BIG, nullable=False),
        sa.Column("grid", BIG, nullable=False),
        sa.Column("box_size", sa.Float(precision=53), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("parameter_space", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("provenance", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_dataset")),
    )
    op.create_table(
        "event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event") as batch_op:
        batch_op.create_index(batch_op.f("ix_event_subject_id"), ["subject", "id"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("arguments", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("done", BIG, nullable=False),
        sa.Column("total", BIG, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("priority", BIG, nullable=False),
        sa.Column("retries", BIG, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("queued_at", TIME, nullable=True),
        sa.Column("published_at", TIME, nullable=True),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("heartbeat_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    with op.batch_alter_table("job") as batch_op:
        batch_op.create_index(batch_op.f("ix_job_status_queued_at"), ["status", "queued_at"], unique=False)

    op.create_table(
        "worker",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("pid", BIG, nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("current", sa.Text(), nullable=True),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("heartbeat_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
    )
    op.create_table(
        "experiment",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("config", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("config_digest", sa.Text(), nullable=False),
        sa.Column("model_digest", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=True),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("after_job", sa.Text(), nullable=True),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("desired_state", sa.Text(), nullable=False),
        sa.Column("archived_at", TIME, nullable=True),
        sa.Column("change", BIG, nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("progressed_at", TIME, nullable=True),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("num_epochs", BIG, nullable=False),
        sa.Column("step", BIG, nullable=False),
        sa.Column("steps_per_epoch", BIG, nullable=True),
        sa.Column("parameters", BIG, nullable=True),
        sa.Column("best_val_loss", sa.Float(precision=53), nullable=True),
        sa.Column("last_val_loss", sa.Float(precision=53), nullable=True),
        sa.Column("power_error", sa.Float(precision=53), nullable=True),
        sa.Column("images_per_second", sa.Float(precision=53), nullable=True),
        sa.Column("seconds_per_epoch", sa.Float(precision=53), nullable=True),
        sa.Column("seconds_trained", sa.Float(precision=53), nullable=False),
        sa.Column("peak_memory_bytes", BIG, nullable=True),
        sa.Column("loss_sparkline", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("thumbnail", sa.Text(), nullable=True),
        sa.Column("parameter_space", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("box_size", sa.Float(precision=53), nullable=True),
        sa.Column("grid", BIG, nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("environment", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("truth_arrays", sa.Text(), nullable=True),
        sa.Column("log_tail", sa.Text(), nullable=False),
        sa.Column("journal_offset", BIG, nullable=False),
        sa.Column("journal_line", BIG, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("priority", BIG, nullable=False),
        sa.Column("retries", BIG, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("queued_at", TIME, nullable=True),
        sa.Column("published_at", TIME, nullable=True),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("heartbeat_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["after_job"], ["job.id"], name=op.f("fk_experiment_after_job_job")),
        sa.ForeignKeyConstraint(["parent"], ["experiment.id"], name=op.f("fk_experiment_parent_experiment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiment")),
    )
    with op.batch_alter_table("experiment") as batch_op:
        batch_op.create_index(batch_op.f("ix_experiment_config_digest"), ["config_digest"], unique=False)
        batch_op.create_index(batch_op.f("ix_experiment_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_experiment_dataset"), ["dataset"], unique=False)
        batch_op.create_index(batch_op.f("ix_experiment_status_queued_at"), ["status", "queued_at"], unique=False)

    op.create_table(
        "attempt",
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("pid", BIG, nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("versions", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("resumed_epoch", BIG, nullable=True),
        sa.Column("resumed_step", BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["experiment"], ["experiment.id"], name=op.f("fk_attempt_experiment_experiment"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("experiment", "number", name=op.f("pk_attempt")),
    )
    op.create_table(
        "checkpoint",
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("attempt", BIG, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("step", BIG, nullable=False),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("val_loss", sa.Float(precision=53), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("bytes", BIG, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("written_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment"], ["experiment.id"], name=op.f("fk_checkpoint_experiment_experiment"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("experiment", "attempt", "role", "step", "sha256", name=op.f("pk_checkpoint")),
    )
    op.create_table(
        "experiment_param",
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("number", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(
            ["experiment"],
            ["experiment.id"],
            name=op.f("fk_experiment_param_experiment_experiment"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("experiment", "key", name=op.f("pk_experiment_param")),
    )
    with op.batch_alter_table("experiment_param") as batch_op:
        batch_op.create_index(batch_op.f("ix_experiment_param_key_number"), ["key", "number"], unique=False)

    op.create_table(
        "figure",
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("attempt", BIG, nullable=False),
        sa.Column("step", BIG, nullable=False),
        sa.Column("real_tiles", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("generated_tiles", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("ranges", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("theta", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("arrays", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["experiment"], ["experiment.id"], name=op.f("fk_figure_experiment_experiment"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("experiment", "epoch", name=op.f("pk_figure")),
    )
    op.create_table(
        "metric_series",
        sa.Column("id", BIG, nullable=False),
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("attempt", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment"], ["experiment.id"], name=op.f("fk_metric_series_experiment_experiment"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric_series")),
        sa.UniqueConstraint(
            "experiment", "attempt", "key", "split", name=op.f("uq_metric_series_experiment_attempt_key_split")
        ),
    )
    op.create_table(
        "sample_request",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("theta", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("n", BIG, nullable=False),
        sa.Column("seed", BIG, nullable=False),
        sa.Column("sampler", sa.Text(), nullable=False),
        sa.Column("steps", BIG, nullable=False),
        sa.Column("guidance", sa.Float(precision=53), nullable=False),
        sa.Column("weights", sa.Text(), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=False),
        sa.Column("checkpoint_sha256", sa.Text(), nullable=True),
        sa.Column("progress", sa.Float(precision=53), nullable=False),
        sa.Column("tiles", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("value_low", sa.Float(precision=53), nullable=True),
        sa.Column("value_high", sa.Float(precision=53), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Float(precision=53), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("priority", BIG, nullable=False),
        sa.Column("retries", BIG, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("queued_at", TIME, nullable=True),
        sa.Column("published_at", TIME, nullable=True),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("heartbeat_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["experiment"], ["experiment.id"], name=op.f("fk_sample_request_experiment_experiment"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sample_request")),
    )
    with op.batch_alter_table("sample_request") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_sample_request_experiment_created_at"), ["experiment", "created_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_sample_request_request_digest"), ["request_digest"], unique=False)
        batch_op.create_index(batch_op.f("ix_sample_request_status_queued_at"), ["status", "queued_at"], unique=False)

    op.create_table(
        "metric_point",
        sa.Column("series_id", BIG, nullable=False),
        sa.Column("step", BIG, nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=True),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["metric_series.id"],
            name=op.f("fk_metric_point_series_id_metric_series"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("series_id", "step", name=op.f("pk_metric_point")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "metric_summary",
        sa.Column("series_id", BIG, nullable=False),
        sa.Column("n", BIG, nullable=False),
        sa.Column("last_step", BIG, nullable=False),
        sa.Column("last_value", sa.Float(precision=53), nullable=True),
        sa.Column("min_value", sa.Float(precision=53), nullable=True),
        sa.Column("max_value", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["metric_series.id"],
            name=op.f("fk_metric_summary_series_id_metric_series"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("series_id", name=op.f("pk_metric_summary")),
    )
    op.create_table(
        "spectrum",
        sa.Column("id", BIG, nullable=False),
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("epoch", BIG, nullable=True),
        sa.Column("attempt", BIG, nullable=True),
        sa.Column("step", BIG, nullable=True),
        sa.Column("sample", sa.Text(), nullable=True),
        sa.Column("shape", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("k", sa.LargeBinary(), nullable=False),
        sa.Column("power", sa.LargeBinary(), nullable=False),
        sa.Column("real", sa.LargeBinary(), nullable=True),
        sa.Column("n_modes", sa.LargeBinary(), nullable=True),
        sa.Column("box_size", sa.Float(precision=53), nullable=True),
        sa.Column("grid", BIG, nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("arrays", sa.Text(), nullable=True),
        sa.Column("power_error", sa.Float(precision=53), nullable=True),
        sa.Column("power_ratio", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("bands", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["experiment"], ["experiment.id"], name=op.f("fk_spectrum_experiment_experiment"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sample"], ["sample_request.id"], name=op.f("fk_spectrum_sample_sample_request"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spectrum")),
        sa.UniqueConstraint("experiment", "epoch", name=op.f("uq_spectrum_experiment_epoch")),
        sa.UniqueConstraint("sample", name=op.f("uq_spectrum_sample")),
    )


def downgrade() -> None:
    op.drop_table("spectrum")
    op.drop_table("metric_summary")
    op.drop_table("metric_point")
    with op.batch_alter_table("sample_request") as batch_op:
        batch_op.drop_index(batch_op.f("ix_sample_request_status_queued_at"))
        batch_op.drop_index(batch_op.f("ix_sample_request_request_digest"))
        batch_op.drop_index(batch_op.f("ix_sample_request_experiment_created_at"))

    op.drop_table("sample_request")
    op.drop_table("metric_series")
    op.drop_table("figure")
    with op.batch_alter_table("experiment_param") as batch_op:
        batch_op.drop_index(batch_op.f("ix_experiment_param_key_number"))

    op.drop_table("experiment_param")
    op.drop_table("checkpoint")
    op.drop_table("attempt")
    with op.batch_alter_table("experiment") as batch_op:
        batch_op.drop_index(batch_op.f("ix_experiment_status_queued_at"))
        batch_op.drop_index(batch_op.f("ix_experiment_dataset"))
        batch_op.drop_index(batch_op.f("ix_experiment_created_at"))
        batch_op.drop_index(batch_op.f("ix_experiment_config_digest"))

    op.drop_table("experiment")
    op.drop_table("worker")
    with op.batch_alter_table("job") as batch_op:
        batch_op.drop_index(batch_op.f("ix_job_status_queued_at"))

    op.drop_table("job")
    with op.batch_alter_table("event") as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_subject_id"))

    op.drop_table("event")
    op.drop_table("dataset")
    op.drop_table("artifact")
