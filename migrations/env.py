"""Alembic's entry: migrates the connection that `migrations.upgrade` hands over, or a database named on the way in."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection

from focus_store.database.engine import check_references, make_engine
from focus_store.database.tables import Base


def run(connection: Connection) -> None:
    # SQLite cannot alter tables in place: batch mode copies them.
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    address = context.get_x_argument(as_dictionary=True).get("url") or os.environ.get("FOCUS_DATABASE_URL")
    if not address:
        raise SystemExit("alembic: set FOCUS_DATABASE_URL, or use: focus-lab migrate")
    with make_engine(str(address), writes=True, migrates=True).begin() as opened:
        run(opened)
        check_references(opened)
