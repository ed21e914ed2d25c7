"""Training maps in batches. Order and augmentation follow from (seed, epoch, batch) alone, so a resumed training sees
exactly what an uninterrupted one would have seen."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from focus_core.config import ExperimentConfig
from focus_core.data.dataset import MapDataset
from focus_core.data.transform import Transform

Batch = tuple[Tensor, Tensor]

# Streams of random numbers that must never meet: the first number after the run's seed.
_ORDER, _AUGMENTATION = 1, 2


class TrainingMaps:
    """The training maps of a run: x (B, 1, N, N) and θ scaled to [−1, 1], (B, d), batch by batch."""

    def __init__(
        self, dataset: MapDataset, transform: Transform, simulations: Sequence[int], config: ExperimentConfig
    ) -> None:
        self.dataset, self.transform = dataset, transform
        self.indices = dataset.maps_of(simulations)
        self._condition = scaled_conditions(dataset)
        self._training, self._shuffle, self._workers = config.training, config.data.shuffle, config.data.num_workers

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def steps_per_epoch(self) -> int:
        """The last batch of an epoch may be smaller: every map is seen once."""
        return math.ceil(len(self.indices) / self._training.batch_size)

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one epoch (counted from 0), the first `skip` left out."""
        batches = _EpochBatches(self, epoch, skip)
        workers = min(self._workers, os.cpu_count() or 1)
        # Only forked processes share the memory-mapped file; others would be sent a copy of it.
        if workers == 0 or sys.platform != "linux":
            return (batches[i] for i in range(len(batches)))
        return iter(
            DataLoader(batches, batch_size=None, num_workers=workers, prefetch_factor=4, multiprocessing_context="fork")
        )

    def load(self, epoch: int, batch: int) -> Batch:
        """Batch number `batch` of an epoch, augmented if the configuration says so."""
        size = self._training.batch_size
        chosen = self._order(epoch)[batch * size : (batch + 1) * size]
        x = self.transform.forward(self.dataset.maps[chosen])
        if self._training.use_augmentation:
            rng = np.random.default_rng((self._training.seed, _AUGMENTATION, epoch, batch))
            x = np.stack([self._augmented(one, rng) for one in x])
        return torch.from_numpy(x)[:, None], self._condition[self.dataset.simulation_of(chosen)]

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if not self._shuffle:
            return self.indices
        return np.random.default_rng((self._training.seed, _ORDER, epoch)).permutation(self.indices)

    def _augmented(self, x: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """One of the square's eight symmetries, and a shift where the box is periodic: all exact for the data."""
        chances = self._training.augmentation
        if rng.random() < chances.rotation_p:
            x = np.rot90(x, int(rng.integers(1, 4)))
        for axis in (0, 1):
            if rng.random() < chances.flip_p:
                x = np.flip(x, axis)
        if self.dataset.periodic:
            rows, columns = rng.integers(0, len(x), 2)
            x = np.roll(x, (int(rows), int(columns)), (0, 1))
        return x


class _EpochBatches(Dataset[Batch]):
    """The batches of one epoch as a torch dataset, for worker processes that read ahead."""

    def __init__(self, maps: TrainingMaps, epoch: int, skip: int) -> None:
        self._maps, self._epoch, self._skip = maps, epoch, skip

    def __len__(self) -> int:
        return self._maps.steps_per_epoch - self._skip

    def __getitem__(self, index: int) -> Batch:
        return self._maps.load(self._epoch, self._skip + index)


def scaled_conditions(dataset: MapDataset) -> Tensor:
    """θ of every simulation, scaled to [−1, 1], (n_simulations, d) float32."""
    return torch.from_numpy(dataset.space.to_unit(dataset.theta).astype(np.float32))
