"""`MapDataset`: maps, their parameters and what is known about both, whatever files they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.parameters import ParameterSpace

SURFACE_DENSITY = "(M☉/h)/(Mpc/h)²"

# Pixels read at once by whatever must see a whole file: 32 MB as doubles.
CHUNK_PIXELS = 2**22


@dataclass(frozen=True)
class MapDataset:
    """Maps (n_maps, N, N) on disk and θ (n_simulations, d) in the order of `space`.

    The maps of simulation s are the `maps_per_simulation` consecutive ones from s·maps_per_simulation on. `box_size` is
    in Mpc/h, `unit` that of the pixels; both are None where they are unknown, as for maps that came `normalised`.
    `digest` begins with "sha256:" (of the whole content, as recorded in a dataset folder) or "fingerprint:" (of the
    labels, the header and 64 sampled maps: files of gigabytes are not hashed whenever they are opened).
    """

    name: str
    maps: np.memmap
    theta: NDArray[np.float64]
    space: ParameterSpace
    box_size: float | None
    unit: str | None
    field: str
    redshift: float
    maps_per_simulation: int
    normalised: bool
    periodic: bool
    provenance: dict[str, Any]
    digest: str
    maps_file: Path
    params_file: Path
    warnings: tuple[str, ...] = ()

    @property
    def n_maps(self) -> int:
        return int(self.maps.shape[0])

    @property
    def grid(self) -> int:
        """Pixels a side."""
        return int(self.maps.shape[-1])

    @property
    def n_simulations(self) -> int:
        return int(self.theta.shape[0])

    def maps_of(self, simulations: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
        """Indices of every map of these simulations, simulation by simulation."""
        first = np.asarray(simulations, dtype=np.int64) * self.maps_per_simulation
        return (first[:, None] + np.arange(self.maps_per_simulation)).ravel()

    def simulation_of(self, maps: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
        """The simulation (row of θ) to which each map belongs."""
        return np.asarray(maps, dtype=np.int64) // self.maps_per_simulation

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """(index of the first map, maps as doubles), in order, in pieces of bounded memory."""
        step = max(1, CHUNK_PIXELS // self.grid**2)
        for first in range(0, self.n_maps, step):
            yield first, np.array(self.maps[first : first + step], dtype=np.float64)
