"""Add what stands on a page *New* that was neither saved nor queued."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "unfinished_form",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_unfinished_form")),
    )
    op.create_index(op.f("ix_unfinished_form_changed_at"), "unfinished_form", ["changed_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_unfinished_form_changed_at"), table_name="unfinished_form")
    op.drop_table("unfinished_form")
