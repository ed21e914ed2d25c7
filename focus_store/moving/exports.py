"""An experiment as files for other programs: every point and curve, and everything that an import needs.

        <id>/experiment.json              the record's data, including the digest of the points
    <id>/points.csv                   attempt, key, split, step, value, kind, time
    <id>/spectra.csv                  epoch or sample, map, k, P(k), number of modes
    <id>/pdf.csv, …                   the same of every other statistic that was measured
    <id>/run/                         the run's folder: journal, figures, benchmarks, with --checkpoints all of it

With Parquet the tables are points.parquet, spectra.parquet, …, with the same columns.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from focus_core.catalogue.map_statistics import MAP_STATISTICS
from focus_core.catalogue.statistic_spec import MapStatistic
from focus_core.errors import UserError
from focus_core.paths import check_folder
from focus_core.progress import read_events
from focus_core.run_files import JOURNAL
from focus_store.database.blobs import unpacked
from focus_store.database.tables import Checkpoint, Experiment, Figure, Measurement
from focus_store.database.transitions import unknown_experiment
from focus_store.files.run_copying import copy_run, reason, remove
from focus_store.journal.ingest import CURVES
from focus_store.journal.points import Point, points, points_digest
from focus_store.moving.export_tables import TableColumn, Writer
from focus_store.moving.imports import MANIFEST
from focus_store.record.record import Record

POINT_COLUMNS: tuple[TableColumn, ...] = (
    ("attempt", int), ("key", str), ("split", str), ("step", int), ("value", float), ("kind", int), ("time", str),
)  # fmt: skip
_OF_CURVES: tuple[TableColumn, ...] = (
    ("epoch", int), ("sample", str), ("attempt", int), ("step", int), ("source", str), ("row", int), ("column", int),
)  # fmt: skip
Times = Mapping[tuple[int, str, str, int], str]


@dataclass(frozen=True)
class Exported:
    folder: Path
    points: int
    curves: int
    digest: str
    warnings: tuple[str, ...]


def export_run(record: Record, experiment_id: str, out: Path, write: Writer, *, checkpoints: bool = False) -> Exported:
    """Write `out/<id>`, completely or not at all; UserError if it exists already or cannot be written."""
    target, temporary = out / experiment_id, out / f".{experiment_id}.export"
    if target.exists():
        raise UserError(f"--out {out}: has {experiment_id} already; choose another folder, or delete that one.")
    check_folder(out, "--out")
    try:
        remove(temporary)
        temporary.mkdir(parents=True)
        exported = _write(record, experiment_id, temporary, write, checkpoints)
        temporary.rename(target)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written ({reason(error)}); choose another folder.") from error
    finally:
        remove(temporary)
    return dataclasses.replace(exported, folder=target)


def _write(record: Record, experiment_id: str, folder: Path, write: Writer, checkpoints: bool) -> Exported:
    run_folder, warnings = record.settings.run_folder(experiment_id), []
    with record.database.reading() as session:
        row = session.get(Experiment, experiment_id)
        if row is None:
            raise unknown_experiment(session, experiment_id)
        # The journal is copied before the points are read, so that it never contains more than the exported points.
        if (run_folder / JOURNAL).exists():
            copy_run(run_folder, folder / "run", weights=checkpoints)
        else:
            warnings.append(f"{run_folder}: has no journal, so this export can be read but not imported")
        times = _times(folder / "run" / JOURNAL)
        n_points = write(folder / "points", POINT_COLUMNS, _point_rows(points(session, experiment_id), times))
        curves = {
            statistic: write(folder / statistic.export, curve_columns(statistic), _rows(session, row.id, statistic))
            for statistic in _measured(session, row.id)
        }
        digest = points_digest(session, experiment_id)
        manifest = _manifest(record, session, row) | {"points": n_points, "points_sha256": digest}
    text = json.dumps(manifest, indent=1, ensure_ascii=False, default=_plain) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return Exported(folder, n_points, sum(curves.values()), digest, tuple(warnings))


def _times(journal: Path) -> Times:
    """When each point was written, from the journal; the record itself keeps no times of points."""
    return {
        (int(event["attempt"]), *name, int(event["step"])): str(event["time"])
        for event, _ in read_events(journal)
        for field, name in CURVES.get(event["kind"], {}).items()
        if event.get(field) is not None
    }


def _point_rows(found: Iterable[Point], times: Times) -> Iterator[tuple[Any, ...]]:
    for point in found:
        yield (*point, times.get((point.attempt, point.key, point.split, point.step)))


def _measured(session: Session, experiment_id: str) -> list[MapStatistic]:
    """The first has its table even if it was never measured."""
    query = select(Measurement.statistic).where(Measurement.experiment == experiment_id).distinct()
    names = {MAP_STATISTICS.first.name, *session.scalars(query)}
    return [statistic for statistic in MAP_STATISTICS.values() if statistic.name in names]


def curve_columns(statistic: MapStatistic) -> tuple[TableColumn, ...]:
    axis, value = statistic.axis.name, statistic.value.name
    weights: tuple[TableColumn, ...] = () if statistic.weights is None else ((statistic.weights, float),)
    return (*_OF_CURVES, (axis, float), (value, float), *weights, (f"{axis}_unit", str), (f"{value}_unit", str))


def _rows(session: Session, experiment_id: str, statistic: MapStatistic) -> Iterator[tuple[Any, ...]]:
    """One line per entry of the axis: `source` is "real" (one map per row) or "generated"."""
    query = select(Measurement).where(Measurement.experiment == experiment_id, Measurement.statistic == statistic.name)
    for found in session.scalars(query.order_by(Measurement.epoch, Measurement.sample)):
        arrays = unpacked(found.content)
        axis, units = arrays[statistic.axis.name], _units(statistic, arrays)
        weights = arrays.get(statistic.weights) if statistic.weights else None
        columns = arrays["generated"].shape[-2] if arrays["generated"].ndim == 3 else 1
        sources = {"generated": arrays["generated"].reshape(-1, columns, len(axis))}
        if "real" in arrays:
            sources["real"] = arrays["real"].reshape(-1, 1, len(axis))
        about = (found.epoch, found.sample, found.attempt, found.step)
        for source, values in sources.items():
            for i, j, at in _indices(values.shape):
                beside = () if statistic.weights is None else (None if weights is None else float(weights[at]),)
                yield (*about, source, i, j, float(axis[at]), float(values[i, j, at]), *beside, *units)


def _units(statistic: MapStatistic, arrays: Mapping[str, NDArray[Any]]) -> tuple[str, str]:
    """Units of the axis, and of the values."""
    box = float(arrays["box_size"]) if "box_size" in arrays else math.nan
    unit = str(arrays["unit"]) if "unit" in arrays else statistic.value.unit
    return statistic.axis_unit(None if math.isnan(box) else box), unit


def _indices(shape: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    rows, columns, bins = shape
    return ((i, j, b) for i in range(rows) for j in range(columns) for b in range(bins))


def _manifest(record: Record, session: Session, row: Experiment) -> dict[str, Any]:
    """Everything but points and spectra in the record of an experiment."""
    detail = record.experiments.get(row.id)
    plain = dataclasses.asdict(detail.summary) | {
        name: getattr(detail, name)
        for name in ("config", "config_digest", "parent", "notes", "environment", "parameter_space", "box_size", "grid")
    }
    plain |= {"unit": detail.unit, "attempts": [dataclasses.asdict(attempt) for attempt in detail.attempts]}
    written = session.scalars(
        select(Checkpoint).filter_by(experiment=row.id).order_by(Checkpoint.step, Checkpoint.role)
    )
    drawn = session.scalars(select(Figure).filter_by(experiment=row.id).order_by(Figure.epoch))
    plain["checkpoints"] = [_columns(checkpoint) for checkpoint in written]
    plain["figures"] = [_columns(figure) for figure in drawn]
    plain["events"] = [dataclasses.asdict(event) for event in record.experiments.events(row.id, limit=100_000)]
    return plain


def _columns(row: Any) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns if column.key != "experiment"}


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)
