"""Which simulations a run trains on: chosen by data.split_seed once, and by its split.json ever after."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from focus_core.config.experiment import ExperimentConfig, load_config, to_yaml
from focus_core.data.split import read_split
from focus_core.disk.atomic import replacing
from focus_core.errors import UserError
from focus_core.progress import read_events
from focus_core.run_files import BEST, JOURNAL, LAST
from focus_core.sampling.from_run import load_run
from focus_core.training.checkpoint import load_checkpoint
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

ConfigMaker = Callable[..., ExperimentConfig]
ONE_EPOCH: dict[str, Any] = {"num_epochs": 1, "seed": 5}


def without_split_seed(plain: dict[str, Any]) -> dict[str, Any]:
    return {**plain, "data": {key: value for key, value in plain["data"].items() if key != "split_seed"}}


def starts(folder: Path) -> list[dict[str, Any]]:
    return [event for event, _ in read_events(folder / JOURNAL) if event["kind"] == "run_started"]


def written_by_an_older_version(folder: Path, home: Path, make: ConfigMaker) -> None:
    """A run of seed 5 as it was when training.seed chose the split: nothing in its folder names a split seed."""
    run_training(make(data={"split_seed": 5}, training=ONE_EPOCH), folder, home, StopSwitch())
    for checkpoint in (LAST, BEST):
        state = load_checkpoint(folder / checkpoint)
        with replacing(folder / checkpoint) as file:  # the loaded one is mapped into memory
            torch.save({**state, "config": without_split_seed(state["config"])}, file)
    environment = json.loads((folder / "environment.json").read_text())
    environment["config"] = without_split_seed(environment["config"])
    (folder / "environment.json").write_text(json.dumps(environment))
    lines = to_yaml(load_config(folder / "config.yaml")).splitlines(keepends=True)
    (folder / "config.yaml").write_text("".join(line for line in lines if "split_seed" not in line))


def test_two_seeds_are_validated_on_the_same_simulations(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    for seed in (0, 1):
        training = {**ONE_EPOCH, "seed": seed}
        run_training(tiny_config(training=training), tmp_path / str(seed), tiny_home, StopSwitch())
    first, second = (read_split(tmp_path / str(seed) / "split.json") for seed in (0, 1))
    assert first == second
    weights = [load_checkpoint(tmp_path / str(seed) / LAST)["model"] for seed in (0, 1)]
    assert any(not torch.equal(one, other) for one, other in zip(*(w.values() for w in weights), strict=True))


def test_a_run_of_an_older_version_goes_on_from_its_own_file_with_its_split_and_digest(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    old, straight = tmp_path / "old", tmp_path / "straight"
    written_by_an_older_version(old, tiny_home, tiny_config)
    split = read_split(old / "split.json")
    file = load_config(old / "config.yaml")
    assert "split_seed" not in file.data.model_fields_set
    more = file.model_copy(update={"training": file.training.model_copy(update={"num_epochs": 2})})
    run_training(more, old, tiny_home, StopSwitch())
    assert read_split(old / "split.json") == split
    assert [start["resumed"] for start in starts(old)] == [False, True]
    assert "is not what is trained" not in (old / "logs" / "training.log").read_text()

    run_training(
        tiny_config(data={"split_seed": 5}, training={**ONE_EPOCH, "num_epochs": 2}), straight, tiny_home, StopSwitch()
    )
    assert starts(old)[-1]["config_digest"] == starts(straight)[-1]["config_digest"]
    mine, theirs = (load_checkpoint(folder / LAST)["model"] for folder in (old, straight))
    torch.testing.assert_close(dict(mine), dict(theirs), rtol=0, atol=0)


def test_a_checkpoint_of_an_older_version_is_sampled_with_the_split_of_its_time(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    written_by_an_older_version(tmp_path, tiny_home, tiny_config)
    assert load_run(tmp_path).config.data.split_seed == 5


def test_another_split_than_the_runs_is_refused_by_its_key(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    written_by_an_older_version(tmp_path, tiny_home, tiny_config)
    other = tiny_config(data={"split_seed": 0}, training={**ONE_EPOCH, "num_epochs": 2})
    with pytest.raises(UserError, match=r"data\.split_seed was 5, is 0"):
        run_training(other, tmp_path, tiny_home, StopSwitch())


def test_on_resume_the_simulations_of_split_json_are_trained_on(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    run_training(tiny_config(training=ONE_EPOCH), tmp_path, tiny_home, StopSwitch())
    path = tmp_path / "split.json"
    plain = json.loads(path.read_text())
    plain["train"][0], plain["test"][0] = plain["test"][0], plain["train"][0]
    plain["train"].sort()
    path.write_text(json.dumps(plain))
    run_training(tiny_config(training={**ONE_EPOCH, "num_epochs": 2}), tmp_path, tiny_home, StopSwitch())
    assert json.loads(path.read_text())["train"] == plain["train"]

    path.write_text("{}")
    with pytest.raises(UserError, match=r"split\.json: is damaged .* --fresh"):
        run_training(tiny_config(training={**ONE_EPOCH, "num_epochs": 3}), tmp_path, tiny_home, StopSwitch())


def test_a_fine_tuned_run_splits_by_its_own_split_seed_whatever_its_parent_was(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    written_by_an_older_version(tmp_path / "parent", tiny_home, tiny_config)
    child = tiny_config(
        data={"split_seed": 3}, training={"num_epochs": 1, "seed": 5, "init_from": str(tmp_path / "parent")}
    )
    run_training(child, tmp_path / "child", tiny_home, StopSwitch())
    split = read_split(tmp_path / "child" / "split.json")
    assert split is not None
    assert split.seed == 3
