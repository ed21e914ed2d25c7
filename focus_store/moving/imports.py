"""Importing a run that was trained elsewhere into the record: its folder first, then its row, then its journal.

Every step can be repeated, so that an interrupted import is completed by the next one, and a second import of
the same folder changes nothing. A run is identified by the first line of its journal.
"""

from __future__ import annotations

import enum
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from focus_core.errors import UserError
from focus_core.paths import check_folder
from focus_core.run_files import JOURNAL
from focus_store.contracts import ACTIVE, DesiredState, Status
from focus_store.database.session import add_event, database_now
from focus_store.database.tables import Attempt, Checkpoint, Dataset, Experiment, Figure, MetricPoint, MetricSeries
from focus_store.database.transitions import move
from focus_store.files.run_copying import copy_run, reason, remove
from focus_store.journal.points import points_digest
from focus_store.journal.run_story import RunStory, check_ended, fingerprint, first_line, read_story
from focus_store.record.experiments import config_columns, dataset_name, parameter_rows
from focus_store.record.record import Record

IMPORT = "import"
MANIFEST = "experiment.json"  # beside run/ in an exported folder
_PUBLIC_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{8}")


class Change(enum.Enum):
    NEW = "is in the record now"
    GROWN = "has gained what it did since it was last imported"
    NOTHING = "stands unchanged in the record"


@dataclass(frozen=True)
class Imported:
    id: str
    change: Change
    status: Status
    points: int
    figures: int
    checkpoints: int
    digest: str  # of the points
    warnings: tuple[str, ...]


def import_run(record: Record, folder: Path, *, link: bool = False, ended: bool = False) -> Imported:
    """Import a run's folder, or an exported one. `link` leaves it in place; `ended` means that no process writes there.

    UserError if the folder is not a run's, is damaged, is being written, or has diverged from the record.
    """
    for target in (record.settings.runs, record.artifacts.root):
        check_folder(target, "FOCUS_HOME", "make it writable first")
    manifest = _manifest(folder)
    story = read_story((folder / "run" if manifest else folder).resolve())
    known = _find(record, story)
    if known is None:
        if not ended:
            check_ended(story)
        experiment_id, change = _new_id(record, story, manifest), Change.NEW
        _place(record, experiment_id, story, link)
        _add_row(record, experiment_id, story, manifest)
    else:
        experiment_id, change = known, _catch_up(record, known, story, ended)
    if _unfinished(record, experiment_id):
        record.journal.ingest(experiment_id, record.settings.run_folder(experiment_id))
        _finish(record, experiment_id, story)
    return _imported(record, experiment_id, change, story, manifest)


def _manifest(folder: Path) -> Mapping[str, Any]:
    path = folder / MANIFEST
    if not path.is_file() or not (folder / "run").is_dir():
        return {}
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error}); import {folder / 'run'} without it.") from error
    return plain if isinstance(plain, dict) else {}


def _find(record: Record, story: RunStory) -> str | None:
    """The experiment with exactly the same journal, if the record has it."""
    query = select(Experiment.id).where(Experiment.config_digest == story.config.digest())
    with record.database.reading() as session:
        candidates = [fingerprint(story.first_line), *session.scalars(query)]
        known = set(session.scalars(select(Experiment.id).where(Experiment.id.in_(candidates))))
    for candidate in candidates:
        journal = record.settings.run_folder(candidate) / JOURNAL
        if candidate in known and journal.exists() and first_line(journal) == story.first_line:
            return candidate
    return None


def _new_id(record: Record, story: RunStory, manifest: Mapping[str, Any]) -> str:
    """Its folder's name if it is among this record's runs, the id it was exported with, or one of its own."""
    inside = story.folder.parent == record.settings.runs.resolve()
    wanted = [story.folder.name] if inside else [str(manifest.get("id", "")), fingerprint(story.first_line)]
    with record.database.reading() as session:
        for name in wanted:
            if _PUBLIC_ID.fullmatch(name) and session.get(Experiment, name) is None:
                return name
    raise UserError(
        f"{story.folder}: cannot be imported as {wanted[-1]}, which is another experiment of this record or no id; "
        "copy the folder elsewhere and import that."
    )


def _place(record: Record, experiment_id: str, story: RunStory, link: bool) -> None:
    """The folder among this record's runs: copied completely before it gets its name, or linked."""
    target = record.settings.run_folder(experiment_id)
    if target.resolve() == story.folder:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{experiment_id}.import")
    remove(temporary)
    try:
        if link:
            temporary.symlink_to(story.folder, target_is_directory=True)
        else:
            copy_run(story.folder, temporary)
        remove(target)  # of an interrupted import: no experiment has this id
        temporary.rename(target)
    except (OSError, shutil.Error) as error:
        raise UserError(
            f"{target}: the run could not be placed there ({reason(error)}); nothing was imported."
        ) from error
    finally:
        remove(temporary)


def _add_row(record: Record, experiment_id: str, story: RunStory, manifest: Mapping[str, Any]) -> None:
    """`queued_at` stays empty: a run that was never queued here is never started automatically."""
    config = story.config
    with record.database.writing() as session:
        session.add(
            Experiment(
                id=experiment_id,
                **config_columns(config),
                recipe=manifest.get("recipe"),
                tags=list(manifest.get("tags") or []),
                notes=str(manifest.get("notes") or ""),
                status=story.status,
                desired_state=DesiredState.RUN,
                message=story.message,
                created_at=database_now(session),
            )
        )
        session.flush()
        session.add_all(parameter_rows(experiment_id, config))
        add_event(session, experiment_id, "status", IMPORT, after=story.status, message=f"from {story.folder}")


