"""A run that begins with another's weights: which may be its parent, what it takes over, and what the record knows."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from focus_core.config.experiment import ExperimentConfig, load_config
from focus_core.data.folder import Description, write_folder
from focus_core.errors import StopRequested, UserError
from focus_core.parameters import WCDM6, ParameterSpace
from focus_core.paths import datasets_folder, runs_folder
from focus_core.progress import read_events
from focus_core.run_files import BEST, JOURNAL, LAST
from focus_core.training.checkpoint import load_checkpoint, save_checkpoint
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

ConfigMaker = Callable[..., ExperimentConfig]
ONE_EPOCH = {"num_epochs": 1, "sample_every": 1}


class StopBeforeTheFirstStep(StopSwitch):
    """Two looks go before it."""

    looks = 0

    def check(self) -> None:
        self.looks += 1
        if self.looks > 2:
            self.turn_on("stopped by a test")
        super().check()


def add_dataset(home: Path, name: str, grid: int, space: ParameterSpace = WCDM6) -> None:
    rng = np.random.default_rng(1)
    theta = space.from_unit(rng.uniform(-1, 1, (8, len(space))))
    maps = np.exp(rng.normal(0.3, 0.5, (8, grid, grid))).astype(np.float32) * 1e11
    about = Description(name, "Mcdm", "(M☉/h)/(Mpc/h)²", float(grid), 0.0, 1, space)
    write_folder(datasets_folder(home) / name, [maps], grid, theta, about)


@pytest.mark.parametrize("network", ["SimpleUNet", "ModernUNet"])
def test_weights_of_small_maps_begin_a_run_on_larger_ones(
    network: str, tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    model = {"from": network}
    home = shutil.copytree(tiny_home, tmp_path / "home")
    add_dataset(home, "larger", 32)
    parent = runs_folder(home) / "abcd2345"  # as the laboratory names an experiment's folder
    run_training(tiny_config(model=model, training=ONE_EPOCH), parent, home, StopSwitch())
    taken = load_checkpoint(parent / BEST)["ema"]

    config = tiny_config(model=model, data={"dataset": "larger"}, training={**ONE_EPOCH, "init_from": "abcd2345"})
    run = tmp_path / "run"
    with pytest.raises(StopRequested):
        run_training(config, run, home, StopBeforeTheFirstStep())
    state = load_checkpoint(run / LAST)
    for weights in ("model", "ema"):
        torch.testing.assert_close(dict(state[weights]), dict(taken), rtol=0, atol=0)
    # The transform is that of the run's own maps, as for any run.
    assert state["transform"]["mean"] != load_checkpoint(parent / BEST)["transform"]["mean"]

    # Once it is under way, the parent may be gone: what it was stays written down.
    sha256 = hashlib.sha256((parent / BEST).read_bytes()).hexdigest()
    told = {"path": str(parent / BEST), "sha256": sha256, "epoch": 1, "step": 3}
    (parent / BEST).unlink()
    run_training(config, run, home, StopSwitch())
    starts = [event for event, _ in read_events(run / JOURNAL) if event["kind"] == "run_started"]
    assert [(e["init_from"], e["init_from_sha256"]) for e in starts] == 2 * [(told["path"], sha256)]
    assert json.loads((run / "environment.json").read_text())["init_from"] == told
    assert load_checkpoint(run / LAST)["init_from"] == told


def test_a_run_folder_and_a_checkpoint_file_are_parents_too(
    finished_run: Path, tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished_run.parent)
    for value in (finished_run.name, f"{finished_run.name}/{LAST}"):
        run = tmp_path / value.replace("/", "-")
        config = tiny_config(training={"init_from": value})
        with pytest.raises(StopRequested):
            run_training(config, run, tiny_home, StopBeforeTheFirstStep())
        assert load_config(run / "config.yaml").training.init_from == str(finished_run.parent / value)
        assert load_checkpoint(run / LAST)["init_from"]["epoch"] == load_checkpoint(finished_run / BEST)["epoch"]


def test_a_parent_that_does_not_fit_is_a_sentence(
    finished_run: Path, tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    def refused(words: str, **sections: dict) -> None:
        with pytest.raises(UserError, match=words):
            run_training(tiny_config(**sections), tmp_path / "run", tiny_home, StopSwitch())
        shutil.rmtree(tmp_path / "run")

    parent = tmp_path / "parent.pt"
    fits = {"training": {"init_from": str(parent)}}
    shutil.copy(finished_run / BEST, parent)
    refused(
        r"training\.init_from: \S+parent\.pt: holds the weights of another architecture: .*\(\(8,\) here, \(16,\) in",
        **fits,
        model={"base_channels": 16},
    )
    parent.write_bytes(parent.read_bytes()[:20_000])
    refused(r"parent\.pt: is not a readable checkpoint", **fits)
    refused(r"training\.init_from: there is no run, checkpoint or exper.* nowhere", training={"init_from": "nowhere"})

    torch.save({"format": 1}, parent)
    refused(
        r"training\.init_from: \S+parent\.pt is no checkpoint of a run, for it lacks config, ema, .*another", **fits
    )

    state = torch.load(finished_run / BEST, weights_only=True)
    fewer = {**WCDM6.to_dict(), "parameters": WCDM6.to_dict()["parameters"][:5]}
    narrower = dataclasses.replace(
        WCDM6, parameters=(dataclasses.replace(WCDM6.parameters[0], maximum=0.4), *WCDM6.parameters[1:])
    )
    for space, words in (
        (fewer, r"parent\S+ was trained on the parameters Omega_m, .*sigma_8, but this run's data have .*w0"),
        (narrower.to_dict(), r"parent\S+ knows Omega_m in \[0\.1, 0\.4\] \(linear\), but .* \[0\.1, 0\.5\]"),
    ):
        [saved] = save_checkpoint(tmp_path / "parent", {**state, "parameter_space": space}, best=False)
        refused(words, training={"init_from": str(tmp_path / "parent" / saved.path)})
