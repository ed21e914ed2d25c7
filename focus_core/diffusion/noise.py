"""Noise that belongs to a map: its own generator, so that the size or order of a batch never changes a map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def map_seed(*numbers: int) -> int:
    """One seed from several whole numbers ≥ 0 (a run's seed, a simulation, a map …), well mixed."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


class MapNoise:
    """Streams of standard normal maps, one for each seed. Drawn on the CPU: the same numbers on every device."""

    def __init__(self, seeds: Sequence[int], shape: tuple[int, ...], device: torch.device | str = "cpu") -> None:
        """`shape` is that of one map, (c, N, N)."""
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._shape, self._device = shape, device

    def draw(self) -> Tensor:
        """The next map of every stream, (B, c, N, N)."""
        maps = [torch.randn(self._shape, generator=generator) for generator in self._generators]
        return torch.stack(maps).to(self._device)
