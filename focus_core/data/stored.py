"""Maps as stored, read as physical values: log10 Σ and δ become Σ and 1 + δ, piece by piece."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from focus_core.errors import UserError
from focus_core.schema.fields import StoredAs

# For maps that are read as 1 + δ: Σ over its mean has no unit.
MEAN_DENSITY = "mean density"


class Maps(Protocol):
    """Maps (n, N, N) on disk. Indexing reads: a slice or integers along the first axis."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: Any, /) -> NDArray[Any]: ...


@dataclass(frozen=True)
class StoredMaps:
    """Maps whose file contains log10 Σ ("log10"), or δ = Σ/Σ̄ − 1 or 1 + δ ("overdensity").

    `shift` turns the file's values into 1 + δ. Rounding leaves δ of an empty pixel slightly below −1: it is empty.
    """

    stored: Maps
    stored_as: StoredAs
    shift: float = 0.0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.stored.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.stored.dtype

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        values = np.asarray(self.stored[index], dtype=np.float64)
        if self.stored_as == "log10":
            with np.errstate(over="ignore"):  # reported as a pixel that is not finite
                return np.power(10.0, values)
        shifted = values + self.shift
        return np.where((shifted < 0.0) & (shifted > -_ROUNDING), 0.0, shifted)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)


# Single precision of δ near −1, with room for the mean's own rounding.
_ROUNDING = 1e-4
_SAMPLED = 64


def read_as(maps: Maps, stored_as: StoredAs | None, source: Path) -> Maps:
    """The maps of a file stored as `stored_as`; UserError if an overdensity is neither δ nor 1 + δ."""
    if stored_as is None:
        return maps
    if stored_as == "log10":
        return StoredMaps(maps, stored_as)
    chosen = np.unique(np.linspace(0, len(maps) - 1, _SAMPLED).astype(int))
    mean = float(np.mean([np.asarray(maps[int(i)], dtype=np.float64).mean() for i in chosen]))
    for centre in (0.0, 1.0):
        if abs(mean - centre) < 0.5:
            return StoredMaps(maps, stored_as, 1.0 - centre)
    raise UserError(
        f"{source}: is said to hold overdensities (stored_as), whose mean is 0 (δ) or 1 (1 + δ), but the mean of "
        f"{len(chosen)} of its maps is {mean:.4g}; leave stored_as out, or make the maps again."
    )


def let_go(maps: Maps) -> None:
    """Return pages of a memory map that were read to the system; they stay in its cache, not in this process."""
    stored = maps.stored if isinstance(maps, StoredMaps) else maps
    found = getattr(stored, "_mmap", None)
    if isinstance(found, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        found.madvise(mmap.MADV_DONTNEED)
