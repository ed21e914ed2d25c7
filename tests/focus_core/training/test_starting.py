"""What a start does before its first step: finding relative paths, and telling the journal why it went no further."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from full_disk import files_no_larger_than

from focus_core.cli import main
from focus_core.config.experiment import DataSection, ExperimentConfig, differing_keys, load_config, to_yaml
from focus_core.data.folder import PARAMS
from focus_core.data.opening import open_dataset
from focus_core.data.places import with_absolute_paths
from focus_core.errors import UserError
from focus_core.paths import datasets_folder
from focus_core.progress import read_events
from focus_core.run_files import JOURNAL
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

ConfigMaker = Callable[..., ExperimentConfig]

KEYS = {
    "dataset": {"dataset": "data/tiny"},
    "maps_path": {"maps_path": "data/m.npy", "params_path": "data/p.csv", "parameter_space": "wcdm6", "box_size": 16.0},
    "data_dir": {"data_dir": "processed", "parameter_space": "wcdm6"},
}


@pytest.fixture
def project(tmp_path: Path, tiny_home: Path) -> Path:
    """A folder with the data of `KEYS`, under relative paths."""
    project = tmp_path / "project"
    (project / "processed_data").mkdir(parents=True)
    source = datasets_folder(tiny_home) / "tiny"
    shutil.copytree(source, project / "data" / "tiny")
    shutil.copy(source / "maps.npy", project / "data" / "m.npy")
    shutil.copy(source / PARAMS, project / "data" / "p.csv")
    rng = np.random.default_rng(1)
    np.save(project / "processed_data" / "maps_normalized.npy", rng.normal(size=(12, 16, 16)).astype(np.float32))
    np.save(project / "processed_data" / "params_normalized.npy", rng.uniform(-1, 1, (12, 6)))
    return project


def section(key: str) -> DataSection:
    return DataSection.model_validate(KEYS[key])


def ends(run: Path) -> list[dict]:
    return [event for event, _ in read_events(run / JOURNAL) if event["kind"] == "run_ended"]


def test_relative_paths_are_found_once_and_resumed_from_any_folder(
    project: Path,
    tmp_path: Path,
    tiny_config: ConfigMaker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tiny_config(training={"num_epochs": 1}).model_copy(update={"data": section("maps_path")})
    file, run = tmp_path / "configs" / "mine.yaml", tmp_path / "run"
    file.parent.mkdir()
    file.write_text(to_yaml(config))
    monkeypatch.setenv("FOCUS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(project)
    assert main(["train", "--config", str(file), "--exp-dir", str(run)]) == 0
    trained = load_config(run / "config.yaml")
    assert trained.data.maps_path == str(project / "data" / "m.npy")
    assert trained.to_dict() == torch.load(run / "checkpoints" / "checkpoint_last.pt", weights_only=True)["config"]
    assert trained.to_dict() == json.loads((run / "environment.json").read_text())["config"]
    assert differing_keys(trained, load_config(file)) == []

    # Elsewhere the same file means the same run, and so does the run's own.
    monkeypatch.chdir(tmp_path)
    for same in (file, run / "config.yaml"):
        capsys.readouterr()
        assert main(["train", "--config", str(same), "--exp-dir", str(run)]) == 0
        assert "already finished" in capsys.readouterr().out
    assert "is not what is trained" not in (run / "logs" / "training.log").read_text()


def test_a_recipe_trained_from_the_shell_gets_the_day_of_its_run_and_an_existing_configuration_stays(
    tiny_home: Path, tmp_path: Path, tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, run = tmp_path / "recipe.yaml", tmp_path / "run"
    text = to_yaml(tiny_config(experiment={"created": "2025-11-02"}, training={"num_epochs": 1}))
    file.write_text(text)
    monkeypatch.setenv("FOCUS_HOME", str(tiny_home))
    days = [datetime.datetime.now().date().isoformat()]
    assert main(["train", "--config", str(file), "--exp-dir", str(run)]) == 0
    days.append(datetime.datetime.now().date().isoformat())
    assert load_config(run / "config.yaml").experiment.created in days
    assert file.read_text() == text

    own = "# a person's own line\n" + to_yaml(load_config(file))
    (run / "config.yaml").write_text(own)
    assert main(["train", "--config", str(file), "--exp-dir", str(run)]) == 0
    assert (run / "config.yaml").read_text() == own


@pytest.mark.parametrize("key", KEYS)
def test_the_current_folder_comes_first_then_that_of_the_configuration_then_where_it_was(
    key: str, project: Path, tmp_path: Path
) -> None:
    data, beside = section(key), tmp_path / "beside"
    shutil.copytree(project, beside)

    def found(*folders: Path, recorded: DataSection | None = None) -> DataSection:
        return with_absolute_paths(data, tmp_path, folders, recorded)

    def inside(data: DataSection, folder: Path) -> bool:
        return open_dataset(data, tmp_path).maps_file.is_relative_to(folder)

    assert inside(found(project, beside), project)
    only_beside = found(tmp_path, beside)
    assert inside(only_beside, beside)
    assert found(tmp_path, recorded=only_beside) == only_beside
    assert inside(found(project, recorded=only_beside), project)


def test_a_path_that_is_nowhere_is_told_with_the_folders_that_were_searched(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UserError, match=rf"data\.maps_path: there is no data/m\.npy in {tmp_path} or {other};"):
        with_absolute_paths(section("maps_path"), tmp_path, [tmp_path, other])


def test_a_named_dataset_keeps_its_name(tiny_home: Path, tiny_config: ConfigMaker) -> None:
    data = tiny_config().data
    assert with_absolute_paths(data, tiny_home, [datasets_folder(tiny_home)]) == data


def test_feedback_of_strength_zero_is_refused_by_row_before_a_training(
    tmp_path: Path, tiny_config: ConfigMaker
) -> None:
    """CAMELS' EX set has it, and θ is scaled in its logarithm."""
    maps, params = tmp_path / "Maps_Mcdm_SIMBA_EX_z=0.00.npy", tmp_path / "params_EX_SIMBA.txt"
    np.save(maps, np.random.default_rng(0).lognormal(size=(8, 16, 16)).astype(np.float32))
    params.write_text("# Om sigma8 SN1 AGN1 SN2 AGN2\n.3 .8 1 1 1 1\n.3 .8 1 100 1 1\n.3 .8 100 1 1 1\n.3 .8 0 0 0 0\n")
    data = DataSection(maps_path=str(maps), params_path=str(params), train_split=0.5)
    config = tiny_config().model_copy(update={"data": data})
    with pytest.raises(UserError, match=r"params_EX_SIMBA\.txt: column A_SN1, row 3 holds 0"):
        run_training(config, tmp_path / "run", tmp_path, StopSwitch())


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"data": {"dataset": "nowhere"}}, "'nowhere' is not there"),
        ({"model": {"cond_dim": 4}}, "model.cond_dim: is 4"),
        ({"device": "cuda:77"}, "device: cuda:77 is not there"),
        ({"data": {"train_split": 0.01}}, "data.train_split: 0.01 of 12 simulations leaves none"),
    ],
)
def test_a_start_that_is_refused_says_why_in_the_journal(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker, sections: dict, words: str
) -> None:
    with pytest.raises(UserError) as caught:
        run_training(tiny_config(**sections), tmp_path, tiny_home, StopSwitch(), attempt=4)
    [end] = [event for event, _ in read_events(tmp_path / JOURNAL)]
    assert (end["kind"], end["reason"], end["attempt"], end["epoch"]) == ("run_ended", "failed", 4, 0)
    assert end["message"] == str(caught.value)
    assert words in end["message"]


