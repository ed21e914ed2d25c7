"""Reading experiments: lists from summaries alone, one experiment with all its details."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Text, cast, func, or_, select
from sqlalchemy.orm import Session

from focus_core.catalogue.jobs import TRAIN
from focus_core.config.experiment import (
    ExperimentConfig,
    ModelSection,
    recorded_config,
    to_yaml,
    with_split_seed_of_its_time,
)
from focus_core.errors import UserError
from focus_core.evaluated import from_list
from focus_store.contracts import (
    ACTIVE,
    RESUMABLE,
    UNDER_WAY,
    AttemptRow,
    CheckpointRow,
    DesiredState,
    EventRow,
    ExperimentDetail,
    ExperimentSummary,
    Speed,
    Status,
)
from focus_store.database.session import Database, Gateway, add_event, database_now, free_id
from focus_store.database.tables import Attempt, Checkpoint, Event, Experiment, ExperimentParam
from focus_store.database.transitions import experiment_row, move, touch, unknown_experiment
from focus_store.record.notes import PERSON, clean_tags
from focus_store.record.nudges import Queue


def model_digest(config: ExperimentConfig | ModelSection) -> str:
    """Equal for configurations that build the same network."""
    section = config.model if isinstance(config, ExperimentConfig) else config
    return hashlib.sha256(
        json.dumps(section.model_dump(mode="json", by_alias=True), sort_keys=True).encode()
    ).hexdigest()


def dataset_name(config: ExperimentConfig) -> str:
    """How lists name the data of a configuration: the dataset's name, or the file or folder of the maps."""
    data = config.data
    source = data.dataset or data.maps_path or data.data_dir or ""
    return Path(source).stem if "/" in source else source


