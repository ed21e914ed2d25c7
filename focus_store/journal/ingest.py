"""From the journal to the database: in batches, each with the journal's position in the same transaction.

The journal on disk is the durable record and the database its index. Every insert ignores or replaces existing rows,
so that replaying a journal, whole or in part, changes nothing.
"""

from __future__ import annotations

import datetime
import itertools
import json
import logging
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, and_, delete, select, update
from sqlalchemy.orm import Session

from focus_core.catalogue.map_statistics import MAP_STATISTICS
from focus_core.progress import JournalPosition, read_events
from focus_core.run_files import ENVIRONMENT, JOURNAL, LOG, TRUTH
from focus_store.contracts import Status
from focus_store.database.session import Database, Gateway, add_event, database_now, insert_ignoring, insert_replacing
from focus_store.database.tables import (
    Artifact,
    Attempt,
    Checkpoint,
    Experiment,
    Figure,
    Measurement,
    MetricPoint,
    MetricSeries,
)
from focus_store.database.tables import Event as EventRow
from focus_store.database.transitions import move
from focus_store.files.artifacts import ArtifactFolder, StoredFile
from focus_store.journal.curve import curve
from focus_store.journal.drawings import Drawing, read_drawing

BATCH = 1000
_AT_REST = (Status.PAUSED, Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.CRASHED)
LOG_TAIL_BYTES = 16_384
SPARKLINE = 60

# journal field → (key, split) of its curve
STEP_CURVES = {"loss": ("loss", "train"), "lr": ("lr", "train"), "grad_norm": ("grad_norm", "train")}
EPOCH_CURVES = {
    "val_loss": ("loss", "validation"),
    "train_loss": ("epoch_loss", "train"),
    "images_per_second": ("images_per_second", "train"),
    "seconds": ("seconds", "train"),
    "elapsed": ("elapsed", "train"),
    **{
        name: (name, "train")
        for name in ("step_ms_p50", "step_ms_p90", "step_ms_p99", "data_wait_share", "peak_share", "flops_per_step")
    },
    "peak_memory_bytes": ("peak_memory_bytes", "train"),
}
FIGURE_CURVES = {statistic.scalar: (statistic.scalar, "train") for statistic in MAP_STATISTICS.values()}
CURVES = {"step": STEP_CURVES, "epoch": EPOCH_CURVES, "figure": FIGURE_CURVES}

Event = Mapping[str, Any]
SeriesName = tuple[int, str, str]  # attempt, key, split
log = logging.getLogger(__name__)


