"""Reading experiments: lists from summaries alone, one experiment with everything about it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Text, cast, func, or_, select
from sqlalchemy.orm import Session

from focus_core.config import ExperimentConfig, ModelSection, with_split_seed_of_its_time
from focus_store.contracts import (
    AttemptRow,
    CheckpointRow,
    DesiredState,
    EventRow,
    ExperimentDetail,
    ExperimentSummary,
    Speed,
    Status,
)
from focus_store.session import Record
from focus_store.tables import Attempt, Checkpoint, Event, Experiment
from focus_store.transitions import unknown_experiment


def model_digest(config: ExperimentConfig | ModelSection) -> str:
    """Equal for configurations that build the same network."""
    section = config.model if isinstance(config, ExperimentConfig) else config
    return hashlib.sha256(
        json.dumps(section.model_dump(mode="json", by_alias=True), sort_keys=True).encode()
    ).hexdigest()


def dataset_name(config: ExperimentConfig) -> str:
    """What lists call the data of a configuration: the dataset's name, or the file or folder of the maps."""
    data = config.data
    source = data.dataset or data.maps_path or data.data_dir or ""
    return Path(source).stem if "/" in source else source


class Experiments(Record):
    def list_experiments(
        self,
        *,
        status: Status | str | None = None,
        text: str | None = None,
        tag: str | None = None,
        dataset: str | None = None,
        archived: bool = False,
        limit: int = 500,
        offset: int = 0,
    ) -> list[ExperimentSummary]:
        """Newest first; archived ones are left out, or alone. `text` is looked for in name, id, recipe and notes."""
        put_away = Experiment.archived_at.is_not(None) if archived else Experiment.archived_at.is_(None)
        query = select(*_SUMMARY).where(put_away)
        if status is not None:
            query = query.where(Experiment.status == str(status))
        if text:
            columns = (Experiment.name, Experiment.id, Experiment.recipe, Experiment.notes)
            query = query.where(or_(*(column.icontains(text, autoescape=True) for column in columns)))
        if tag:
            query = query.where(cast(Experiment.tags, Text).contains(json.dumps(tag), autoescape=True))
        if dataset:
            query = query.where(Experiment.dataset == dataset)
        query = query.order_by(Experiment.created_at.desc(), Experiment.id).limit(limit).offset(offset)
        with self.reading() as session:
            return [summary(row) for row in session.execute(query)]

    def identical(self, config_digest: str) -> list[ExperimentSummary]:
        """Experiments that learn the very same thing, newest first."""
        query = select(Experiment).where(Experiment.config_digest == config_digest, Experiment.archived_at.is_(None))
        with self.reading() as session:
            return [summary(row) for row in session.scalars(query.order_by(Experiment.created_at.desc()))]

    def experiment(self, experiment_id: str) -> ExperimentDetail:
        """Everything about one experiment but its curves and figures. UserError when it is unknown."""
        with self.reading() as session:
            row = session.get(Experiment, experiment_id)
            if row is None:
                raise unknown_experiment(session, experiment_id)
            return ExperimentDetail(
                summary=summary(row),
                config=with_split_seed_of_its_time(row.config),
                config_digest=row.config_digest,
                parent=row.parent,
                notes=row.notes,
                run_folder=str(self.settings.run_folder(row.id)),
                parameter_space=row.parameter_space,
                box_size=row.box_size,
                grid=row.grid,
                unit=row.unit,
                attempts=_attempts(session, row.id),
                checkpoints=_checkpoints(session, row.id),
                log_tail=row.log_tail,
                environment=row.environment or {},
                truth_arrays=row.truth_arrays,
                peak_memory_bytes=row.peak_memory_bytes,
                steps_per_epoch=row.steps_per_epoch,
            )

    def best_checkpoint_steps(self, experiment_id: str) -> list[tuple[int, int]]:
        """(epoch, step) of every checkpoint that was the best when it was written, for marks on a curve."""
        query = select(Checkpoint.epoch, Checkpoint.step).where(
            Checkpoint.experiment == experiment_id, Checkpoint.role == "best"
        )
        with self.reading() as session:
            return [(epoch, step) for epoch, step in session.execute(query.order_by(Checkpoint.step))]

    def events(self, experiment_id: str, limit: int = 100) -> list[EventRow]:
        """What happened to an experiment, a job or a sample request, newest first."""
        query = select(Event).where(Event.subject == experiment_id).order_by(Event.id.desc()).limit(limit)
        with self.reading() as session:
            return [EventRow(e.time, e.kind, e.before, e.after, e.message, e.who) for e in session.scalars(query)]

    def change_token(self, experiment_id: str) -> int:
        """Grows whenever anything about the experiment changed; one primary-key look-up."""
        with self.reading() as session:
            change = session.scalar(select(Experiment.change).where(Experiment.id == experiment_id))
            if change is None:
                raise unknown_experiment(session, experiment_id)
        return change

    def record_token(self) -> tuple[int, int, str]:
        """Differs from an earlier one whenever any experiment was added, changed or archived; for the list's poll."""
        query = select(func.count(Experiment.id), func.coalesce(func.sum(Experiment.change), 0))
        with self.reading() as session:
            count, changes = session.execute(query).one()
            newest = session.scalar(select(func.max(Event.id)))
        return int(count), int(changes), str(newest)

    def tags(self) -> list[str]:
        """Every tag in use, for filters."""
        with self.reading() as session:
            found = session.scalars(select(Experiment.tags).where(Experiment.archived_at.is_(None)))
            return sorted({str(tag) for tags in found for tag in tags})

    def speeds(self) -> list[Speed]:
        """Measured speeds, the newest of each (network, grid, device)."""
        query = (
            select(Experiment.model_digest, Experiment.grid, Experiment.device, Experiment.images_per_second)
            .where(Experiment.images_per_second.is_not(None))
            .order_by(Experiment.created_at)
        )
        with self.reading() as session:
            rows = [(digest, grid, device, speed) for digest, grid, device, speed in session.execute(query)]
        latest = {(digest, grid, device): speed for digest, grid, device, speed in rows if speed}
        return [Speed(digest, grid, device, speed) for (digest, grid, device), speed in latest.items()]


