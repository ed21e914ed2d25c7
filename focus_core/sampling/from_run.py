"""Drawing maps from a trained run. The network, its transform and its parameters all come from the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from focus_core.catalogue.samplers import sampler_refusal
from focus_core.config.experiment import ExperimentConfig, recorded_config
from focus_core.data.transform import Transform
from focus_core.diffusion.method import Sampler
from focus_core.diffusion.methods import make_method
from focus_core.diffusion.noise import map_seed
from focus_core.errors import UserError
from focus_core.map_model import MapModel, Preview, SampleProgress, draw_maps
from focus_core.networks.building import build_network
from focus_core.parameters import ParameterSpace, TrainingRange
from focus_core.statistics.truth import read_truth
from focus_core.training.checkpoint import kept_epochs, load_checkpoint, load_weights, path_of_role, sha256_of
from focus_core.training.device import choose_device

Weights = Literal["ema", "raw"]


class IncompleteCheckpoint(UserError):
    """A file that can be read but lacks something needed for sampling, such as its transform."""


# The parts of a checkpoint needed for sampling.
_NEEDED = ("config", "model", "ema", "epoch", "step", "val_loss", "parameter_space", "transform", "data")

# Largest number of a run's checkpoints listed in a sentence.
_LISTED = 12


@dataclass(frozen=True)
class LoadedRun:
    """A trained run, ready to be sampled. `box_size` in Mpc/h or None, `unit` that of a pixel or None."""

    run_folder: Path
    config: ExperimentConfig
    model: MapModel
    epoch: int
    step: int
    val_loss: float | None
    weights: Weights
    checkpoint: Path
    checkpoint_sha256: str
    box_size: float | None
    unit: str | None
    normalised: bool
    training_range: TrainingRange

    @property
    def space(self) -> ParameterSpace:
        return self.model.space

    @property
    def grid(self) -> int:
        return self.model.grid


def load_run(
    run_folder: Path | str, weights: Weights = "ema", checkpoint: str = "best", device: str = "auto"
) -> LoadedRun:
    """Read a run's checkpoint: "best", "last", or a kept epoch such as "epoch_0010".

    UserError if it is missing, damaged, or does not match the network it names.
    """
    path = Path(run_folder) / path_of_role(checkpoint)
    _check_there(Path(run_folder), checkpoint)
    state = load_checkpoint(path)
    missing = [key for key in _NEEDED if key not in state]
    if missing:
        raise IncompleteCheckpoint(
            f"{path}: is no checkpoint of a run, for it lacks {', '.join(missing)}; choose another one."
        )
    config = recorded_config(state["config"], f"{path} (configuration inside)")
    chosen = choose_device(device)
    data: dict[str, Any] = state["data"]
    # Checkpoints of the first version have a single method, which needs no measurements.
    method = make_method(config, state.get("method", {}), chosen)
    network = build_network(config.model, bool(data["periodic"]), method.start)
    load_weights(network, state["ema" if weights == "ema" else "model"], path)
    model = MapModel(
        network=_laid_out(network.to(chosen)).eval().requires_grad_(False),
        method=method,
        transform=_transform(state["transform"], path),
        space=ParameterSpace.from_dict(state["parameter_space"]),
        grid=int(data["grid"]),
        channels=config.model.in_channels,
        device=chosen,
    )
    return LoadedRun(
        run_folder=Path(run_folder),
        config=config,
        model=model,
        epoch=int(state["epoch"]),
        step=int(state["step"]),
        val_loss=state["val_loss"],
        weights=weights,
        checkpoint=path,
        checkpoint_sha256=sha256_of(path),
        box_size=data["box_size"],
        unit=data["unit"],
        normalised=bool(data["normalised"]),
        training_range=_training_range(Path(run_folder), model.space, data.get("training_range")),
    )


def _transform(plain: Any, path: Path) -> Transform:
    """UserError for one that this version cannot invert: without it, nothing can be drawn."""
    try:
        return Transform.from_dict(plain, str(path))
    except UserError as error:
        raise IncompleteCheckpoint(str(error)) from error


def _training_range(
    run_folder: Path, space: ParameterSpace, recorded: Sequence[Sequence[float]] | None
) -> TrainingRange:
    """As recorded in the checkpoint; for an earlier version derived from truth.npz, otherwise the prior."""
    if recorded is not None:
        low, high = recorded
        return TrainingRange(space, tuple(low), tuple(high))
    try:
        truth = read_truth(run_folder)
        return TrainingRange.of(space, truth["theta"][truth["split"] == 0])
    except (UserError, KeyError, ValueError):
        return TrainingRange.of(space, [[p.minimum for p in space.parameters], [p.maximum for p in space.parameters]])


def _check_there(run_folder: Path, role: str) -> None:
    """A run with other checkpoints need not be trained first: UserError that lists them."""
    path = run_folder / path_of_role(role)
    if path.is_file():
        return
    others = [
        other
        for other in ("best", "last", *kept_epochs(run_folder))
        if other != role and (run_folder / path_of_role(other)).is_file()
    ]
    if others:
        what = "is no file" if path.exists() else "this run has no such checkpoint"
        more = f" or one of {len(others) - _LISTED} earlier epochs" if len(others) > _LISTED else ""
        raise UserError(f"{path}: {what}; choose {', '.join(others[:_LISTED])}{more}.")


def _laid_out(network: nn.Module) -> nn.Module:
    """Channels last: the shipped networks took 5 to 20 % less time for a batch on two cores."""
    network._apply(lambda tensor: tensor.to(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor)
    return network


def sample_maps(
    run: LoadedRun,
    theta: ArrayLike,
    n: int,
    seed: int = 0,
    sampler: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    progress: SampleProgress | None = None,
    preview: Preview | None = None,
    batch_size: int | None = None,
) -> NDArray[np.float32]:
    """n physical maps (n, N, N) at one θ (d,), or one map at each row of θ (n, d).

    Map i depends on `seed`, on i and on its θ, and on nothing else: not on n, nor on the batch it is drawn in. Sampler,
    steps and guidance default to the run's configuration. `progress(done, total)` counts network evaluations over all
    batches; it may raise, for example StopRequested, to stop. `preview` receives x̂₀ of the current batch.
    """
    rows = np.atleast_2d(np.asarray(theta, dtype=np.float64))
    if rows.shape[0] not in (1, n) or n < 1:
        raise UserError(f"n: {n} maps were asked for, but θ has {rows.shape[0]} rows; give one θ, or one a map.")
    chosen = chosen_sampler(run, sampler, steps)
    scale = run.config.sampling.cfg_scale if guidance is None else guidance
    seeds = [map_seed(seed, i) for i in range(n)]
    rows = np.broadcast_to(rows, (n, rows.shape[1]))
    return draw_maps(run.model, rows, seeds, chosen, scale, progress, preview, batch_size)


def chosen_sampler(run: LoadedRun, sampler: str | None = None, steps: int | None = None) -> Sampler:
    """The run's own, or another of its method's, with its own or other steps. UserError if it is not available."""
    refusal = None if sampler is None else sampler_refusal(sampler, run.config.method)
    if refusal is not None:
        raise UserError(f"sampler: {refusal}.")
    chosen = Sampler.of(run.config.sampling, sampler, steps)
    refusal = chosen.spec.steps_refusal(run.config.method, chosen.steps, run.config.diffusion.timesteps)
    if refusal is not None and not chosen.spec.every_time:
        raise UserError(f"steps: {refusal}.")
    return chosen