class Journal(Gateway):
    """Ingests the journals of run folders into the record."""

    def __init__(self, database: Database, artifacts: ArtifactFolder) -> None:
        super().__init__(database)
        self._artifacts = artifacts

    def ingest(self, experiment_id: str, run_folder: Path) -> int:
        """Ingest everything new in the journal; returns the number of events.

        UserError if the journal is damaged anywhere except in its last line.
        """
        return self._ingest(experiment_id, run_folder)

    def ingest_at_rest(self, experiment_id: str, run_folder: Path) -> int:
        """The same for a run without a worker; stops when a worker claims it, which then reads the journal itself."""
        return self._ingest(experiment_id, run_folder, Experiment.lease_token.is_(None))

    def unread_at_rest(self, host: str, within: datetime.timedelta | None = None) -> dict[str, int]:
        """Runs without a worker whose journal on this host is longer than the part that was read: its bytes, by id.

        `within`: only those whose last attempt ended at most that long ago.

        A trainer whose supervisor was killed writes until it has saved its checkpoint; if no other attempt follows,
        its last lines have not been read. If every host keeps its own folders, only those of `host` count.
        """
        query = select(Experiment.id, Experiment.journal_offset).where(
            Experiment.lease_token.is_(None), Experiment.status.in_(_AT_REST)
        )
        if self.settings.artifact_url:
            last = and_(Attempt.experiment == Experiment.id, Attempt.number == Experiment.attempts)
            query = query.join(Attempt, last).where(Attempt.host == host)
        with self.reading() as session:
            if within is not None:
                query = query.where(Experiment.ended_at >= database_now(session) - within)
            read = session.execute(query).all()
        sizes = {row_id: _bytes(self.settings.run_folder(row_id) / JOURNAL) for row_id, _ in read}
        return {row_id: sizes[row_id] for row_id, offset in read if sizes[row_id] > offset}

    def _ingest(self, experiment_id: str, run_folder: Path, *conditions: ColumnElement[bool]) -> int:
        total = 0
        while (taken := self._ingest_batch(experiment_id, run_folder, *conditions)) > 0:
            total += taken
        self._read_texts(experiment_id, run_folder)
        return total

    def _ingest_batch(self, experiment_id: str, run_folder: Path, *conditions: ColumnElement[bool]) -> int:
        start = self._position(experiment_id, run_folder)
        batch = list(itertools.islice(read_events(run_folder / JOURNAL, start), BATCH))
        if not batch:
            return 0
        events, end = [event for event, _ in batch], batch[-1][1]
        drawings = [drawing for event in events if (drawing := self._draw(event, run_folder)) is not None]
        with self.writing() as session:
            # Another process may have read the same lines; the one that advances the position owns them.
            moved = session.execute(
                update(Experiment)
                .where(
                    Experiment.id == experiment_id,
                    Experiment.journal_offset == _stored_offset(session, experiment_id, start),
                    *conditions,
                )
                .values(
                    journal_offset=end.offset,
                    journal_line=end.line,
                    progressed_at=database_now(session),
                    change=Experiment.change + 1,
                )
            )
            assert isinstance(moved, CursorResult)
            if moved.rowcount == 1:
                self._write(session, experiment_id, events, drawings)
            elif conditions:  # a worker has claimed the run, and reads its journal
                return 0
        return len(events)

    def _position(self, experiment_id: str, run_folder: Path) -> JournalPosition:
        """Where reading continues; the beginning if the journal is shorter than what was read: it was replaced."""
        with self.reading() as session:
            offset, line = session.execute(
                select(Experiment.journal_offset, Experiment.journal_line).where(Experiment.id == experiment_id)
            ).one()
        path = run_folder / JOURNAL
        size = path.stat().st_size if path.exists() else 0
        return JournalPosition(offset, line) if offset <= size else JournalPosition()

    def read_again(self, experiment_id: str) -> None:
        """The journal was replaced by another host's copy: read it from its beginning, which changes nothing."""
        with self.writing() as session:
            session.execute(
                update(Experiment).where(Experiment.id == experiment_id).values(journal_offset=0, journal_line=0)
            )

    def _draw(self, event: Event, run_folder: Path) -> Drawing | None:
        return read_drawing(event, run_folder, self._artifacts) if event["kind"] == "figure" else None

    def _write(self, session: Session, experiment_id: str, events: Sequence[Event], drawings: list[Drawing]) -> None:
        points: dict[SeriesName, list[dict[str, Any]]] = defaultdict(list)
        for event in events:
            for field, (key, split) in CURVES.get(event["kind"], {}).items():
                if event.get(field) is not None:
                    points[int(event["attempt"]), key, split].append(_point(event["step"], event[field]))
        for name, rows in points.items():
            _insert_points(session, experiment_id, name, rows)
        for event in events:
            if event["kind"] == "run_started":
                _start_attempt(session, experiment_id, event)
            elif event["kind"] == "checkpoint":
                _insert_checkpoint(session, experiment_id, event)
            elif event["kind"] == "checkpoint_removed":
                gone = delete(Checkpoint).where(
                    Checkpoint.experiment == experiment_id, Checkpoint.role == event["role"]
                )
                session.execute(gone)
            elif event["kind"] == "checkpoint_damaged":
                _tell_once(session, experiment_id, event)
        for drawing in drawings:
            _insert_drawing(session, experiment_id, drawing)
        _summarise(session, experiment_id, events, drawings)
        if any(event["kind"] in ("step", "epoch") for event in events):
            waiting = [Status.STARTING, Status.STALLED]
            move(session, Experiment, experiment_id, waiting, Status.RUNNING, "journal")

    def _read_texts(self, experiment_id: str, run_folder: Path) -> None:
        """The end of the log, the environment and the truth of the figures, if they have changed."""
        changes: dict[str, Any] = {
            "log_tail": _tail(run_folder / LOG),
            "environment": _json(run_folder / ENVIRONMENT),
        }
        changes |= data_facts(changes["environment"])
        truth = self._store_file(run_folder / TRUTH, "truth")
        changes["truth_arrays"] = truth.digest if truth else None
        with self.reading() as session:
            row = session.get(Experiment, experiment_id)
            new = {name: value for name, value in changes.items() if value and getattr(row, name) != value}
        if new:
            with self.writing() as session:
                if truth and "truth_arrays" in new:
                    note_artifact(session, truth, "truth")
                session.execute(
                    update(Experiment).where(Experiment.id == experiment_id).values(change=Experiment.change + 1, **new)
                )

    def _store_file(self, path: Path, kind: str) -> StoredFile | None:
        """Content-addressed copy of a file that is written once; its time is remembered to avoid reading it again."""
        if not path.exists():
            return None
        seen: dict[tuple[Path, int], StoredFile] = self.__dict__.setdefault(f"_{kind}_files", {})
        key = (path, path.stat().st_mtime_ns)
        if key not in seen:
            seen[key] = self._artifacts.put(path.read_bytes(), path.suffix)
        return seen[key]


