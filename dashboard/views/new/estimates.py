"""What the New page estimates before a launch: parameters, memory, time, disk. From measured speeds, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.look.markup import Readout
from dashboard.look.words import NOTHING, count, duration, size, work
from focus_core.config.experiment import ExperimentConfig
from focus_core.costs.estimate import Estimate, estimate
from focus_store.contracts import DatasetRow, Speed
from focus_store.record.experiments import model_digest

BYTES_A_FLOAT = 4
DEFAULT_GRID = 64


@dataclass(frozen=True)
class Outlook:
    """Times are None if nothing comparable was ever measured: a guess would look like a promise."""

    estimate: Estimate
    grid: int
    train_maps: int | None
    images_per_second: float | None
    speed_source: str
    disk_bytes: float

    def epoch_seconds(self) -> float | None:
        if self.images_per_second is None or self.train_maps is None:
            return None
        return self.train_maps / self.images_per_second


def outlook(
    config: ExperimentConfig,
    dataset: DatasetRow | None,
    speeds: Sequence[Speed],
    reference: Reference | None = None,
) -> Outlook:
    grid = dataset.grid if dataset else DEFAULT_GRID
    cost = estimate(config, grid)
    maps = None
    if dataset is not None:
        each = dataset.n_maps // max(dataset.n_simulations, 1)
        maps = round(config.data.train_split * dataset.n_simulations) * each
    speed, source = _speed(config, cost, speeds, reference)
    return Outlook(cost, grid, maps, speed, source, _disk(config, cost, grid))


@dataclass(frozen=True)
class Reference:
    """A run with a measured speed, and its FLOPs per image."""

    name: str
    images_per_second: float
    flops_per_image: int


def _speed(
    config: ExperimentConfig, cost: Estimate, speeds: Sequence[Speed], reference: Reference | None
) -> tuple[float | None, str]:
    """Measured with this very network if there is such a run, otherwise scaled by the FLOPs per image."""
    mine = [s for s in speeds if s.model_digest == model_digest(config) and s.grid == cost.grid]
    if mine:
        return mine[-1].images_per_second, f"as measured on {mine[-1].device or 'this machine'}"
    if reference is not None:
        scaled = reference.images_per_second * reference.flops_per_image / cost.flops_per_image
        return scaled, f"about, scaled from {reference.name}"
    return None, "the first epoch measures it"


def _disk(config: ExperimentConfig, cost: Estimate, grid: int) -> float:
    """Three checkpoints and those of kept epochs; for every figure epoch 16 maps, kept twice, and two pictures of about
    300 kB.
    """
    figures = -(-config.training.num_epochs // config.training.sample_every)
    kept = config.training.num_epochs // config.training.keep_every if config.training.keep_every else 0
    checkpoints = 3 + min(kept, config.training.keep_last or kept)
    return checkpoints * cost.checkpoint_bytes + figures * (2 * 16 * grid * grid * BYTES_A_FLOAT + 6e5)


def readouts_of(seen: Outlook, config: ExperimentConfig, parent_parameters: int | None) -> list[Readout]:
    epoch = seen.epoch_seconds()
    epochs = config.training.num_epochs
    ratio = f"×{seen.estimate.parameters / parent_parameters:.3g} of the parent" if parent_parameters else ""
    batch = f"at batch {config.training.batch_size}, {seen.grid}² maps"
    speed = seen.speed_source if seen.train_maps else "dataset not there yet"
    return [
        Readout("Trainable parameters", count(seen.estimate.parameters), ratio),
        Readout("Peak memory, estimated", size(seen.estimate.memory_bytes), batch),
        Readout("FLOPs per image", work(seen.estimate.flops_per_image), "one training pass" ),
        Readout("Time per epoch", duration(epoch) if epoch else NOTHING, speed),
        Readout("Whole training", duration(epoch * epochs) if epoch else NOTHING, f"{epochs} epochs"),
        Readout("Disk", size(seen.disk_bytes), "checkpoints, figures"),
    ]  # fmt: skip


def dataset_of(config: ExperimentConfig, known: Sequence[DatasetRow]) -> DatasetRow | None:
    """The laboratory's entry for a configuration's dataset, by name or by path."""
    name = config.data.dataset
    by_key: Mapping[str, DatasetRow] = {row.path: row for row in known} | {row.name: row for row in known}
    return by_key.get(name) if name else None
