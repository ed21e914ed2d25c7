"""A real training that is killed at random steps ends with the very bits of one that nobody touched."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mortal import mortal
from waiting import await_condition

from focus_core.config.experiment import ExperimentConfig, to_yaml
from focus_core.progress import read_events
from focus_core.run_files import JOURNAL, LAST
from focus_core.training.checkpoint import load_checkpoint
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

ConfigMaker = Callable[..., ExperimentConfig]
EPOCHS, STEPS = 12, 36
CLOCKS = {
    *("elapsed", "seconds", "images_per_second", "peak_memory_bytes", "data_wait_share", "peak_share"),
    *("step_ms_p50", "step_ms_p90", "step_ms_p99"),
}


def step_reached(run: Path, start: int) -> int:
    """The last step that the given start (from 0) told of; an earlier one may have told of later steps."""
    started, reached = -1, 0
    for event, _ in read_events(run / JOURNAL):
        started += event["kind"] == "run_started"
        if started == start and event["kind"] == "step":
            reached = int(event["step"])
    return reached


def what_was_learned(value: Any) -> Any:
    """A checkpoint without its clocks, tensors as bytes: equal means equal to the last bit."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape), value.contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return {k: what_was_learned(v) for k, v in value.items() if not (isinstance(k, str) and _is_clock(k))}
    if isinstance(value, (list, tuple)):
        return [what_was_learned(item) for item in value]
    return value


def _is_clock(key: str) -> bool:
    return key in CLOCKS or key.startswith(("seconds", "data_wait", "step_ms", "peak", "flops", "mfu"))


def test_a_training_that_is_killed_three_times_ends_with_the_same_bits(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    plain = {"num_epochs": EPOCHS, "sample_every": EPOCHS, "scheduler": {"name": "cosine", "warmup_epochs": 1}}
    sections: dict[str, Any] = {
        "method": "edm",
        "edm": {"spectral": True},
        "sampling": {"method": "heun", "num_steps": 2},
    }
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    run_training(tiny_config(training=plain, **sections), undisturbed, tiny_home, StopSwitch())

    # A checkpoint after almost every step: what a kill costs is the steps after it.
    config = tiny_config(training={**plain, "checkpoint_minutes": 1e-4}, **sections)
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(config))
    command = [sys.executable, "-m", "focus_core.cli", "train", "--config", str(file), "--exp-dir", str(killed)]
    environment = {**os.environ, "FOCUS_HOME": str(tiny_home), "OMP_NUM_THREADS": str(torch.get_num_threads())}
    chance = random.Random(9)  # of the first half: a kill comes some steps after the one that it waited for
    for start, step in enumerate(sorted(chance.sample(range(2, STEPS // 2), 3))):
        with mortal(command, env=environment, stdout=subprocess.DEVNULL) as process:
            await_condition(
                lambda start=start, step=step: step_reached(killed, start) >= step or process.poll() is not None,
                f"step {step}",
            )
            process.kill()
        assert process.returncode == -9, "it had ended before"
    run_training(config, killed, tiny_home, StopSwitch())
    starts = [event for event, _ in read_events(killed / JOURNAL) if event["kind"] == "run_started"]
    assert [event["resumed"] for event in starts] == [False, True, True, True]
    one, other = (load_checkpoint(run / LAST) for run in (undisturbed, killed))
    assert one.keys() == other.keys()
    for part in one.keys() - {"config"}:
        assert what_was_learned(one[part]) == what_was_learned(other[part]) or _is_clock(part), part
