"""Tables as CSV or Parquet, written row by row, so that ten million points need no more memory than ten thousand."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from focus_core.errors import UserError

TableColumn = tuple[str, type]
# (path without suffix, columns, rows) → number of rows
Writer = Callable[[Path, tuple[TableColumn, ...], Iterable[tuple[Any, ...]]], int]
_ROWS_AT_A_TIME = 100_000


def write_csv(path: Path, columns: tuple[TableColumn, ...], rows: Iterable[tuple[Any, ...]]) -> int:
    """Floats to their last bit; nothing between the commas for a missing value."""
    count = 0
    with path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(name for name, _ in columns)
        for row in rows:
            writer.writerow(
                "" if value is None else repr(value) if isinstance(value, float) else value for value in row
            )
            count += 1
    return count


def write_parquet(path: Path, columns: tuple[TableColumn, ...], rows: Iterable[tuple[Any, ...]]) -> int:
    import pyarrow as pa  # it takes a second to import, and the other format does not need it
    import pyarrow.parquet as pq

    types = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    schema = pa.schema([(name, types[kind]) for name, kind in columns])
    count, rest = 0, iter(rows)
    with pq.ParquetWriter(path.with_suffix(".parquet"), schema) as writer:
        while batch := list(itertools.islice(rest, _ROWS_AT_A_TIME)):
            arrays = [
                pa.array(column, kind) for column, kind in zip(zip(*batch, strict=True), schema.types, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            count += len(batch)
    return count


WRITERS: Mapping[str, Writer] = {"csv": write_csv, "parquet": write_parquet}


def writer(name: str) -> Writer:
    """UserError for Parquet without pyarrow, which is installed with Streamlit but perhaps not with a bare worker."""
    if name == "parquet":
        try:
            import pyarrow  # noqa: F401
        except ModuleNotFoundError:
            raise UserError("--format parquet: needs pyarrow, which is not installed here; use --format csv.") from None
    return WRITERS[name]
