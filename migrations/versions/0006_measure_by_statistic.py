"""One row for every statistic of an epoch or a sample: `measurement` takes the place of `spectrum`.

What nothing reads goes: `metric_summary`, which is counted again on the way down, and `attempt.versions`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOUBLE, PLAIN = sa.Float(precision=53), sa.JSON(none_as_null=True)
POWER = "power_spectrum"
SUMMARY = ("power_error", "power_uncertainty", "power_maps", "power_simulations", "power_ratio", "bands", "truth")
PIECE = 200  # rows in memory at once

measurement = sa.table(
    "measurement",
    sa.column("id", BIG), sa.column("statistic", sa.Text()), sa.column("experiment", sa.Text()),
    sa.column("epoch", BIG), sa.column("attempt", BIG), sa.column("step", BIG), sa.column("sample", sa.Text()),
    sa.column("content", sa.LargeBinary()), sa.column("artifact", sa.Text()), sa.column("summary", PLAIN),
)  # fmt: skip
spectrum = sa.table(
    "spectrum",
    sa.column("id", BIG), sa.column("experiment", sa.Text()), sa.column("epoch", BIG), sa.column("attempt", BIG),
    sa.column("step", BIG), sa.column("sample", sa.Text()), sa.column("shape", PLAIN),
    sa.column("k", sa.LargeBinary()), sa.column("power", sa.LargeBinary()), sa.column("real", sa.LargeBinary()),
    sa.column("n_modes", sa.LargeBinary()), sa.column("box_size", DOUBLE), sa.column("grid", BIG),
    sa.column("unit", sa.Text()), sa.column("arrays", sa.Text()), sa.column("power_error", DOUBLE),
    sa.column("power_uncertainty", DOUBLE), sa.column("power_maps", BIG), sa.column("power_simulations", BIG),
    sa.column("truth", PLAIN), sa.column("power_ratio", PLAIN), sa.column("bands", PLAIN),
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "measurement",
        sa.Column("id", BIG, nullable=False),
        sa.Column("statistic", sa.Text(), nullable=False),
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("epoch", BIG, nullable=True),
        sa.Column("attempt", BIG, nullable=True),
        sa.Column("step", BIG, nullable=True),
        sa.Column("sample", sa.Text(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("artifact", sa.Text(), nullable=True),
        sa.Column("summary", PLAIN, nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment"], ["experiment.id"], name=op.f("fk_measurement_experiment_experiment"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sample"], ["sample_request.id"], name=op.f("fk_measurement_sample_sample_request"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurement")),
        sa.UniqueConstraint("experiment", "epoch", "statistic", name=op.f("uq_measurement_experiment_epoch_statistic")),
        sa.UniqueConstraint("sample", "statistic", name=op.f("uq_measurement_sample_statistic")),
    )
    for rows in _in_pieces(spectrum):
        op.bulk_insert(measurement, [_measurement(row) for row in rows])
    op.drop_table("spectrum")
    op.drop_table("metric_summary")
    with op.batch_alter_table("attempt") as batch_op:
        batch_op.drop_column("versions")


def downgrade() -> None:
    """What was measured of other statistics than P(k) has no table there; journals have the epochs' still."""
    with op.batch_alter_table("attempt") as batch_op:
        batch_op.add_column(sa.Column("versions", PLAIN, nullable=True))
    _create_metric_summary()
    _create_spectrum()
    for rows in _in_pieces(measurement):
        found = [_spectrum(row) for row in rows if row["statistic"] == POWER]
        if found:
            op.bulk_insert(spectrum, found)
    op.drop_table("measurement")


def _in_pieces(table: sa.TableClause) -> Iterator[list[sa.RowMapping]]:
    last = 0
    query = sa.select(table).order_by(table.c.id).limit(PIECE)
    while rows := list(op.get_bind().execute(query.where(table.c.id > last)).mappings()):
        last = rows[-1]["id"]
        yield rows


