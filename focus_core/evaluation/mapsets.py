"""Maps by simulation: the ones evaluated, and the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focus_core.data.stored import Maps
from focus_core.evaluation.measures import log_field
from focus_core.statistics.fields import FloatArray
from focus_core.statistics.spread import simulation_means


@dataclass(frozen=True)
class MapSet:
    """`maps` (B, N, N) in the dataset's unit, of `simulation` (B,) 0 … n − 1, whose parameters are θ (n, d).

    For generated maps a simulation is a θ at which some were drawn.
    """

    maps: NDArray[Any]
    simulation: NDArray[np.int64]
    theta: FloatArray

    @property
    def n(self) -> int:
        return len(self.theta)

    @property
    def grid(self) -> int:
        return int(self.maps.shape[-1])

    @property
    def maps_each(self) -> int:
        """The smallest number of maps of a simulation."""
        return int(np.bincount(self.simulation, minlength=self.n).min())

    def rank(self) -> NDArray[np.int64]:
        """The number of each map within its simulation, (B,)."""
        order = np.argsort(self.simulation, kind="stable")
        starts = np.searchsorted(self.simulation[order], self.simulation)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        return place - starts

    def means(self, values: ArrayLike, most: int | None = None) -> FloatArray:
        """Means (n, …) over the maps of each simulation of `values` (B, …), over at most so many of its maps."""
        each = np.asarray(values, dtype=np.float64)
        if most is None:
            return simulation_means(each, self.simulation)
        chosen = self.chosen(most)
        return simulation_means(each[chosen], self.simulation[chosen])

    def chosen(self, most: int) -> NDArray[np.bool_]:
        """At most so many maps of each simulation, evenly spaced: slabs along every axis."""
        count = np.bincount(self.simulation, minlength=self.n)[self.simulation]
        kept = np.minimum(most, count)
        rank = self.rank()
        # Map i of `count` is kept if i·kept/count passes an integer.
        return (rank * kept) // count != ((rank - 1) * kept) // count

    def only(self, simulations: ArrayLike) -> MapSet:
        """The maps of these simulations alone, in this order."""
        wanted = np.asarray(simulations, dtype=np.int64)
        rows = [np.flatnonzero(self.simulation == s) for s in wanted.tolist()]
        labels = np.repeat(np.arange(len(wanted)), [len(row) for row in rows])
        return MapSet(self.maps[np.concatenate(rows)], labels, self.theta[wanted])

    def with_maps(self, maps: FloatArray) -> MapSet:
        """Other maps at the same θ."""
        return MapSet(maps, self.simulation, self.theta)


def by_theta(maps: NDArray[Any], theta: ArrayLike) -> MapSet:
    """From maps (B, N, N) with a row of θ (B, d) each: equal rows are one simulation, in order of their first map."""
    rows = np.asarray(theta, dtype=np.float64)
    _, first, label = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first))
    order = np.sort(first)
    return MapSet(maps, place[label.reshape(-1)].astype(np.int64), rows[order])


@dataclass(frozen=True)
class Training:
    """Maps number `rows` (T,) of a file of Σ (n, N, N), each of a `simulation` (T,)."""

    file: Maps | FloatArray
    rows: NDArray[np.int64]
    simulation: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def grid(self) -> int:
        return int(self.file.shape[-1])

    def logs(self, chosen: NDArray[np.int64] | slice) -> FloatArray:
        return log_field(np.asarray(self.file[self.rows[chosen]], dtype=np.float64))