# Columns that a summary shows as they stand.
_COPIED = (
    *("id", "name", "recipe", "dataset", "parameters", "epoch", "num_epochs", "step", "attempts", "message"),
    *("best_val_loss", "last_val_loss", "power_error", "images_per_second", "seconds_per_epoch", "thumbnail"),
    *("created_at", "started_at", "ended_at", "seconds_trained", "steps_per_epoch"),
    *("power_uncertainty", "power_maps", "power_simulations"),
)


# A list reads these columns alone: configuration, log and environment of 1,000 experiments are megabytes of JSON.
_SUMMARY = tuple(getattr(Experiment, name) for name in (*_COPIED, "status", "desired_state", "tags", "loss_sparkline"))


def summary(row: Experiment | Row[Any]) -> ExperimentSummary:
    copied: dict[str, Any] = {name: getattr(row, name) for name in _COPIED}
    return ExperimentSummary(
        status=Status(row.status),
        desired_state=DesiredState(row.desired_state),
        tags=tuple(row.tags),
        loss_sparkline=tuple(row.loss_sparkline),
        **copied,
    )


def _attempts(session: Session, experiment_id: str) -> tuple[AttemptRow, ...]:
    rows = session.scalars(select(Attempt).where(Attempt.experiment == experiment_id).order_by(Attempt.number))
    return tuple(
        AttemptRow(a.number, a.host, a.device, a.started_at, a.ended_at, a.reason, a.resumed_epoch, a.resumed_step)
        for a in rows
    )


def _checkpoints(session: Session, experiment_id: str) -> tuple[CheckpointRow, ...]:
    """The files that are there now: the latest of each role, "best" first."""
    rows = session.scalars(
        select(Checkpoint)
        .where(Checkpoint.experiment == experiment_id)
        .order_by(Checkpoint.attempt, Checkpoint.step, Checkpoint.written_at)
    )
    latest = {row.role: row for row in rows}
    return tuple(
        CheckpointRow(c.role, c.epoch, c.step, c.val_loss, c.path, c.bytes, c.sha256, c.written_at)
        for _, c in sorted(latest.items())
    )
