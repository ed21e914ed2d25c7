"""Add the standard error of an epoch's P(k) error and what it is of, and the truth that a sample is held against."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COUNTS = ("power_maps", "power_simulations")


def upgrade() -> None:
    for table in ("experiment", "spectrum"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.add_column(sa.Column("power_uncertainty", sa.Float(precision=53), nullable=True))
            for name in COUNTS:
                batch_op.add_column(sa.Column(name, BIG, nullable=True))
    with op.batch_alter_table("spectrum") as batch_op:
        batch_op.add_column(sa.Column("truth", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("spectrum") as batch_op:
        batch_op.drop_column("truth")
    for table in ("spectrum", "experiment"):
        with op.batch_alter_table(table) as batch_op:
            for name in (*COUNTS, "power_uncertainty"):
                batch_op.drop_column(name)
