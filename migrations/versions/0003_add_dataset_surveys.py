"""Add what a survey measured of a dataset, and how busy a worker's device is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("dataset") as batch_op:
        batch_op.add_column(sa.Column("survey", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("checked_at", TIME, nullable=True))
    with op.batch_alter_table("worker") as batch_op:
        batch_op.add_column(sa.Column("memory_used", BIG, nullable=True))
        batch_op.add_column(sa.Column("memory_total", BIG, nullable=True))
        batch_op.add_column(sa.Column("utilisation", sa.Float(precision=53), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("worker") as batch_op:
        batch_op.drop_column("utilisation")
        batch_op.drop_column("memory_total")
        batch_op.drop_column("memory_used")
    with op.batch_alter_table("dataset") as batch_op:
        batch_op.drop_column("checked_at")
        batch_op.drop_column("survey")
