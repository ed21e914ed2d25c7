"""Drafts: experiments that are recorded and can still be changed, until they are queued."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from focus_core.config.experiment import ExperimentConfig, flatten, with_split_seed_of_its_time
from focus_store.contracts import Status
from focus_store.database.session import Database, Gateway, add_event, database_now
from focus_store.database.tables import Experiment, ExperimentParam
from focus_store.database.transitions import Conflict, move, unknown_experiment
from focus_store.queue import TRAIN
from focus_store.record.experiments import config_columns, parameter_rows
from focus_store.record.notes import PERSON, merged_tags
from focus_store.record.nudges import Queue


class Drafts(Gateway):
    """Experiments that were created and never queued."""

    def __init__(self, database: Database, queue: Queue) -> None:
        super().__init__(database)
        self._queue = queue

    def change(
        self,
        experiment_id: str,
        config: ExperimentConfig,
        *,
        before: Mapping[str, Any],
        tags: Collection[str],
        expected_tags: Collection[str] = (),
        queue: bool = False,
        after_job: str | None = None,
    ) -> None:
        """Give a draft another configuration and tags, and queue it if asked to.

        `before` is the configuration that the reader started from: Conflict if the record has another one by now, or
        if the experiment is no longer a draft. Nothing is changed then. Tags are merged, as in `set_tags`.
        """
        with self.writing() as session:
            row = session.get(Experiment, experiment_id, with_for_update=True)
            if row is None:
                raise unknown_experiment(session, experiment_id)
            _check_unchanged(row, config, before)
            _write(session, row, config, merged_tags(row.tags, expected_tags, tags), after_job)
            changed = _differing(with_split_seed_of_its_time(row.config), config.to_dict())
            if changed:
                message = f"the draft was changed: {', '.join(changed)}"
                add_event(session, experiment_id, "remark", PERSON, message=message)
            if queue:
                now = database_now(session)
                move(session, Experiment, experiment_id, [Status.DRAFT], Status.QUEUED, PERSON, queued_at=now)
        if queue:
            self._queue.publish(TRAIN, experiment_id)


def _check_unchanged(row: Experiment, config: ExperimentConfig, before: Mapping[str, Any]) -> None:
    recorded, mine = with_split_seed_of_its_time(row.config), config.to_dict()
    if row.status != Status.DRAFT:
        raise Conflict(
            f"experiment {row.id}: is {row.status} and no draft any more, so its settings stand; save yours as another "
            "draft.",
            mine=mine,
            theirs=recorded,
        )
    if recorded != dict(before):
        keys = ", ".join(_differing(recorded, before))
        raise Conflict(
            f"experiment {row.id}: the draft was changed elsewhere since you began ({keys}), and is left as it is; "
            "open it to see those changes, or save yours as another draft.",
            mine=mine,
            theirs=recorded,
        )


def _write(session: Session, row: Experiment, config: ExperimentConfig, tags: list[str], after_job: str | None) -> None:
    """The row has been locked since the comparison, so no other change is overwritten."""
    values = config_columns(config) | {"tags": tags, "after_job": after_job}
    session.execute(
        update(Experiment).where(Experiment.id == row.id).values(change=Experiment.change + 1, **values),
        execution_options={"synchronize_session": False},
    )
    session.execute(delete(ExperimentParam).where(ExperimentParam.experiment == row.id))
    session.add_all(parameter_rows(row.id, config))


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    old, new = dict(flatten(before)), dict(flatten(after))
    return [key for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)]