def _catch_up(record: Record, experiment_id: str, story: RunStory, ended: bool) -> Change:
    """Compare the two journals; what the folder has gained elsewhere replaces the older copy."""
    target = record.settings.run_folder(experiment_id)
    if target.resolve() == story.folder:
        with record.database.reading() as session:
            read = session.scalars(select(Experiment.journal_offset).where(Experiment.id == experiment_id)).one()
        grown = read < _whole_lines(story.folder / JOURNAL)
    else:
        theirs, ours = ((place / JOURNAL).read_bytes() for place in (story.folder, target))
        theirs, ours = (content[: content.rfind(b"\n") + 1] for content in (theirs, ours))
        if ours.startswith(theirs):
            grown = False
        elif theirs.startswith(ours):
            grown = True
        else:
            raise UserError(
                f"{story.folder}: began as experiment {experiment_id} of this record, but the two have gone on "
                "differently; import it into another record (FOCUS_HOME)."
            )
    status = record.experiments.get(experiment_id).summary.status
    if not grown or status in ACTIVE:
        return Change.NOTHING
    if not ended:
        check_ended(story)
    if status is Status.QUEUED:
        raise UserError(
            f"experiment {experiment_id}: waits to be resumed here; stop it before you import {story.folder}."
        )
    if target.resolve() != story.folder:
        _place_over(target, story)
    return Change.GROWN


def _place_over(target: Path, story: RunStory) -> None:
    """The newer copy replaces the older one; the journal keeps its beginning, so what was read stays read."""
    temporary, old = target.with_name(f".{target.name}.import"), target.with_name(f".{target.name}.old")
    try:
        remove(temporary)
        copy_run(story.folder, temporary)
        target.rename(old)
        temporary.rename(target)
    except (OSError, shutil.Error) as error:
        if old.exists() and not target.exists():
            old.rename(target)
        raise UserError(f"{target}: could not be renewed ({reason(error)}); the older copy is as it was.") from error
    finally:
        remove(temporary)
    remove(old)


def _unfinished(record: Record, experiment_id: str) -> bool:
    """Whether lines of the journal are not in the database yet, or an attempt that was read has no end."""
    folder = record.settings.run_folder(experiment_id)
    with record.database.reading() as session:
        row = session.get_one(Experiment, experiment_id)
        told = select(Attempt.number).where(Attempt.experiment == experiment_id, Attempt.worker == "journal")
        open_ = session.scalars(told.where(Attempt.ended_at.is_(None))).first() is not None
    idle = Status(row.status) not in ACTIVE
    return idle and (open_ or row.journal_offset < _whole_lines(folder / JOURNAL))


def _whole_lines(journal: Path) -> int:
    """Bytes up to the end of the last complete line."""
    return journal.read_bytes().rfind(b"\n") + 1


def _finish(record: Record, experiment_id: str, story: RunStory) -> None:
    """Ends of the attempts, the times of the run, and its state, from the journal."""
    last = story.attempts[-1]
    with record.database.writing() as session:
        for told in story.attempts:
            host = str(story.environment.get("host") or "") if told is last else ""
            session.execute(
                update(Attempt)
                .where(Attempt.experiment == experiment_id, Attempt.number == told.number, Attempt.worker == "journal")
                .values(ended_at=told.ended_at, reason=told.reason, host=host)
            )
        _reach(session, experiment_id, story)
        times = {"started_at": last.started_at, "ended_at": last.ended_at}
        session.execute(
            update(Experiment)
            .where(Experiment.id == experiment_id)
            .values(attempts=last.number, message=story.message, change=Experiment.change + 1, **times)
        )


def _reach(session: Session, experiment_id: str, story: RunStory) -> None:
    """Apply the contract's transitions up to the run's present state, in this one transaction."""
    status = session.scalars(select(Experiment.status).where(Experiment.id == experiment_id)).one()
    if status == story.status:
        return
    way = [Status.QUEUED, Status.STARTING, *([Status.PAUSING] if story.status is Status.PAUSED else []), story.status]
    for before, after in zip([Status(status), *way], way, strict=False):
        move(session, Experiment, experiment_id, [before], after, IMPORT, message=f"from {story.folder}")


def _imported(
    record: Record, experiment_id: str, change: Change, story: RunStory, manifest: Mapping[str, Any]
) -> Imported:
    warnings = list(story.warnings)
    with record.database.reading() as session:
        digest = points_digest(session, experiment_id)
        status = Status(session.scalars(select(Experiment.status).where(Experiment.id == experiment_id)).one())
        series = select(MetricSeries.id).where(MetricSeries.experiment == experiment_id)
        n_points = session.scalar(select(func.count()).where(MetricPoint.series_id.in_(series))) or 0
        figures, checkpoints = (
            session.scalar(select(func.count()).select_from(table).where(table.experiment == experiment_id)) or 0
            for table in (Figure, Checkpoint)
        )
        warnings += _other_data(session, story)
    if change is Change.NEW and manifest.get("points_sha256") not in (None, digest):
        warnings.append(f"experiment {experiment_id}: its points are not those it was exported with")
    return Imported(experiment_id, change, status, n_points, figures, checkpoints, digest, tuple(warnings))


def _other_data(session: Session, story: RunStory) -> list[str]:
    """A dataset of the same name with other content: the run can be viewed, but not resumed."""
    told = (story.environment.get("dataset") or {}).get("digest")
    here = session.get(Dataset, dataset_name(story.config))
    if here is None or told in (None, here.digest):
        return []
    return [
        f"dataset {here.name}: has other content here than where the run was trained ({here.digest[:19]}… here, "
        f"{told[:19]}… there), so the run cannot be resumed here"
    ]
