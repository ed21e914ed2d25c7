"""Two processes that share every batch learn what one learns, stop together, and leave nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
import torch.distributed as dist
from mortal import mortal
from waiting import await_condition, patience

from focus_core.config.experiment import ExperimentConfig, to_yaml
from focus_core.errors import StopRequested, UserError
from focus_core.progress import read_events
from focus_core.run_files import JOURNAL, LAST
from focus_core.training.checkpoint import load_checkpoint
from focus_core.training.ranks import Ranks, check_devices, cores
from focus_core.training.run_folder import LOCK
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

ConfigMaker = Callable[..., ExperimentConfig]
EPOCHS = 40


def losses(run: Path) -> dict[tuple[str, int], float]:
    found = {}
    for event, _ in read_events(run / JOURNAL):
        if event["kind"] == "step":
            found["train", event["step"]] = event["loss"]
        elif event["kind"] == "epoch":
            found["validation", event["epoch"]] = event["val_loss"]
    return found


def epochs(run: Path) -> int:
    return max((number for kind, number in losses(run) if kind == "validation"), default=0)


@pytest.mark.skipif(cores() < 2, reason="one core")
def test_two_processes_learn_what_one_learns_and_stop_together(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    plain = {"num_epochs": EPOCHS, "sample_every": EPOCHS, "lr": 1e-4}
    split = {"split_seed": 3}  # of which every process must know
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    run_training(tiny_config(data=split, training=plain), alone, tiny_home, StopSwitch())
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(tiny_config(data=split, training={**plain, "devices": 2})))
    command = [sys.executable, "-m", "focus_core.cli", "train", "--config", str(file), "--exp-dir", str(shared)]
    environment = {**os.environ, "FOCUS_HOME": str(tiny_home), "OMP_NUM_THREADS": "2"}

    # Asked through the first process alone, whose number the lock tells: all stop at one step, and the code survives.
    with mortal(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        await_condition(lambda: epochs(shared) >= 2 or process.poll() is not None, "two epochs")
        os.kill(int((shared / LOCK).read_text()), signal.SIGTERM)
        _, words = process.communicate(timeout=patience())
    assert process.returncode == 3, words.decode()
    assert words.decode().startswith("focus train: stopped by SIGTERM at epoch")
    stopped = epochs(shared)

    # Whoever started them is killed: nobody stays.
    with mortal(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        await_condition(lambda: epochs(shared) > stopped or process.poll() is not None, "another epoch")
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert len(family) >= 3
    await_condition(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family), "their end")

    # The number of devices may change: one process ends what two began.
    run_training(tiny_config(training=plain), shared, tiny_home, StopSwitch())
    events = [event for event, _ in read_events(shared / JOURNAL)]
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert [event["devices"] for event in events if event["kind"] == "run_started"] == [2, 2, 1]
    one, other = losses(alone), losses(shared)
    assert one.keys() == other.keys()
    # A sum in another order differs in the last bits, which forty epochs of training carry on.
    early = [key for key in one if key[1] <= 2]
    np.testing.assert_allclose([other[key] for key in early], [one[key] for key in early], rtol=1e-6)
    np.testing.assert_allclose([other[key] for key in one], list(one.values()), rtol=1e-3)
    weights = [load_checkpoint(run / LAST)["ema"] for run in (alone, shared)]
    torch.testing.assert_close(dict(weights[1]), dict(weights[0]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("n", [1, 2, 5, 64])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_map_of_a_batch_belongs_to_one_rank(n: int, count: int) -> None:
    rows = [row for number in range(count) for row in range(n)[Ranks(number, count).own(n)]]
    assert rows == list(range(n))


def test_a_rank_that_is_asked_while_it_waits_for_the_others_stops_at_the_next_step_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop, looks = StopSwitch(), []

    def all_reduce(asked: torch.Tensor, op: object) -> None:
        looks.append(float(asked))
        stop.turn_on("stopped by SIGTERM")  # here, and not there, where the others are

    monkeypatch.setattr(dist, "all_reduce", all_reduce)
    rank = Ranks(number=1, count=2)
    rank.check(stop)
    with pytest.raises(StopRequested, match="SIGTERM"):
        rank.check(stop)
    assert looks == [0.0, 1.0]


def test_more_devices_than_there_are_is_a_sentence(tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker) -> None:
    with pytest.raises(UserError, match=rf"training\.devices: 1024 are asked for, but this machine has {cores()} core"):
        run_training(tiny_config(training={"devices": 1024}), tmp_path, tiny_home, StopSwitch())
    [end] = [event for event, _ in read_events(tmp_path / JOURNAL)]
    assert (end["kind"], end["reason"]) == ("run_ended", "failed")
    with pytest.raises(UserError, match=r"device: cuda:1 is one device, but training\.devices asks for 2"):
        check_devices(2, torch.device("cuda:1"))
