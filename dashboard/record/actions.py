"""Requests from pages to the laboratory, in whole steps: each leaves the record consistent whatever happens next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from dashboard.record import queries
from dashboard.record.connection import record
from focus_core.config.experiment import ExperimentConfig, parse_config, recorded_config
from focus_core.errors import UserError
from focus_core.suites import suite_command
from focus_store.contracts import DesiredState, ExperimentSummary, Status
from focus_store.recipes import recipe
from focus_store.settings import QUICK, Settings


def quick_command(folder: Path) -> str:
    """The command that makes the quick suite by hand."""
    suite = Settings.from_environment().quick_suite
    return suite_command(folder, simulations=suite["simulations"], grid=suite["grid"], box=suite["box"])


def queue_recipe(key: str) -> str:
    """Queue a recipe unchanged; its suite first, if that is `quick` and missing. Returns the experiment's id."""
    chosen = recipe(key)
    config = parse_config(chosen.yaml, str(chosen.path))
    return queue(config, recipe_key=key)


def queue(
    config: ExperimentConfig,
    *,
    recipe_key: str | None = None,
    parent: str | None = None,
    tags: tuple[str, ...] = (),
    draft: bool = False,
) -> str:
    job = None if draft else suite_job(config)
    return record().experiments.create(config, recipe=recipe_key, parent=parent, tags=tags, draft=draft, after_job=job)


def change_draft(
    experiment_id: str,
    config: ExperimentConfig,
    *,
    before: Mapping[str, Any],
    tags: tuple[str, ...],
    expected_tags: tuple[str, ...],
    draft: bool,
) -> str:
    """As `queue`, for an existing draft: it stays a draft, or is queued."""
    job = None if draft else suite_job(config)
    record().drafts.change(
        experiment_id, config, before=before, tags=tags, expected_tags=expected_tags, queue=not draft, after_job=job
    )
    return experiment_id


def start(experiment: ExperimentSummary) -> None:
    """Queue a draft, its suite first if that is `quick` and missing; resume a run that is paused or stopped."""
    if experiment.status is not Status.DRAFT:
        record().experiments.request(experiment.id, DesiredState.RUN)
        return
    config = recorded_config(record().experiments.get(experiment.id).config, f"experiment {experiment.id}")
    tags = tuple(experiment.tags)
    change_draft(experiment.id, config, before=config.to_dict(), tags=tags, expected_tags=tags, draft=False)


def suite_job(config: ExperimentConfig) -> str | None:
    """The job that makes the `quick` suite for a configuration that needs it; None if the suite exists."""
    if config.data.dataset != QUICK or any(d.name == QUICK for d in queries.datasets()):
        return None
    running = [job for job in queries.active_simulations() if job.arguments.get("name") == QUICK]
    return running[0].id if running else record().jobs.request_simulation(record().settings.quick_suite)


def each(experiment_ids: Iterable[str], ask: Callable[[str], None]) -> tuple[int, list[str]]:
    """Ask the same of several experiments: the number that accepted, and the messages of those that refused."""
    done, refused = 0, []
    for experiment_id in experiment_ids:
        try:
            ask(experiment_id)
            done += 1
        except UserError as error:
            refused.append(str(error))
    return done, refused


def stop(experiment_id: str) -> None:
    record().experiments.request(experiment_id, DesiredState.CANCEL)


def add_tags(experiment_id: str, tags: Collection[str]) -> None:
    """Added to its present tags."""
    record().notes.set_tags(experiment_id, tags)


def missing_dataset(config: ExperimentConfig) -> str | None:
    """The name of a dataset that the laboratory does not have; None if it exists, or is a path."""
    name = config.data.dataset
    if name is None or "/" in name or any(d.name == name for d in queries.datasets()):
        return None
    return None if any(d.path == name for d in queries.datasets()) else name
