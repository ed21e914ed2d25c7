"""Which checkpoints stay: the best, the last, the one before, and those of epochs as long as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from focus_core.config.experiment import ExperimentConfig
from focus_core.progress import read_events
from focus_core.run_files import CHECKPOINTS, JOURNAL
from focus_core.sampling.from_run import load_run
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

ConfigMaker = Callable[..., ExperimentConfig]
ALWAYS = ["best", "last", "previous"]


def kept(run: Path) -> list[str]:
    return sorted(path.stem.removeprefix("checkpoint_") for path in (run / CHECKPOINTS).glob("*.pt"))


def test_checkpoints_of_epochs_are_kept_and_removed_as_the_settings_say(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    plain = {"num_epochs": 5, "sample_every": 5}
    run_training(tiny_config(training={**plain, "keep_every": 1, "keep_last": 2}), tmp_path, tiny_home, StopSwitch())
    assert kept(tmp_path) == [*ALWAYS[:1], "epoch_0004", "epoch_0005", *ALWAYS[1:]]
    events = [event for event, _ in read_events(tmp_path / JOURNAL)]
    assert [e["role"] for e in events if e["kind"] == "checkpoint_removed"] == [
        "epoch_0001",
        "epoch_0002",
        "epoch_0003",
    ]
    assert load_run(tmp_path, checkpoint="epoch_0004", device="cpu").epoch == 4

    # Both may change when the run continues; what was kept under the old settings counts under the new.
    more = tiny_config(training={**plain, "num_epochs": 8, "keep_every": 2, "keep_last": 0})
    run_training(more, tmp_path, tiny_home, StopSwitch())
    assert kept(tmp_path) == ["best", *(f"epoch_000{n}" for n in (4, 5, 6, 8)), "last", "previous"]


def test_within_an_epoch_checkpoints_are_written_by_time(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    run_training(tiny_config(training={"checkpoint_minutes": 1e-9}), tmp_path, tiny_home, StopSwitch())
    events = [event for event, _ in read_events(tmp_path / JOURNAL)]
    last = [event["step"] for event in events if event["kind"] == "checkpoint" and event["role"] == "last"]
    assert last == [1, 2, 3, 3, 4, 5, 6, 6]
    assert kept(tmp_path) == ALWAYS
