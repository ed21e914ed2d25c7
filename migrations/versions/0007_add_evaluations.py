"""Add what the list of experiments says of a run's evaluation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.batch_alter_table("experiment") as batch_op:
        batch_op.add_column(sa.Column("evaluation", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("experiment") as batch_op:
        batch_op.drop_column("evaluation")
