"""The state of a training run, and which part of it a checkpoint keeps."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch

from focus_core.config.experiment import ExperimentConfig
from focus_core.data.dataset import MapDataset
from focus_core.data.split import Split
from focus_core.data.transform import Transform
from focus_core.diffusion.method import Method
from focus_core.parameters import TrainingRange
from focus_core.training.checkpoint import FORMAT
from focus_core.training.engine import Engine
from focus_core.training.initial_weights import Parent
from focus_core.training.learning_rate import LearningRate
from focus_core.training.step_log import StepLog


@dataclass(frozen=True)
class RunData:
    """The data of a run: a dataset, its parts, the transform fitted on the training part; and its parent."""

    dataset: MapDataset
    split: Split
    transform: Transform
    parent: Parent | None = None


@dataclass
class Position:
    """How far a training run has come. `epoch` counts completed epochs, `step` optimiser steps, `elapsed` seconds."""

    epoch: int = 0
    step: int = 0
    elapsed: float = 0.0
    val_loss: float | None = None
    best_val_loss: float = math.inf
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    @classmethod
    def of(cls, state: dict[str, Any]) -> Position:
        """From a checkpoint's `state`."""
        return cls(**{field.name: state[field.name] for field in dataclasses.fields(cls)})


def checkpoint_state(
    config: ExperimentConfig,
    data: RunData,
    method: Method,
    engine: Engine,
    rate: LearningRate,
    position: Position,
    steps: StepLog,
) -> dict[str, Any]:
    """The dictionary that `focus_core.training.checkpoint` describes: tensors and plain values only."""
    dataset = data.dataset
    trained = TrainingRange.of(dataset.space, dataset.theta[list(data.split.train)])
    return {
        "format": FORMAT,
        "config": config.to_dict(),
        **engine.state(),
        "scheduler": rate.state_dict(),
        **dataclasses.asdict(position),
        "loss_sum": steps.loss_sum,
        "loss_count": steps.loss_count,
        "rng": random_state(engine.device),
        "parameter_space": dataset.space.to_dict(),
        "transform": data.transform.to_dict(),
        "method": method.state(),
        "init_from": None if data.parent is None else data.parent.to_dict(),
        "data": {
            "name": dataset.name,
            "digest": dataset.digest,
            "grid": dataset.grid,
            "box_size": dataset.box_size,
            "unit": dataset.unit,
            "field": dataset.field,
            "redshift": dataset.redshift,
            "normalised": dataset.normalised,
            "periodic": dataset.periodic,
            "training_range": [list(trained.low), list(trained.high)],
        },
    }


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    return state


def restore_random_state(state: dict[str, torch.Tensor], device: torch.device) -> None:
    """On a different kind of device than before, its own generator starts from the seed again."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
    elif device.type == "mps" and "mps" in state:
        torch.mps.set_rng_state(state["mps"])
