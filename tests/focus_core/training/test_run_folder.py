"""What a training run leaves in its folder, and what it never touches there."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from focus_core.config.experiment import ExperimentConfig, load_config
from focus_core.data.opening import open_dataset
from focus_core.data.split import Split
from focus_core.data.transform import Transform
from focus_core.errors import UserError
from focus_core.progress import read_events
from focus_core.run_files import JOURNAL
from focus_core.statistics.power import power_spectrum
from focus_core.training.run_folder import LOCK, locked, move_aside
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

ConfigMaker = Callable[..., ExperimentConfig]


def test_every_promised_file_is_there(finished_run: Path) -> None:
    promised = ["config.yaml", "run_model.sh", "README.md", "environment.json", "split.json", "transform.json"]
    promised += ["checkpoints/checkpoint_best.pt", "checkpoints/checkpoint_last.pt", "checkpoints/training_history.png"]
    promised += ["logs/training.log", "logs/events.jsonl", "truth.npz", "weights/ema.safetensors"]
    for epoch in ("0001", "0002"):
        for name in ("samples", "power_spectrum", "pdf"):
            promised += [f"figs/{name}_epoch_{epoch}.{kind}" for kind in ("png", "npz")]
    missing = [name for name in promised if not (finished_run / name).is_file()]
    assert not missing
    assert not list(finished_run.rglob("*.part"))


def test_every_file_can_be_read(finished_run: Path, tiny_config: ConfigMaker) -> None:
    assert load_config(finished_run / "config.yaml") == tiny_config()
    assert "tiny" in (finished_run / "README.md").read_text()
    assert os.access(finished_run / "run_model.sh", os.X_OK)
    subprocess.run(["sh", "-n", str(finished_run / "run_model.sh")], check=True)
    split = Split.from_json((finished_run / "split.json").read_text())
    assert sorted(split.train + split.validation + split.test) == list(range(12))
    assert Transform.from_json((finished_run / "transform.json").read_text()).kind == "log10"
    environment = json.loads((finished_run / "environment.json").read_text())
    assert torch.__version__.startswith(environment["versions"]["torch"].split("+")[0])
    for picture in finished_run.rglob("*.png"):
        with Image.open(picture) as image:
            image.verify()
    weights = load_file(finished_run / "weights" / "ema.safetensors")
    state = torch.load(finished_run / "checkpoints" / "checkpoint_best.pt", weights_only=True)
    assert weights.keys() == state["ema"].keys()
    torch.testing.assert_close(weights, dict(state["ema"]), rtol=0, atol=0)


def test_the_checkpoint_carries_everything_that_a_resumption_or_a_sampler_needs(finished_run: Path) -> None:
    state = torch.load(finished_run / "checkpoints" / "checkpoint_last.pt", weights_only=True)
    wanted = {"model", "optimizer", "scheduler", "ema", "epoch", "val_loss", "history", "rng", "config"}
    assert wanted | {"parameter_space", "transform", "data"} <= state.keys()
    assert state["epoch"] == 2
    assert [entry["epoch"] for entry in state["history"]] == [1, 2]
    assert state["config"] == load_config(finished_run / "config.yaml").to_dict()


def test_the_journal_tells_the_run_in_order(finished_run: Path) -> None:
    events = [event for event, _ in read_events(finished_run / JOURNAL)]
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert events[0]["kind"] == "run_started"
    assert not events[0]["resumed"]
    assert events[0]["steps_per_epoch"] == 3
    assert events[0]["train_maps"] == 12
    assert events[0]["validation_maps"] == 6
    assert [event["step"] for event in events if event["kind"] == "step"] == [1, 2, 3, 4, 5, 6]
    rates = [event["lr"] for event in events if event["kind"] == "step"]
    np.testing.assert_allclose(rates, [1e-3 / 3, 2e-3 / 3, 1e-3, 1e-3, 1e-3, 1e-3])
    assert (events[-1]["kind"], events[-1]["reason"]) == ("run_ended", "finished")
    last = [event for event in events if event["kind"] == "checkpoint"][-1]
    assert (finished_run / last["path"]).stat().st_size == last["bytes"]
    figures = [event for event in events if event["kind"] == "figure"]
    assert [event["name"] for event in figures] == ["samples", "power_spectrum", "pdf"] * 2
    assert all((finished_run / event[key]).is_file() for event in figures for key in ("path", "arrays"))


def test_the_truth_holds_the_spectrum_of_every_simulation(
    finished_run: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    dataset = open_dataset(tiny_config().data, tiny_home)
    with np.load(finished_run / "truth.npz") as truth:
        np.testing.assert_allclose(truth["theta"], dataset.theta)
        assert tuple(truth["names"]) == dataset.space.names
        split = Split.from_json((finished_run / "split.json").read_text())
        assert [tuple(np.flatnonzero(truth["split"] == part)) for part in (0, 1, 2)] == [
            split.train,
            split.validation,
            split.test,
        ]
        for simulation in (0, 7, 11):
            spectrum = power_spectrum(dataset.maps[2 * simulation : 2 * simulation + 2], 16.0)
            np.testing.assert_allclose(truth["power_mean"][simulation], spectrum.power.mean(axis=0))
            np.testing.assert_allclose(truth["power_std"][simulation], spectrum.power.std(axis=0, ddof=1))
            np.testing.assert_allclose(truth["k"], spectrum.k)
        assert (float(truth["box_size"]), int(truth["grid"]), str(truth["unit"])) == (16.0, 16, "(Mpc/h)²")


def test_documents_that_are_already_there_are_never_rewritten(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    mine = {"config.yaml": "# mine\n", "run_model.sh": "# mine too\n", "README.md": "mine as well\n"}
    for name, text in mine.items():
        (tmp_path / name).write_text(text)
    config = tiny_config(training={"num_epochs": 1})
    run_training(config, tmp_path, tiny_home, StopSwitch())
    run_training(config, tmp_path, tiny_home, StopSwitch(), fresh=True)
    assert {name: (tmp_path / name).read_text() for name in mine} == mine


def test_another_configuration_is_refused_with_its_keys_and_fresh_puts_the_old_run_aside(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    folder = tmp_path / "run"
    run_training(tiny_config(training={"num_epochs": 1}), folder, tiny_home, StopSwitch())
    other = tiny_config(training={"num_epochs": 1, "lr": 5e-4}, model={"base_channels": 16})
    with pytest.raises(UserError, match=r"model.base_channels was 8, is 16; training.lr was 0.001, is 0.0005"):
        run_training(other, folder, tiny_home, StopSwitch())
    run_training(other, folder, tiny_home, StopSwitch(), fresh=True)
    aside = [path for path in tmp_path.iterdir() if path.name.startswith("run-2")]
    assert len(aside) == 1
    assert load_config(aside[0] / "config.yaml") == tiny_config(training={"num_epochs": 1})
    assert (aside[0] / "checkpoints" / "checkpoint_best.pt").is_file()
    assert (aside[0] / "logs" / "events.jsonl").is_file()
    assert "put the earlier run aside" in (folder / "logs" / "training.log").read_text()
    assert "finished" in (aside[0] / "logs" / "training.log").read_text()
    state = torch.load(folder / "checkpoints" / "checkpoint_last.pt", weights_only=True)
    assert state["config"]["training"]["lr"] == 5e-4
    first, _ = next(read_events(folder / JOURNAL))
    assert (first["seq"], first["attempt"]) == (0, 1)


def test_a_damaged_run_can_be_put_aside_from_within_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "checkpoint_last.pt").write_bytes(b"half a check")
    monkeypatch.chdir(folder)
    with locked(Path()):
        aside = move_aside(Path())
    assert aside is not None
    assert aside.parent == tmp_path
    assert (aside / "checkpoints" / "checkpoint_last.pt").read_bytes() == b"half a check"
    assert not (folder / "checkpoints").exists()
    with locked(Path()):
        assert move_aside(Path()) is None


def test_a_finished_run_says_so_and_stays_as_it_is(
    finished_run: Path, tiny_home: Path, tiny_config: ConfigMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (finished_run / JOURNAL).read_bytes()
    run_training(tiny_config(), finished_run, tiny_home, StopSwitch())
    assert "already finished" in capsys.readouterr().out
    assert (finished_run / JOURNAL).read_bytes() == before


def test_only_one_training_writes_in_a_folder(tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker) -> None:
    with locked(tmp_path), pytest.raises(UserError, match=f"process {os.getpid()}"):
        run_training(tiny_config(), tmp_path, tiny_home, StopSwitch())


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"model": {"cond_dim": 4}}, r"model.cond_dim: is 4, but tiny has 6 parameters"),
        ({"model": {"channel_mults": [1, 1, 1, 1, 1]}}, r"multiple of 32, but the maps have 16 pixels"),
        ({"model": {"in_channels": 2, "out_channels": 2}}, r"model.in_channels: is 2"),
        ({"model": {"out_channels": 3}}, r"model.out_channels: is 3"),
        ({"model": {"from": "FlowUNet"}}, r"model.from: FlowUNet is not available for method diffusion; use S"),
        ({"sampling": {"method": "euler"}}, r"sampling.method: euler is not available for method diffusion; use ddim"),
        ({"data": {"dataset": "tinny"}}, r"'tinny' is not there .*focus simulate --out"),
        ({"device": "cuda:77"}, r"device: cuda:77 is not there"),
    ],
)
def test_a_configuration_that_does_not_fit_is_one_sentence(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker, sections: dict, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        run_training(tiny_config(**sections), tmp_path, tiny_home, StopSwitch())


def test_whoever_may_read_the_checkpoints_may_read_the_weights_for_other_programs(finished_run: Path) -> None:
    files = [*(finished_run / "checkpoints").glob("*.pt"), *(finished_run / "weights").glob("*.safetensors")]
    assert len(files) > 2
    assert len({path.stat().st_mode for path in files}) == 1


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ({"device": "cuda:7"}, r"device: cuda:7 is not there"),
        ({"data": {"dataset": "misspelt"}}, r"misspelt"),
        ({"model": {"cond_dim": 5}}, r"model.cond_dim: is 5"),
        ({"training": {"init_from": "run"}}, r"training.init_from: .* is of the run that --fresh would put aside"),
        ({"training": {"init_from": "nobody"}}, r"training.init_from: there is no run"),
    ],
    ids=["device", "data", "parameters", "its own parent", "no parent"],
)
def test_fresh_puts_nothing_aside_for_a_run_that_cannot_begin(
    mistake: dict[str, Any],
    sentence: str,
    finished_run: Path,
    tmp_path: Path,
    tiny_home: Path,
    tiny_config: ConfigMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in run.rglob("*.*") if path.is_file() and path.name != LOCK.name}
    with pytest.raises(UserError, match=sentence):
        run_training(tiny_config(**mistake), run, tiny_home, StopSwitch(), fresh=True)
    assert {path: path.read_bytes() for path in before} == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_two_runs_put_aside_within_a_second_have_two_folders(finished_run: Path, tmp_path: Path) -> None:
    aside = set()
    for _ in range(3):
        run = shutil.copytree(finished_run, tmp_path / "run", dirs_exist_ok=True)
        aside.add(move_aside(run))
    assert len(aside) == 3
    assert all(folder is not None and (folder / "config.yaml").is_file() for folder in aside)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("environment.json", r"environment\.json: is damaged .*--fresh"),
        ("checkpoints", r"checkpoints: could not be written \(File exists\); .*fix this and start the same run again"),
    ],
)
def test_a_file_that_is_not_what_belongs_there_is_a_sentence(
    path: str, sentence: str, tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    (tmp_path / path).write_text("[]")
    with pytest.raises(UserError, match=sentence):
        run_training(tiny_config(), tmp_path, tiny_home, StopSwitch())
