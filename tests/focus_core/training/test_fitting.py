"""A step that does not fit into memory ends with the batch that would, and the run continues with the same steps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from focus_core.config.experiment import ExperimentConfig
from focus_core.costs.estimate import estimate
from focus_core.errors import UserError
from focus_core.progress import read_events
from focus_core.run_files import JOURNAL
from focus_core.training import fitting
from focus_core.training.engine import Engine, Step
from focus_core.training.fitting import batch_that_fits
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

ConfigMaker = Callable[..., ExperimentConfig]


def needed(config: ExperimentConfig, batch: int) -> int:
    """Of a step in parts of this many maps."""
    training = config.training.model_copy(update={"batch_size": 3 * batch, "accumulation": 3})
    return estimate(config.model_copy(update={"training": training}), 64).memory_bytes


@pytest.mark.parametrize("recomputed", [False, True])
def test_the_batch_that_fits_is_the_largest_whose_estimate_does(tiny_config: ConfigMaker, recomputed: bool) -> None:
    config = tiny_config(training={"batch_size": 64, "activation_checkpointing": recomputed})
    for memory in (needed(config, 1), needed(config, 20), needed(config, 40) + 1000):
        fit = batch_that_fits(config, 64, memory)
        assert needed(config, fit) <= memory < needed(config, fit + 1)
    assert batch_that_fits(config, 64, needed(config, 1) - 1) == 0
    # What was estimated to fit did not: half of it, then.
    assert batch_that_fits(config, 64, needed(config, 64)) == 32


def test_a_training_out_of_memory_names_the_batch_that_fits_and_goes_on_with_it(
    finished_run: Path, tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, step = tiny_config(), Engine.step
    # 16² maps of a batch of five: three of them would fit.
    monkeypatch.setattr(fitting, "batch_that_fits", lambda config, grid, memory, number: 3 if grid == 16 else 0)

    def fail_later(self: Engine, x0: torch.Tensor, condition: torch.Tensor, rate: float, number: int) -> Step:
        if number > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return step(self, x0, condition, rate, number)

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "step", fail_later)
        with pytest.raises(
            UserError, match=r"5 maps at once .* but 3 would: set training\.accumulation to 2"
        ) as caught:
            run_training(config, tmp_path, tiny_home, StopSwitch())
    assert "continues from its last checkpoint" in str(caught.value)
    last = [event for event, _ in read_events(tmp_path / JOURNAL)][-1]
    assert (last["kind"], last["reason"], last["message"]) == ("run_ended", "failed", str(caught.value))

    run_training(tiny_config(training={"accumulation": 2}), tmp_path, tiny_home, StopSwitch())

    def validation(folder: Path) -> list[Any]:
        events = [event for event, _ in read_events(folder / JOURNAL)]
        return [event["val_loss"] for event in events if event["kind"] == "epoch"]

    # The same steps, their sums in another order.
    assert validation(tmp_path) == pytest.approx(validation(finished_run), rel=1e-4)
