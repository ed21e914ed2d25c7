"""A validation loss that depends on the model and not on chance: the same noise and times after every epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from focus_core.data.dataset import MapDataset
from focus_core.data.transform import Transform
from focus_core.diffusion.method import Method
from focus_core.diffusion.noise import MapNoise, map_seed
from focus_core.training.batches import scaled_conditions
from focus_core.training.feed import choose_storage
from focus_core.training.ranks import ALONE, Ranks

_NOISE, _TIMES = 3, 4


class Validation:
    """Mean of the method's own loss over the validation maps, at their own θ (nothing is dropped)."""

    def __init__(
        self,
        dataset: MapDataset,
        transform: Transform,
        rows: Sequence[int],
        method: Method,
        seed: int,
        batch_size: int,
    ) -> None:
        self._dataset, self._transform, self._method = dataset, transform, method
        self.indices = dataset.maps_of(rows)
        self._condition = scaled_conditions(dataset)
        self._seed, self._batch_size = seed, batch_size
        self._kept: dict[int, list[Tensor]] = {}
        # The method's times, evenly spaced, such as ⌊(i + ½) T/n⌋; a seeded order assigns one to each map.
        even = method.even_times(len(self.indices))
        self.times = np.random.default_rng((seed, _TIMES)).permutation(even)

    @torch.no_grad()
    def loss(
        self,
        network: nn.Module,
        device: torch.device,
        check: Callable[[], None] = lambda: None,
        ranks: Ranks = ALONE,
    ) -> float:
        """`check` is called between batches and may raise to stop. Ranks take the batches in turn."""
        sums: list[Tensor] = []
        firsts = range(0, len(self.indices), self._batch_size)
        for turn in range(0, len(firsts), ranks.count):
            check()
            for first in firsts[turn : turn + ranks.count][ranks.number : ranks.number + 1]:
                sums.append(self._method.loss(network, *self._there(first, device)).sum())
        total = float(torch.stack(sums).cpu().double().sum()) if sums else 0.0
        return ranks.add(total) / len(self.indices)

    def _there(self, first: int, device: torch.device) -> list[Tensor]:
        """A batch on the device, where it stays for the next epoch if all of them and their noise fit."""
        if first in self._kept:
            return self._kept[first]
        batch = [tensor.to(device) for tensor in self._batch(first)]
        storage = choose_storage(2 * len(self.indices) * self._dataset.grid**2, device)
        if storage.resident and storage.dtype == torch.float32:
            self._kept[first] = batch
        return batch

    def _batch(self, first: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """x₀, θ, t and ε of the maps from number `first` on."""
        chosen = self.indices[first : first + self._batch_size]
        x0 = torch.from_numpy(self._transform.forward(self._dataset.maps[chosen]))[:, None]
        noise = MapNoise([map_seed(self._seed, _NOISE, int(i)) for i in chosen], tuple(x0.shape[1:]))
        t = torch.from_numpy(self.times[first : first + self._batch_size])
        return x0, self._condition[self._dataset.row_of(chosen)], t, noise.draw()
