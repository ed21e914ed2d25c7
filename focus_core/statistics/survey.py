"""One pass over a dataset: its pixels checked and measured, and the curves of every simulation."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from focus_core.catalogue.statistic_spec import Arrays
from focus_core.catalogue.transforms import taken_by_default
from focus_core.data.checks import check_pixels
from focus_core.data.dataset import MapDataset
from focus_core.data.mass import Findings, check_mass
from focus_core.statistics.kept import keep, kept
from focus_core.statistics.measuring import DatasetCurves, dataset_arrays

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Survey:
    """Statistics over every pixel, in the maps' unit, and the `curves` of each simulation (`DatasetCurves.arrays`)."""

    minimum: float
    maximum: float
    mean: float
    std: float
    zero_fraction: float
    curves: Arrays
    findings: Findings

    def statistics(self) -> dict[str, float]:
        names = ("minimum", "maximum", "mean", "std", "zero_fraction")
        return {name: float(getattr(self, name)) for name in names}

    def to_npz(self, dataset: MapDataset) -> bytes:
        """The arrays for pages, with θ, names, box, grid and unit of P(k)."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **dataset_arrays(dataset, self.curves))
        return buffer.getvalue()


def survey_dataset(
    dataset: MapDataset, progress: Callable[[int, int], None] | None = None, home: Path | None = None
) -> Survey:
    """Read every map once, in pieces of bounded memory. `progress(done, total)` counts simulations.

    Curves kept in `home` are not measured again; newly measured ones are kept there.

    UserError for pixels that are not finite or, in physical maps, negative or all zero, and for those that do not match
    their declaration.
    """
    report = progress or (lambda done, total: None)
    low, high, zeros, moments = math.inf, -math.inf, 0, Moments()
    known, curves = None if home is None else kept(dataset, home), DatasetCurves(dataset)
    report(0, dataset.n_simulations)
    for first, maps in dataset.chunks():
        check_pixels(maps, first, dataset.maps_file, taken_by_default(dataset.normalised))
        low, high = min(low, float(maps.min())), max(high, float(maps.max()))
        zeros += int(np.count_nonzero(maps == 0))
        moments = moments.merged(maps)
        if known is None:
            curves.add(maps)
        report((first + len(maps)) * dataset.n_simulations // dataset.n_maps, dataset.n_simulations)
    measured = curves.arrays() if known is None else known
    if home is not None and known is None:
        keep(dataset, home, measured)
    findings = check_mass(dataset, measured["map_means"])
    return Survey(low, high, moments.mean, moments.std, zeros / moments.count, measured, findings)


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations; pieces are merged as Chan et al. (1983) do."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @property
    def std(self) -> float:
        return math.sqrt(self.squares / self.count)

    def merged(self, values: FloatArray) -> Moments:
        mean, n = float(values.mean()), values.size
        squares, shift, total = float(((values - mean) ** 2).sum()), mean - self.mean, self.count + n
        return Moments(total, self.mean + shift * n / total, self.squares + squares + shift**2 * self.count * n / total)
