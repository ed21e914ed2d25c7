"""A network with everything that turns its output into maps, and sampling from it in batches of bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from focus_core.data.transform import Transform
from focus_core.diffusion.method import Method, Sampler
from focus_core.diffusion.noise import MapNoise
from focus_core.parameters import ParameterSpace

# (evaluations done, total, the current estimate of this batch's maps, (n, N, N) physical)
Preview = Callable[[int, int, NDArray[np.float32]], None]
SampleProgress = Callable[[int, int], None]

# Pixels drawn in one batch: 32 maps of 128² fit any machine that could train such maps.
BATCH_PIXELS = 2**19
# 32 maps of 64² stay in a processor's cache: a map took half as long as in batches of 128.
_CPU_PIXELS = 2**17


@dataclass(frozen=True)
class MapModel:
    """A network and what turns its output into maps at θ."""

    network: nn.Module
    method: Method
    transform: Transform
    space: ParameterSpace
    grid: int
    channels: int
    device: torch.device


def maps_at_once(model: MapModel) -> int:
    """The default batch size."""
    pixels = _CPU_PIXELS if model.device.type == "cpu" else BATCH_PIXELS
    return max(1, pixels // model.grid**2)


def draw_maps(
    model: MapModel,
    theta: NDArray[np.float64],
    seeds: Sequence[int],
    sampler: Sampler,
    guidance: float = 1.0,
    progress: SampleProgress | None = None,
    preview: Preview | None = None,
    batch_size: int | None = None,
) -> NDArray[np.float32]:
    """One physical map for each row of θ (n, d) and its seed, (n, N, N), in batches of bounded memory."""
    size = batch_size or maps_at_once(model)
    if sampler.spec.chooses_steps:
        size = 1
    condition = torch.from_numpy(model.space.to_unit(theta).astype(np.float32)).to(model.device)
    per_batch = model.method.evaluations(sampler)
    firsts = range(0, len(seeds), size)
    total = per_batch * len(firsts)
    maps = []
    for number, first in enumerate(firsts):
        done_before = number * per_batch

        def report(step: int, steps: int, x0: Tensor, done_before: int = done_before) -> None:
            if progress is not None:
                progress(done_before + step, total)
            if preview is not None:
                preview(done_before + step, total, _physical(model, x0))

        noise = MapNoise(seeds[first : first + size], (model.channels, model.grid, model.grid), model.device)
        rows = condition[first : first + size]
        clamp = model.transform.clamp_range
        x = model.method.sample(model.network, rows, guidance, sampler, noise, clamp, report)
        maps.append(_physical(model, x))
    return np.concatenate(maps)


def _physical(model: MapModel, x: Tensor) -> NDArray[np.float32]:
    """x (B, c, N, N) → maps (B, N, N) of the first field."""
    return model.transform.inverse(x[:, 0].cpu().numpy())
