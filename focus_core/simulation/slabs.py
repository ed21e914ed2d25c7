"""From a box to maps: slabs along the three axes, in surface density."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from focus_core.data.mass import CRITICAL_DENSITY


def slab_maps(density: torch.Tensor, n_slabs: int, Omega_m: float, box_size: float) -> NDArray[np.float32]:
    """Maps (3·n_slabs, N, N) in (M☉/h)/(Mpc/h)² of 1 + δ (N, N, N); map index = axis·n_slabs + slab.

    Σ = Ω_m ρ_crit · depth · (1 + δ_slab): the 3-D cloud-in-cell density summed over the cells of the slab.
    """
    n = density.shape[0]
    depth = box_size / n_slabs
    means = []
    for axis in range(3):
        along = density.movedim(axis, 0).reshape(n_slabs, n // n_slabs, n, n)
        means.append(along.mean(dim=1, dtype=torch.float64))
    return (torch.cat(means) * Omega_m * CRITICAL_DENSITY * depth).float().cpu().numpy()
