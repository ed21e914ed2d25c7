"""Experiments that older versions recorded keep the split of their training.seed, on every way out of the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from focus_core.config.experiment import ExperimentConfig, parse_config, to_yaml, validate_config
from focus_store.contracts import DatasetRow
from focus_store.database.tables import Experiment
from focus_store.moving.imports import import_run
from focus_store.record.record import Record


@pytest.fixture
def older(record: Record) -> str:
    """An experiment of seed 5 as it stands in a record of the version in which training.seed chose the split."""
    config = validate_config({"data": {"dataset": "quick", "split_seed": 5}, "training": {"seed": 5}})
    experiment = record.experiments.create(config, draft=True)
    with record.database.writing() as session:
        plain = session.scalar(select(Experiment.config).where(Experiment.id == experiment))
        assert plain is not None
        data = {key: value for key, value in plain["data"].items() if key != "split_seed"}
        session.execute(update(Experiment).where(Experiment.id == experiment).values(config={**plain, "data": data}))
    return experiment


def test_its_trainer_its_clone_and_its_page_get_the_split_of_its_seed(record: Record, older: str) -> None:
    text = record.experiments.configuration_file(older)
    assert parse_config(text).data.split_seed == 5, "written out, for the trainer and for a clone"
    assert record.experiments.get(older).config["data"]["split_seed"] == 5
    assert record.experiments.get(older).config_digest == parse_config(text).digest()
    clone = validate_config({**parse_config(text).to_dict(), "training": {"seed": 9}})
    assert clone.data.split_seed == 5, "another seed of the clone keeps the simulations"


def test_a_draft_of_an_older_version_is_changed_like_any_other(record: Record, older: str) -> None:
    before = record.experiments.get(older).config
    config = validate_config({**before, "training": {"seed": 6}})
    record.drafts.change(older, config, before=before, tags=())
    found = record.experiments.get(older).config
    assert (found["training"]["seed"], found["data"]["split_seed"]) == (6, 5)
    assert record.experiments.events(older)[0].message == "the draft was changed: training.seed"


def test_its_dataset_tells_its_split(record: Record, older: str) -> None:
    dataset = DatasetRow(name="quick", path="/data/quick", **_measured())
    assert [use.split_seed for use in record.datasets.uses(dataset)] == [5]


def _measured() -> dict[str, Any]:
    plain: dict[str, Any] = dict.fromkeys(DatasetRow.__dataclass_fields__)
    del plain["name"], plain["path"]
    return plain


@pytest.mark.parametrize("environment", [True, False], ids=["with environment.json", "with split.json alone"])
def test_an_imported_folder_of_an_older_version_keeps_its_split(
    record: Record, tmp_path: Path, config: ExperimentConfig, write_journal: Any, environment: bool
) -> None:
    folder = tmp_path / "older"
    told = {"epoch": 0, "step": 0, "num_epochs": 4, "steps_per_epoch": 4, "parameters": 7, "device": "cpu"}
    ended = {"epoch": 0, "step": 0, "reason": "failed", "message": "no room"}
    write_journal(folder, [(1, "run_started", told), (1, "run_ended", ended)])
    plain = validate_config({**config.to_dict(), "training": {"seed": 5}}).to_dict()
    del plain["data"]["split_seed"]
    lines = to_yaml(validate_config(plain)).splitlines(keepends=True)
    (folder / "config.yaml").write_text("".join(line for line in lines if "split_seed" not in line))
    (folder / "split.json").write_text(json.dumps({"train": [], "validation": [], "test": [], "seed": 5}))
    if environment:
        (folder / "environment.json").write_text(json.dumps({"config": plain}))
    found = import_run(record, folder)
    assert record.experiments.get(found.id).config["data"]["split_seed"] == 5
    assert not [warning for warning in found.warnings if "is not what was trained" in warning]
