"""What to do when a step does not fit into memory: which part of its batch would fit."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import torch

from focus_core.config.experiment import ExperimentConfig
from focus_core.costs.estimate import estimate
from focus_core.errors import UserError
from focus_core.run_files import ENVIRONMENT, LAST
from focus_core.training.device import choose_device, resident_memory
from focus_core.training.precision import Number, choose_precision


def is_out_of_memory(error: Exception) -> bool:
    """torch has an exception type for GPUs and a message for processors."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


def out_of_memory(config: ExperimentConfig, run_folder: Path) -> UserError:
    """The error with the batch size that would fit, and how to continue without changing what is learned."""
    training, grid = config.training, grid_of(run_folder)
    at_once = -(-training.batch_size // training.accumulation)
    problem = f"training.batch_size: {at_once} maps at once do not fit into the memory of {config.device}"
    kept = "continues from its last checkpoint" if (run_folder / LAST).exists() else "then begins anew"
    if grid is None or at_once == 1:
        fit = 0
    else:
        device = choose_device(config.device)
        number = choose_precision(config, device).number
        fit = batch_that_fits(config, grid, memory_for_training(device), number)
    if fit < 1:
        again = "" if training.activation_checkpointing else "set training.activation_checkpointing to true, or "
        return UserError(
            f"{problem}; {again}lower training.batch_size or model.base_channels, and start the run again."
        )
    parts = -(-training.batch_size // fit)
    return UserError(
        f"{problem}, but {fit} would: set training.accumulation to {parts}, which takes the same steps in {parts} "
        f"parts, and start the same run again; it {kept}."
    )


def batch_that_fits(config: ExperimentConfig, grid: int, memory: int, number: Number = "fp32") -> int:
    """The largest number of maps at once whose estimate is within `memory` bytes; always fewer than now, and half
    as many if the present number should fit by the estimate. 0 if not even one does."""
    training = config.training
    at_once = -(-training.batch_size // training.accumulation)

    def needed(batch: int) -> int:
        # In two parts, since the gradients of one are kept while the next is computed.
        parts = training.model_copy(update={"batch_size": 2 * batch, "accumulation": 2})
        return estimate(config.model_copy(update={"training": parts}), grid, number).memory_bytes

    if needed(at_once) <= memory:
        return at_once // 2
    return max((batch for batch in range(1, at_once) if needed(batch) <= memory), default=0)


def memory_for_training(device: torch.device) -> int:
    """Bytes that this process has or could have there."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device))
    return int(psutil.virtual_memory().available + resident_memory())


def grid_of(run_folder: Path) -> int | None:
    """Side of the maps as recorded by the run; None before that."""
    path = run_folder / ENVIRONMENT
    if not path.exists():
        return None
    grid = json.loads(path.read_text(encoding="utf-8")).get("dataset", {}).get("grid")
    return None if grid is None else int(grid)
