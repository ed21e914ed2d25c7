"""Training maps in batches. Order and augmentation follow from (seed, epoch, batch) alone, so a resumed run sees
exactly what an uninterrupted one would have seen."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from focus_core.config.experiment import ExperimentConfig
from focus_core.config.training import AugmentationSection
from focus_core.data.dataset import MapDataset
from focus_core.data.transform import Transform
from focus_core.training.feed import Storage, WaitingMaps

Batch = tuple[Tensor, Tensor]

# Random number streams that must never coincide: the first number after the run's seed.
_ORDER, _AUGMENTATION = 1, 2


class TrainingMaps:
    """The training maps of a run: x (B, 1, N, N) and θ scaled to [−1, 1], (B, d), batch by batch, on the device.

    `copies` is the number of processes that keep the maps in the same memory.
    """

    def __init__(
        self,
        dataset: MapDataset,
        transform: Transform,
        rows: Sequence[int],
        config: ExperimentConfig,
        device: torch.device | None = None,
        copies: int = 1,
    ) -> None:
        self.dataset, self.transform = dataset, transform
        self.indices = dataset.maps_of(rows)
        self._device = device or torch.device("cpu")
        self._condition = scaled_conditions(dataset)[dataset.row_of(self.indices)].to(self._device)
        self._training, self._shuffle = config.training, config.data.shuffle
        self._threads = max(1, min(config.data.num_workers, os.cpu_count() or 1))
        self._waiting = WaitingMaps(dataset, transform, self.indices, self._device, copies)

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def storage(self) -> Storage:
        return self._waiting.storage

    @property
    def steps_per_epoch(self) -> int:
        """The last batch of an epoch may be smaller: every map is seen once."""
        return math.ceil(len(self.indices) / self._training.batch_size)

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one epoch (counted from 0), the first `skip` left out."""
        order, size = self._order(epoch), self._training.batch_size
        numbers = range(skip, self.steps_per_epoch)
        chosen = [order[number * size : (number + 1) * size] for number in numbers]
        for number, maps, x in zip(numbers, chosen, self._waiting.batches(chosen, self._threads), strict=True):
            if self._training.use_augmentation:
                x = moved(x, self._moves(epoch, number, len(maps)))
            yield x[:, None], self._condition[torch.from_numpy(maps).to(self._device, non_blocking=True)]

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """Numbers of the training maps, as in `indices`."""
        if not self._shuffle:
            return np.arange(len(self.indices))
        return np.random.default_rng((self._training.seed, _ORDER, epoch)).permutation(len(self.indices))

    def _moves(self, epoch: int, batch: int, n: int) -> Moves:
        rng = np.random.default_rng((self._training.seed, _AUGMENTATION, epoch, batch))
        return draw_moves(rng, n, self.dataset.grid, self._training.augmentation, self.dataset.periodic)


class Moves(NamedTuple):
    """For each map of a batch, whether its axes are exchanged (B,), and the source of its rows and columns (B, N).

    Pixel (i, j) becomes that at (rows[i], columns[j]): every symmetry of the square and every shift has this form.
    """

    exchanged: Tensor
    rows: Tensor
    columns: Tensor


def draw_moves(rng: np.random.Generator, n: int, grid: int, chances: AugmentationSection, periodic: bool) -> Moves:
    """One of the square's eight symmetries each, and a shift if the box is periodic: all exact for the data.

    A map is turned by one to three quarters, then each axis may be reversed, then it is shifted.
    """
    exchanged = np.zeros(n, dtype=bool)
    reversed_, shift = np.zeros((n, 2), dtype=bool), np.zeros((n, 2), dtype=np.int64)
    for one in range(n):
        turns = int(rng.integers(1, 4)) if rng.random() < chances.rotation_p else 0
        # A quarter turn exchanges the axes and reverses the first one, three quarters the second one, a half both.
        exchanged[one] = turns % 2
        reversed_[one] = turns in (1, 2), turns in (2, 3)
        reversed_[one] ^= [rng.random() < chances.flip_p for _ in range(2)]
        if periodic:
            shift[one] = rng.integers(0, grid, 2)
    source = (np.arange(grid) - shift[:, :, None]) % grid
    source = np.where(reversed_[:, :, None], grid - 1 - source, source)
    return Moves(torch.from_numpy(exchanged), torch.from_numpy(source[:, 0]), torch.from_numpy(source[:, 1]))


def moved(x: Tensor, moves: Moves) -> Tensor:
    """x (B, N, N), each map transformed by its own move, in one pass on the device of x."""
    exchanged, rows, columns = (one.to(x.device, non_blocking=True) for one in moves)
    rows, columns, exchanged = rows[:, :, None], columns[:, None, :], exchanged[:, None, None]
    maps = torch.arange(len(x), device=x.device)[:, None, None]
    return x[maps, torch.where(exchanged, columns, rows), torch.where(exchanged, rows, columns)]


def scaled_conditions(dataset: MapDataset) -> Tensor:
    """θ of every row of the table, scaled to [−1, 1], (n_rows, d) float32."""
    return torch.from_numpy(dataset.space.to_unit(dataset.theta).astype(np.float32))