def _measurement(row: sa.RowMapping) -> dict[str, Any]:
    values = {name: _floats(row[name]) for name in ("k", "power", "real", "n_modes")}
    nk = len(values["k"])
    arrays = {
        "k": values["k"],
        "n_modes": values["n_modes"],
        "generated": values["power"].reshape(row["shape"]),
        "real": None if values["real"] is None else values["real"].reshape(-1, nk),
        "box_size": np.float64(math.nan if row["box_size"] is None else row["box_size"]),
        "grid": None if row["grid"] is None else np.int64(row["grid"]),
        "unit": np.array(row["unit"]),
    }
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **{name: array for name, array in arrays.items() if array is not None})
    kept = {name: row[name] for name in ("experiment", "epoch", "attempt", "step", "sample")}
    summary = {name: row[name] for name in SUMMARY if row[name] is not None}
    return kept | {
        "statistic": POWER, "content": content.getvalue(), "artifact": row["arrays"], "summary": summary,
    }  # fmt: skip


def _spectrum(row: sa.RowMapping) -> dict[str, Any]:
    with np.load(io.BytesIO(row["content"]), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    box = float(arrays["box_size"]) if "box_size" in arrays else math.nan
    kept = {name: row[name] for name in ("experiment", "epoch", "attempt", "step", "sample")}
    return kept | {
        "shape": list(arrays["generated"].shape),
        "k": _blob(arrays["k"]),
        "power": _blob(arrays["generated"]),
        "real": _blob(arrays.get("real")),
        "n_modes": _blob(arrays.get("n_modes")),
        "box_size": None if math.isnan(box) else box,
        "grid": int(arrays["grid"]) if "grid" in arrays else 2 * len(arrays["k"]),
        "unit": str(arrays["unit"]) if "unit" in arrays else "(Mpc/h)²",
        "arrays": row["artifact"],
        **{name: row["summary"].get(name) for name in SUMMARY},
    }


def _floats(blob: bytes | None) -> Any:
    return None if blob is None else np.frombuffer(blob, dtype="<f8")


def _blob(array: Any) -> bytes | None:
    return None if array is None else np.ascontiguousarray(array, dtype="<f8").tobytes()


def _create_spectrum() -> None:
    op.create_table(
        "spectrum",
        sa.Column("id", BIG, nullable=False),
        sa.Column("experiment", sa.Text(), nullable=False),
        *(sa.Column(name, BIG, nullable=True) for name in ("epoch", "attempt", "step")),
        sa.Column("sample", sa.Text(), nullable=True),
        sa.Column("shape", PLAIN, nullable=False),
        sa.Column("k", sa.LargeBinary(), nullable=False),
        sa.Column("power", sa.LargeBinary(), nullable=False),
        sa.Column("real", sa.LargeBinary(), nullable=True),
        sa.Column("n_modes", sa.LargeBinary(), nullable=True),
        sa.Column("box_size", DOUBLE, nullable=True),
        sa.Column("grid", BIG, nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("arrays", sa.Text(), nullable=True),
        sa.Column("power_error", DOUBLE, nullable=True),
        sa.Column("power_ratio", PLAIN, nullable=True),
        sa.Column("bands", PLAIN, nullable=True),
        sa.Column("power_uncertainty", DOUBLE, nullable=True),
        *(sa.Column(name, BIG, nullable=True) for name in ("power_maps", "power_simulations")),
        sa.Column("truth", PLAIN, nullable=True),
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


def _create_metric_summary() -> None:
    op.create_table(
        "metric_summary",
        sa.Column("series_id", BIG, nullable=False),
        sa.Column("n", BIG, nullable=False),
        sa.Column("last_step", BIG, nullable=False),
        *(sa.Column(name, DOUBLE, nullable=True) for name in ("last_value", "min_value", "max_value")),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["metric_series.id"],
            name=op.f("fk_metric_summary_series_id_metric_series"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("series_id", name=op.f("pk_metric_summary")),
    )
    op.execute(
        "INSERT INTO metric_summary (series_id, n, last_step, last_value, min_value, max_value) "
        "SELECT c.series_id, c.n, c.last_step, p.value, c.lowest, c.highest FROM (SELECT series_id, count(*) AS n, "
        "max(step) AS last_step, min(value) AS lowest, max(value) AS highest "
        "FROM metric_point GROUP BY series_id) AS c "
        "JOIN metric_point AS p ON p.series_id = c.series_id AND p.step = c.last_step"
    )
