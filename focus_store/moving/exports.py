"""An experiment as files that other programs read: every point and spectrum, and what an import needs to bring it back.

    <id>/experiment.json              what the record knows, the digest of the points included
    <id>/points.csv                   attempt, key, split, step, value, kind, time
    <id>/spectra.csv                  epoch or sample, map, k, P(k), number of modes
    <id>/run/                         the run's folder: journal, figures, benchmarks, with --checkpoints all of it

With Parquet the two tables are points.parquet and spectra.parquet, with the same columns.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from focus_core.errors import UserError
from focus_core.paths import check_folder
from focus_core.progress import read_events
from focus_core.run_files import JOURNAL
from focus_store.database.blobs import floats
from focus_store.database.tables import Checkpoint, Experiment, Figure, Spectrum
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
SPECTRUM_COLUMNS: tuple[TableColumn, ...] = (
    ("epoch", int), ("sample", str), ("attempt", int), ("step", int), ("source", str), ("row", int), ("column", int),
    ("k", float), ("power", float), ("n_modes", float), ("k_unit", str), ("power_unit", str),
)  # fmt: skip
K_UNIT = "h/Mpc"
Times = Mapping[tuple[int, str, str, int], str]


@dataclass(frozen=True)
class Exported:
    folder: Path
    points: int
    spectra: int
    digest: str
    warnings: tuple[str, ...]


def export_run(record: Record, experiment_id: str, out: Path, write: Writer, *, checkpoints: bool = False) -> Exported:
    """Write `out/<id>`, wholly or not at all; UserError when it is there already or cannot be written."""
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
        # The journal is copied before the points are read: it then never tells of more than is told here.
        if (run_folder / JOURNAL).exists():
            copy_run(run_folder, folder / "run", weights=checkpoints)
        else:
            warnings.append(f"{run_folder}: has no journal, so this export can be read but not imported")
        times = _times(folder / "run" / JOURNAL)
        n_points = write(folder / "points", POINT_COLUMNS, _point_rows(points(session, experiment_id), times))
        n_spectra = write(folder / "spectra", SPECTRUM_COLUMNS, _spectrum_rows(session, experiment_id))
        digest = points_digest(session, experiment_id)
        manifest = _manifest(record, session, row) | {"points": n_points, "points_sha256": digest}
    text = json.dumps(manifest, indent=1, ensure_ascii=False, default=_plain) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return Exported(folder, n_points, n_spectra, digest, tuple(warnings))


def _times(journal: Path) -> Times:
    """When each point was written, as the journal tells; the record itself keeps no times of points."""
    return {
        (int(event["attempt"]), *name, int(event["step"])): str(event["time"])
        for event, _ in read_events(journal)
        for field, name in CURVES.get(event["kind"], {}).items()
        if event.get(field) is not None
    }


def _point_rows(found: Iterable[Point], times: Times) -> Iterator[tuple[Any, ...]]:
    for point in found:
        yield (*point, times.get((point.attempt, point.key, point.split, point.step)))


def _spectrum_rows(session: Session, experiment_id: str) -> Iterator[tuple[Any, ...]]:
    """One line a bin of k: `source` is "real" (one map a row) or "generated"."""
    query = select(Spectrum).where(Spectrum.experiment == experiment_id)
    for found in session.scalars(query.order_by(Spectrum.epoch, Spectrum.sample)):
        k, n_modes = floats(found.k), floats(found.n_modes)
        power = floats(found.power)
        assert k is not None
        assert power is not None
        arrays = {"generated": power.reshape(-1, found.shape[-2] if len(found.shape) == 3 else 1, len(k))}
        if (real := floats(found.real)) is not None:
            arrays["real"] = real.reshape(-1, 1, len(k))
        for source, values in arrays.items():
            for i, j, bin_ in ((i, j, b) for i, j, b in _indices(values.shape)):
                yield (
                    *(found.epoch, found.sample, found.attempt, found.step, source, i, j),
                    *(float(k[bin_]), float(values[i, j, bin_]), None if n_modes is None else float(n_modes[bin_])),
                    *(K_UNIT if found.unit == "(Mpc/h)²" else "k_f", found.unit),
                )


def _indices(shape: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    rows, columns, bins = shape
    return ((i, j, b) for i in range(rows) for j in range(columns) for b in range(bins))


def _manifest(record: Record, session: Session, row: Experiment) -> dict[str, Any]:
    """Everything but points and spectra that the record knows of an experiment."""
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