def test_a_fault_before_the_first_step_is_in_the_journal_too(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("focus_core.training.start.write_environment", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_training(tiny_config(), tmp_path, tiny_home, StopSwitch())
    assert [end["message"] for end in ends(tmp_path)] == ["division by zero"]
    assert "Traceback" in (tmp_path / "logs" / "training.log").read_text()


def test_a_run_is_not_told_as_failed_because_another_was_refused_in_its_folder(
    finished_run: Path, tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    with pytest.raises(UserError, match="another configuration"):
        run_training(tiny_config(model={"base_channels": 16}), run, tiny_home, StopSwitch())
    assert (run / JOURNAL).read_bytes() == (finished_run / JOURNAL).read_bytes()


@pytest.mark.parametrize("size", [0, 100])
def test_a_disk_so_full_that_neither_log_nor_journal_can_be_written_is_one_sentence(
    size: int,
    finished_run: Path,
    tmp_path: Path,
    tiny_home: Path,
    tiny_config: ConfigMaker,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    with files_no_larger_than(size), pytest.raises(UserError, match=r"run/\S+: .*(make room|could not be written)"):
        run_training(tiny_config(training={"num_epochs": 3}), run, tiny_home, StopSwitch())
    assert "Traceback" not in capfd.readouterr().err
    assert (run / JOURNAL).read_bytes() == (finished_run / JOURNAL).read_bytes()
    for name in ("checkpoint_last.pt", "checkpoint_best.pt"):
        assert (run / "checkpoints" / name).read_bytes() == (finished_run / "checkpoints" / name).read_bytes()
