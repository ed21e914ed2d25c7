"""Pairs of maps at θ ± a step: from a run with the same noise on both sides, from the simulator with the same phases.

What is common to both sides cancels in their difference, so that a few boxes determine a derivative as well as
hundreds of independent ones would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from focus_core.data.dataset import MapDataset
from focus_core.diffusion.method import Sampler
from focus_core.diffusion.noise import map_seed
from focus_core.sampling.from_run import LoadedRun, draw_maps
from focus_core.simulation.cosmology import Cosmology
from focus_core.simulation.suite import simulate_box
from focus_core.statistics.fields import FloatArray

# Half of the distance between both sides, in units of half the prior's width.
STEP = 0.25
# Larger boxes take minutes each on a processor.
_LARGEST_GRID = 128

Tell = Callable[[], None]
Side = Literal[-1, 1]


@dataclass(frozen=True)
class Pairs:
    """A run and the simulator of its dataset. `grid` cells and pixels per side, `box` in Mpc/h, `slabs` per axis."""

    run: LoadedRun
    sampler: Sampler
    seed: int
    grid: int
    box: float
    slabs: int

    def theta(self, parameter: int, side: Side) -> FloatArray:
        """The prior's centre with one parameter shifted by a step to the side, (d,)."""
        unit = np.zeros(len(self.run.space))
        unit[parameter] = side * STEP
        return self.run.space.from_unit(unit)

    def draw(self, theta: FloatArray, n: int, tell: Tell) -> FloatArray:
        """n maps at θ; map i has the same noise at every θ."""
        rows = np.repeat(theta[None], n, axis=0)
        seeds = [map_seed(self.seed, i) for i in range(n)]
        maps = draw_maps(self.run.model, rows, seeds, self.sampler, 1.0, lambda done, total: tell())
        return np.asarray(maps, dtype=np.float64)

    def simulate(self, theta: FloatArray, phases: int) -> FloatArray:
        """The maps (3·slabs, N, N) of one box; boxes of equal `phases` have the same initial phases at every θ."""
        values = dict(zip(self.run.space.names, theta.tolist(), strict=True)) | dict(self.run.space.fixed)
        cosmology, seed = Cosmology.from_values(values), map_seed(self.seed, phases)
        maps = simulate_box(cosmology, self.grid, self.box, self.slabs, seed % 2**62, torch.device("cpu"))
        return np.asarray(maps, dtype=np.float64)


def make_pairs(run: LoadedRun, sampler: Sampler, dataset: MapDataset, seed: int) -> Pairs | None:
    """None if the dataset is not from FOCUS's simulator, or has boxes that take too long."""
    suite = dataset.provenance.get("suite")
    if not isinstance(suite, Mapping) or not str(dataset.provenance.get("source", "")).startswith(
        "FOCUS particle-mesh"
    ):
        return None
    grid, box, slabs = (_number(suite, name) for name in ("grid", "box", "slabs"))
    if not 0 < grid <= _LARGEST_GRID or int(grid) != run.grid or box <= 0 or slabs < 1:
        return None
    return Pairs(run, sampler, seed, int(grid), box, int(slabs))


def _number(plain: Mapping[str, Any], name: str) -> float:
    value = plain.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0
