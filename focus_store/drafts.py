"""Drafts: experiments that are written down and may still be changed, until they are queued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CursorResult, delete, update
from sqlalchemy.orm import Session

from focus_core.config import ExperimentConfig, flatten, with_split_seed_of_its_time
from focus_core.errors import UserError
from focus_store.contracts import Status
from focus_store.experiments import dataset_name, model_digest
from focus_store.queue import TRAIN
from focus_store.requests import PERSON, Requests, clean_tags, parameter_rows
from focus_store.session import add_event, database_now
from focus_store.tables import Experiment, ExperimentParam
from focus_store.transitions import move, unknown_experiment


class DraftChanged(UserError):
    """The draft is no longer what its reader began to change."""


class Drafts(Requests):
    def change_draft(
        self,
        experiment_id: str,
        config: ExperimentConfig,
        *,
        before: Mapping[str, Any],
        tags: Sequence[str],
        queue: bool = False,
        after_job: str | None = None,
    ) -> None:
        """Give a draft another configuration and tags, and queue it if asked to.

        `before` is the configuration that its reader began from: DraftChanged where the record has another one by now,
        or where the experiment is no draft any more. Nothing is then changed.
        """
        with self.writing() as session:
            row = session.get(Experiment, experiment_id)
            if row is None:
                raise unknown_experiment(session, experiment_id)
            _check_unchanged(row, before)
            _write(session, row, config, tags, after_job)
            changed = _differing(with_split_seed_of_its_time(row.config), config.to_dict())
            if changed:
                message = f"the draft was changed: {', '.join(changed)}"
                add_event(session, experiment_id, "remark", PERSON, message=message)
            if queue:
                now = database_now(session)
                move(session, Experiment, experiment_id, [Status.DRAFT], Status.QUEUED, PERSON, queued_at=now)
        if queue:
            self.publish(TRAIN, experiment_id)


def _check_unchanged(row: Experiment, before: Mapping[str, Any]) -> None:
    if row.status != Status.DRAFT:
        raise DraftChanged(
            f"experiment {row.id}: is {row.status} and no draft any more, so its settings stand; save yours as another "
            "draft."
        )
    recorded = with_split_seed_of_its_time(row.config)
    if recorded != dict(before):
        keys = ", ".join(_differing(recorded, before))
        raise DraftChanged(
            f"experiment {row.id}: the draft was changed elsewhere since you began ({keys}), and is left as it is; "
            "open it to see those changes, or save yours as another draft."
        )


def _write(
    session: Session, row: Experiment, config: ExperimentConfig, tags: Sequence[str], after_job: str | None
) -> None:
    """A compare-and-set: on a database that shows two writers one state, the second finds another `change`."""
    values: dict[str, Any] = {
        "name": config.experiment.name,
        "config": config.to_dict(),
        "config_digest": config.digest(),
        "model_digest": model_digest(config),
        "dataset": dataset_name(config),
        "num_epochs": config.training.num_epochs,
        "tags": clean_tags(tags),
        "after_job": after_job,
    }
    result = session.execute(
        update(Experiment)
        .where(Experiment.id == row.id, Experiment.status == Status.DRAFT, Experiment.change == row.change)
        .values(change=Experiment.change + 1, **values),
        execution_options={"synchronize_session": False},
    )
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise DraftChanged(f"experiment {row.id}: was changed elsewhere at this moment; look at it and save again.")
    session.execute(delete(ExperimentParam).where(ExperimentParam.experiment == row.id))
    session.add_all(parameter_rows(row.id, config))


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    old, new = dict(flatten(before)), dict(flatten(after))
    return [key for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)]
