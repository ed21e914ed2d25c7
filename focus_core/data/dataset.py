"""`MapDataset`: maps, their parameters and the known facts about both, from any kind of file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.data.simulations import repeated_rows, simulations_of_rows
from focus_core.data.stored import Maps, let_go
from focus_core.parameters import ParameterSpace
from focus_core.schema.fields import StoredAs

SURFACE_DENSITY = "(M☉/h)/(Mpc/h)²"

# Pixels read at once by code that must read a whole file: 32 MB as doubles.
CHUNK_PIXELS = 2**22


@dataclass(frozen=True)
class MapDataset:
    """Maps (n_maps, N, N) on disk and θ (n_rows, d), the rows of its table, in the order of `space`.

    The maps of row r are the `maps_per_row` consecutive ones from r·maps_per_row on. `simulation` (n_rows,) says which
    simulation a row belongs to: rows of one θ are one simulation, unless `independent_realisations` (the words that
    say so, "" otherwise) makes each a separate one. Splits name rows and never divide a simulation.

    `box_size` and `slab_depth` are in Mpc/h, `unit` is that of the pixels; all are None if unknown, as for
    maps that are already `normalised`. `stored_as` is how the file stores `maps`. `warnings` are shown wherever the
    dataset is opened, `remarks` where it is reported. `digest` begins with "sha256:" (of the whole content, as recorded
    in a dataset folder) or "fingerprint:" (of the labels, the header and 64 sampled maps: files of gigabytes are not
    hashed at every opening).
    """

    name: str
    maps: Maps
    theta: NDArray[np.float64]
    space: ParameterSpace
    box_size: float | None
    unit: str | None
    field: str
    redshift: float
    maps_per_row: int
    normalised: bool
    periodic: bool
    provenance: dict[str, Any]
    digest: str
    maps_file: Path
    params_file: Path
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    slab_depth: float | None = None
    stored_as: StoredAs | None = None
    independent_realisations: str = ""
    rows_per_simulation: int | None = None
    simulation: NDArray[np.int64] = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        labels = simulations_of_rows(self.theta, bool(self.independent_realisations), self.rows_per_simulation)
        object.__setattr__(self, "simulation", labels)

    @property
    def n_maps(self) -> int:
        return int(self.maps.shape[0])

    @property
    def grid(self) -> int:
        """Pixels per side."""
        return int(self.maps.shape[-1])

    @property
    def n_rows(self) -> int:
        """Of the parameter table."""
        return int(self.theta.shape[0])

    @property
    def n_simulations(self) -> int:
        return int(self.simulation.max()) + 1

    @property
    def simulation_theta(self) -> NDArray[np.float64]:
        """θ of each simulation, (n_simulations, d)."""
        return self.theta[self.first_rows]

    @property
    def first_rows(self) -> NDArray[np.int64]:
        """The first row of each simulation, (n_simulations,)."""
        return np.unique(self.simulation, return_index=True)[1].astype(np.int64)

    @property
    def map_simulation(self) -> NDArray[np.int64]:
        """The simulation of each map, (n_maps,)."""
        return np.repeat(self.simulation, self.maps_per_row)

    @property
    def maps_each(self) -> NDArray[np.int64]:
        """Maps of each simulation, (n_simulations,)."""
        return np.bincount(self.simulation).astype(np.int64) * self.maps_per_row

    @property
    def repeated_rows(self) -> int:
        """Rows whose θ already occurs in an earlier row."""
        return repeated_rows(self.theta)

    def maps_of(self, rows: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
        """Indices of every map of these rows, row by row."""
        first = np.asarray(rows, dtype=np.int64) * self.maps_per_row
        return (first[:, None] + np.arange(self.maps_per_row)).ravel()

    def sisters_of(self, row: int) -> NDArray[np.int64]:
        """Indices of every map of the simulation to which this row belongs."""
        return self.maps_of(np.flatnonzero(self.simulation == self.simulation[row]))

    def row_of(self, maps: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
        """The row of θ to which each map belongs."""
        return np.asarray(maps, dtype=np.int64) // self.maps_per_row

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """(index of the first map, maps as doubles), in order, in pieces of bounded memory.

        Pages that were read are given back to the system, so that a large file never counts as this process's memory.
        """
        step = max(1, CHUNK_PIXELS // self.grid**2)
        for first in range(0, self.n_maps, step):
            yield first, np.array(self.maps[first : first + step], dtype=np.float64)
            let_go(self.maps)