class Experiments(Gateway):
    """Experiments: their configuration, their requested state, and their progress."""

    def __init__(self, database: Database, queue: Queue) -> None:
        super().__init__(database)
        self._queue = queue

    def find(
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
        """Newest first; archived ones are left out, or alone. `text` is searched in name, id, recipe and notes."""
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
        """Experiments with an identical configuration, newest first."""
        query = select(Experiment).where(Experiment.config_digest == config_digest, Experiment.archived_at.is_(None))
        with self.reading() as session:
            return [summary(row) for row in session.scalars(query.order_by(Experiment.created_at.desc()))]

    def get(self, experiment_id: str) -> ExperimentDetail:
        """Everything about one experiment but its curves and figures. UserError if it is unknown."""
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
        """The events of an experiment, a job or a sample request, newest first."""
        query = select(Event).where(Event.subject == experiment_id).order_by(Event.id.desc()).limit(limit)
        with self.reading() as session:
            return [EventRow(e.time, e.kind, e.before, e.after, e.message, e.who) for e in session.scalars(query)]

    def change_token(self, experiment_id: str) -> int:
        """Increases whenever anything about the experiment changes; one primary-key look-up."""
        with self.reading() as session:
            change = session.scalar(select(Experiment.change).where(Experiment.id == experiment_id))
            if change is None:
                raise unknown_experiment(session, experiment_id)
        return change

    def record_token(self) -> tuple[int, int, str]:
        """Changes whenever any experiment is added, changed or archived; for the list's poll."""
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

    def create(
        self,
        config: ExperimentConfig,
        *,
        recipe: str | None = None,
        parent: str | None = None,
        tags: Sequence[str] = (),
        draft: bool = False,
        after_job: str | None = None,
    ) -> str:
        """Record an experiment and, unless it is a draft, queue it. Returns its public id.

        With `after_job` it waits until that job has succeeded, or its dataset has been added in another way.
        """
        with self.writing() as session:
            experiment_id, now = free_id(session, Experiment), database_now(session)
            config = config.made_on(now.astimezone().date())
            if parent is None and session.get(Experiment, config.training.init_from or "") is not None:
                parent = config.training.init_from
            status = Status.DRAFT if draft else Status.QUEUED
            session.add(
                Experiment(
                    id=experiment_id,
                    **config_columns(config),
                    recipe=recipe,
                    parent=parent,
                    after_job=after_job,
                    tags=clean_tags(tags),
                    status=status,
                    desired_state=DesiredState.RUN,
                    created_at=now,
                    queued_at=None if draft else now,
                )
            )
            session.flush()
            session.add_all(parameter_rows(experiment_id, config))
            add_event(session, experiment_id, "status", PERSON, after=status)
        if not draft:
            self._queue.publish(TRAIN, experiment_id)
        return experiment_id

    def configuration_file(self, experiment_id: str) -> str:
        """The experiment's configuration as the YAML that its trainer reads."""
        with self.reading() as session:
            plain = session.scalar(select(Experiment.config).where(Experiment.id == experiment_id))
            if plain is None:
                raise unknown_experiment(session, experiment_id)
        return to_yaml(recorded_config(plain, f"experiment {experiment_id}"))

    def request(self, experiment_id: str, wish: DesiredState) -> None:
        """Pause or stop: at once if it has no worker, otherwise by a request that its worker sees within seconds."""
        if wish is DesiredState.RUN:
            self.resume(experiment_id)
            return
        target = Status.PAUSED if wish is DesiredState.PAUSE else Status.CANCELLED
        idle = [Status.QUEUED, Status.CRASHED] + ([Status.PAUSED] if target is Status.CANCELLED else [])
        with self.writing() as session:
            row = experiment_row(session, experiment_id)
            if Status(row.status) in ACTIVE:
                touch(session, experiment_id, desired_state=wish)
                add_event(session, experiment_id, "wish", PERSON, before=row.desired_state, after=wish)
            elif row.status == target:
                return
            elif not move(
                session, Experiment, experiment_id, idle, target, PERSON,
                desired_state=wish, ended_at=database_now(session),
            ):  # fmt: skip
                raise UserError(f"experiment {experiment_id}: is {row.status}, so there is nothing to {wish}.")

    def resume(self, experiment_id: str) -> None:
        """Queue an inactive experiment (a draft for the first time, a finished one to be checked or extended)."""
        resting = [Status.DRAFT, Status.SUCCEEDED, *sorted(RESUMABLE)]
        with self.writing() as session:
            row = experiment_row(session, experiment_id)
            if row.status in UNDER_WAY:
                # A pause in progress ends as usual, and its worker returns the row directly to the queue.
                touch(session, experiment_id, desired_state=DesiredState.RUN)
                return
            now = database_now(session)
            move(
                session, Experiment, experiment_id, resting, Status.QUEUED, PERSON,
                desired_state=DesiredState.RUN, queued_at=now, published_at=None, ended_at=None, retries=0,
            )  # fmt: skip
        self._queue.publish(TRAIN, experiment_id)

    def archive(self, experiment_id: str) -> None:
        """Remove it from every list; nothing is deleted. Refused while it runs."""
        with self.writing() as session:
            row = session.get(Experiment, experiment_id, with_for_update=True)  # no worker claims it meanwhile
            if row is None:
                raise unknown_experiment(session, experiment_id)
            if row.status in UNDER_WAY:
                raise UserError(f"experiment {experiment_id}: is {row.status}; stop it before it is archived.")
            touch(session, experiment_id, archived_at=database_now(session))

    def restore(self, experiment_id: str) -> None:
        """Return an archived experiment to the lists."""
        with self.writing() as session:
            touch(session, experiment_id, archived_at=None)


# Columns that a summary shows unchanged.
_COPIED = (
    *("id", "name", "recipe", "dataset", "parameters", "epoch", "num_epochs", "step", "attempts", "message"),
    *("best_val_loss", "last_val_loss", "power_error", "images_per_second", "seconds_per_epoch", "thumbnail"),
    *("created_at", "started_at", "ended_at", "seconds_trained", "steps_per_epoch"),
    *("power_uncertainty", "power_maps", "power_simulations"),
)


# A list reads only these columns: configuration, log and environment of 1,000 experiments are megabytes of JSON.
_SUMMARY = tuple(
    getattr(Experiment, name) for name in (*_COPIED, "status", "desired_state", "tags", "loss_sparkline", "evaluation")
)


def summary(row: Experiment | Row[Any]) -> ExperimentSummary:
    copied: dict[str, Any] = {name: getattr(row, name) for name in _COPIED}
    return ExperimentSummary(
        status=Status(row.status),
        desired_state=DesiredState(row.desired_state),
        tags=tuple(row.tags),
        loss_sparkline=tuple(row.loss_sparkline),
        evaluation=from_list(row.evaluation),
        **copied,
    )


def _attempts(session: Session, experiment_id: str) -> tuple[AttemptRow, ...]:
    rows = session.scalars(select(Attempt).where(Attempt.experiment == experiment_id).order_by(Attempt.number))
    return tuple(
        AttemptRow(a.number, a.host, a.device, a.started_at, a.ended_at, a.reason, a.resumed_epoch, a.resumed_step)
        for a in rows
    )


def _checkpoints(session: Session, experiment_id: str) -> tuple[CheckpointRow, ...]:
    """The files that exist now: the latest of each role, "best" first."""
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


def config_columns(config: ExperimentConfig) -> dict[str, Any]:
    """The columns of an experiment that are derived from its configuration."""
    return {
        "name": config.experiment.name,
        "config": config.to_dict(),
        "config_digest": config.digest(),
        "model_digest": model_digest(config),
        "dataset": dataset_name(config),
        "num_epochs": config.training.num_epochs,
    }


def parameter_rows(experiment_id: str, config: ExperimentConfig) -> list[ExperimentParam]:
    """The configuration, flattened, for filters."""
    return [
        ExperimentParam(
            experiment=experiment_id,
            key=key,
            text=json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value,
            number=float(value) if isinstance(value, (int, float)) else None,
        )
        for key, value in config.flat().items()
    ]