def data_facts(environment: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the trainer recorded in its environment.json when it opened the data."""
    dataset = (environment or {}).get("dataset") or {}
    return {name: dataset[name] for name in ("parameter_space", "box_size", "grid", "unit") if name in dataset}


def note_artifact(session: Session, file: StoredFile, kind: str) -> None:
    session.execute(
        insert_ignoring(session, Artifact).values(
            sha256=file.digest,
            kind=kind,
            suffix=file.suffix,
            bytes=file.bytes,
            path=file.path,
            created_at=database_now(session),
        )
    )


def _stored_offset(session: Session, experiment_id: str, start: JournalPosition) -> int:
    """The offset that must still be stored: the one that was read, or one left by a replaced journal."""
    if start.offset > 0:
        return start.offset
    return session.scalars(select(Experiment.journal_offset).where(Experiment.id == experiment_id)).one()


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # never started, deleted, or on another host
        return 0


def _point(step: int, value: float) -> dict[str, Any]:
    number = float(value)
    if math.isfinite(number):
        return {"step": int(step), "value": number, "kind": 0}
    return {"step": int(step), "value": None, "kind": 1 if math.isnan(number) else 2 if number > 0 else 3}


def _insert_points(session: Session, experiment_id: str, name: SeriesName, rows: list[dict[str, Any]]) -> None:
    attempt, key, split = name
    columns = {"experiment": experiment_id, "attempt": attempt, "key": key, "split": split}
    session.execute(insert_ignoring(session, MetricSeries).values(**columns))
    series_id = session.scalars(
        select(MetricSeries.id).filter_by(experiment=experiment_id, attempt=attempt, key=key, split=split)
    ).one()
    session.execute(insert_ignoring(session, MetricPoint), [{"series_id": series_id, **row} for row in rows])


def _time(event: Event) -> datetime.datetime:
    return datetime.datetime.fromisoformat(event["time"])


def _start_attempt(session: Session, experiment_id: str, event: Event) -> None:
    """A run made elsewhere has no attempt rows yet: they are created from the journal."""
    session.execute(
        insert_ignoring(session, Attempt).values(
            experiment=experiment_id,
            number=event["attempt"],
            worker="journal",
            host="",
            started_at=_time(event),
        )
    )
    session.execute(
        update(Attempt)
        .where(Attempt.experiment == experiment_id, Attempt.number == event["attempt"])
        .values(
            device=event.get("device"),
            resumed_epoch=event.get("epoch", 0),
            resumed_step=event.get("step", 0),
        )
    )


def _insert_checkpoint(session: Session, experiment_id: str, event: Event) -> None:
    columns = {name: event[name] for name in ("attempt", "role", "step", "epoch", "path", "bytes", "sha256")}
    values = {"experiment": experiment_id, **columns, "val_loss": event.get("val_loss"), "written_at": _time(event)}
    session.execute(insert_ignoring(session, Checkpoint).values(**values))


def _tell_once(session: Session, experiment_id: str, event: Event) -> None:
    """Record what happened to a checkpoint among the experiment's events; reading a journal again adds nothing."""
    message = f"attempt {event['attempt']}: {event['message']}"
    told = select(EventRow.id).where(EventRow.subject == experiment_id, EventRow.message == message).limit(1)
    if session.scalar(told) is None:
        add_event(session, experiment_id, event["kind"], "journal", message=message)


def _insert_drawing(session: Session, experiment_id: str, drawing: Drawing) -> None:
    for file, kind in drawing.files:
        note_artifact(session, file, kind)
    values = {"experiment": experiment_id, **drawing.values}
    if drawing.statistic is None:
        session.execute(insert_replacing(session, Figure, ["experiment", "epoch"], values))
    else:
        session.execute(insert_replacing(session, Measurement, ["experiment", "epoch", "statistic"], values))


def _summarise(session: Session, experiment_id: str, events: Sequence[Event], drawings: list[Drawing]) -> None:
    """Values for lists, from the newest of these events."""
    values: dict[str, Any] = {}
    for event in events:
        for column, field in _SUMMARY_FIELDS.get(event["kind"], {}).items():
            if event.get(field) is not None:
                values[column] = event[field]
    if "peak_memory_bytes" in values:
        values["peak_memory_bytes"] = _highest_peak(session, experiment_id, events)
    for drawing in drawings:
        values |= drawing.summary
    if any(event["kind"] in ("epoch", "run_started") for event in events):
        _, losses, _ = curve(session, experiment_id, "loss", "validation")
        finite = [float(loss) for loss in losses if math.isfinite(loss)]
        values["last_val_loss"] = finite[-1] if finite else None
        values["best_val_loss"] = min(finite, default=None)
        values["loss_sparkline"] = _thin(finite, SPARKLINE)
    if values:
        session.execute(update(Experiment).where(Experiment.id == experiment_id).values(**values))


def _highest_peak(session: Session, experiment_id: str, events: Sequence[Event]) -> int:
    """Over all attempts: a resumed one may need less, but the run needed the largest."""
    known = session.scalar(select(Experiment.peak_memory_bytes).where(Experiment.id == experiment_id))
    return max([known or 0, *(event.get("peak_memory_bytes") or 0 for event in events if event["kind"] == "epoch")])


_SUMMARY_FIELDS: Mapping[str, Mapping[str, str]] = {
    "run_started": {name: name for name in ("epoch", "step", "num_epochs", "steps_per_epoch", "parameters", "device")},
    "step": {"step": "step"},
    "epoch": {
        "epoch": "epoch",
        "step": "step",
        "images_per_second": "images_per_second",
        "seconds_per_epoch": "seconds",
        "seconds_trained": "elapsed",
        "peak_memory_bytes": "peak_memory_bytes",
    },
    "figure": {s.scalar: s.scalar for s in MAP_STATISTICS.values() if s.scalar in s.listed},
}


def _thin(values: list[float], count: int) -> list[float]:
    """At most `count` of the values, evenly spaced, including first and last."""
    if len(values) <= count:
        return values
    return [values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)]


def _tail(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LOG_TAIL_BYTES))
        # PostgreSQL's text cannot contain NUL, which a failing disk may have left in a log.
        text = file.read().decode("utf-8", errors="replace").replace("\0", "\ufffd")
    return text if size <= LOG_TAIL_BYTES else text.partition("\n")[2]


def _json(path: Path) -> dict[str, Any] | None:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        log.warning("%s is not JSON (%s)", path, error)
        return None
    return plain if isinstance(plain, dict) else None
