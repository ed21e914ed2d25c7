"""Isotropy of maps: P(k) along the two axes and the diagonals, and the seam where the periodic edges meet.

P(k) is that of `power`, its rings divided by the direction of the mode: along an axis within 22.5° of it, otherwise
along a diagonal. In a ring the modes of both axes are the same up to a quarter turn, so their ratio is 1 for an
isotropic field of any spectrum; those of the diagonal have another mean |k|, so that its ratio to the axes is compared
with that of simulations.

The seam compares the steps across the edge, from the last row to the first, with those between all other rows: the
same for a field without an edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from scipy.sparse import csr_array

from focus_core.bands import Band
from focus_core.errors import UserError
from focus_core.schema.messages import check_box
from focus_core.statistics.fields import FloatArray, Maps, finite_fields, overdensity
from focus_core.statistics.power import ring_modes

# Of wave vectors, in the order of the result: a wave along the first axis varies from row to row.
DIRECTIONS = ("first axis", "second axis", "diagonal")


@dataclass(frozen=True)
class DirectionalPower:
    """P(k) of B maps in three `DIRECTIONS`: `power` (B, 3, nk) [(Mpc/h)²], NaN where a ring has no such mode.

    `k` (nk,) [h/Mpc] is the mean |k| of all modes of the ring, `n_modes` (3, nk) their number in each direction.
    """

    k: FloatArray
    power: FloatArray
    n_modes: NDArray[np.int64]
    box_size: float
    grid: int

    def by_band(self, bands: Sequence[Band]) -> FloatArray:
        """Mean power (B, 3, n_bands) over the modes of each band and direction."""
        rings = np.arange(1, len(self.k) + 1)
        inside = [band.contains(rings) for band in bands]
        sums = np.nan_to_num(self.power) * self.n_modes
        return np.stack([sums[..., i].sum(axis=-1) / self.n_modes[:, i].sum(axis=-1) for i in inside], axis=-1)


@dataclass(frozen=True)
class Seam:
    """Mean squares of the steps of B fields along both axes, in the unit of the field squared, (B, 2).

    `across` the periodic edge, `inside` between all other neighbours.
    """

    across: FloatArray
    inside: FloatArray

    @property
    def ratio(self) -> FloatArray:
        """rms across over rms inside of each map and axis (B, 2), 1 without a seam."""
        return np.sqrt(self.across / self.inside)

    @property
    def mean_ratio(self) -> FloatArray:
        """The same of all maps together, (2,)."""
        return np.sqrt(self.across.mean(axis=0) / self.inside.mean(axis=0))


def directional_power(maps: Maps, box_size: float, source: str = "maps") -> DirectionalPower:
    """Of physical maps (N, N) or (B, N, N); UserError as for `power_spectrum`."""
    check_box(box_size, f"{source}: the box side")
    delta = overdensity(maps, source, "a spectrum by direction")
    grid = delta.shape[-1]
    rings, sums = ring_modes(grid), _direction_sums(grid)
    squared = np.abs(fft.rfft2(delta).reshape(len(delta), -1)) ** 2
    n_modes = sums.sum(axis=1).reshape(3, -1)
    with np.errstate(invalid="ignore"):
        power = (sums @ squared.T).T.reshape(len(delta), 3, -1) / n_modes * box_size**2 / grid**4
    k = 2 * math.pi / box_size * rings.mean_mode
    return DirectionalPower(k, power, np.rint(n_modes).astype(np.int64), float(box_size), grid)


def seam(fields: ArrayLike, source: str = "fields") -> Seam:
    """Of fields (N, N) or (B, N, N), δ or log10 Σ; UserError for maps without steps inside."""
    batch = finite_fields(fields, source, "a seam")
    if batch.shape[-1] < 3:
        raise UserError(f"{source}: have {batch.shape[-1]} pixels per side; a seam needs 3 or more to compare with.")
    across, inside = [], []
    for axis in (1, 2):
        steps = np.moveaxis(np.roll(batch, -1, axis=axis) - batch, axis, -1) ** 2
        across.append(steps[..., -1].mean(axis=1))
        inside.append(steps[..., :-1].mean(axis=(1, 2)))
    found = Seam(np.stack(across, axis=1), np.stack(inside, axis=1))
    if not (found.inside > 0).all():
        worst = int(np.flatnonzero((found.inside <= 0).any(axis=1))[0])
        raise UserError(f"{source}: map {worst} is the same in every pixel along an axis; a seam needs maps that vary.")
    return found


@lru_cache(maxsize=8)
def _direction_sums(grid: int) -> csr_array:
    """(3 · N/2, modes of the half plane): adds up the modes of each direction and ring, with their weights."""
    rings, last = ring_modes(grid), grid // 2
    rows, columns = np.abs(np.fft.fftfreq(grid, 1 / grid)), np.fft.rfftfreq(grid, 1 / grid)
    # tan 22.5° is irrational, so no mode lies on a boundary.
    angle = np.arctan2(columns[None, :], rows[:, None]).ravel()
    direction = np.where(angle < math.pi / 8, 0, np.where(angle > 3 * math.pi / 8, 1, 2))
    inside = np.flatnonzero(rings.ring)
    row = direction[inside] * last + rings.ring[inside] - 1
    return csr_array((rings.weight[inside], (row, inside)), shape=(3 * last, len(angle)))
