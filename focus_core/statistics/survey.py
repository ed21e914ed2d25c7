"""One pass over a dataset: its pixels checked and measured, and P(k) of every simulation."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from focus_core.data.checks import check_pixels
from focus_core.data.dataset import MapDataset
from focus_core.data.mass import Findings, check_mass
from focus_core.statistics.truth import by_simulation, field_power, power_unit

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Survey:
    """Statistics over every pixel, in the maps' unit, and spectra by simulation.

    `k` (nk,) in h/Mpc (in units of k_f without a box); `power_mean` and `power_std` (n_simulations, nk) over the maps
    of each simulation, in (Mpc/h)² for physical maps of a known box.
    """

    minimum: float
    maximum: float
    mean: float
    std: float
    zero_fraction: float
    k: FloatArray
    n_modes: NDArray[np.int64]
    power_mean: FloatArray
    power_std: FloatArray
    findings: Findings

    def statistics(self) -> dict[str, float]:
        names = ("minimum", "maximum", "mean", "std", "zero_fraction")
        return {name: float(getattr(self, name)) for name in names}

    def to_npz(self, dataset: MapDataset) -> bytes:
        """The arrays that pages read, with θ, names, box, grid and unit of P(k) beside them."""
        buffer = io.BytesIO()
        np.savez(
            buffer,
            theta=dataset.simulation_theta,
            names=np.array(dataset.space.names),
            k=self.k,
            n_modes=self.n_modes,
            power_mean=self.power_mean,
            power_std=self.power_std,
            maps_per_simulation=np.int64(np.median(dataset.maps_each)),
            box_size=np.float64(math.nan if dataset.box_size is None else dataset.box_size),
            grid=np.int64(dataset.grid),
            unit=np.array(power_unit(dataset.box_size, dataset.normalised)),
        )
        return buffer.getvalue()


def survey_dataset(dataset: MapDataset, progress: Callable[[int, int], None] | None = None) -> Survey:
    """Read every map once, in pieces of bounded memory. `progress(done, total)` counts simulations.

    UserError for pixels that are not finite or, in physical maps, negative or all zero, and for those that are not what
    they are said to be.
    """
    report = progress or (lambda done, total: None)
    low, high, zeros, moments = math.inf, -math.inf, 0, Moments()
    powers, means, k, n_modes = [], [], np.empty(0), np.empty(0, dtype=np.int64)
    report(0, dataset.n_simulations)
    for first, maps in dataset.chunks():
        check_pixels(maps, first, dataset.maps_file, physical=not dataset.normalised)
        low, high = min(low, float(maps.min())), max(high, float(maps.max()))
        zeros += int(np.count_nonzero(maps == 0))
        moments = moments.merged(maps)
        spectrum = field_power(maps, dataset.box_size, dataset.normalised, str(dataset.maps_file))
        powers.append(spectrum.power)
        means.append(maps.mean(axis=(1, 2)))
        k, n_modes = spectrum.k, spectrum.n_modes
        report((first + len(maps)) * dataset.n_simulations // dataset.n_maps, dataset.n_simulations)
    power_mean, power_std = by_simulation(np.concatenate(powers), dataset.map_simulation)
    findings = check_mass(dataset, np.concatenate(means))
    return Survey(
        low, high, moments.mean, moments.std, zeros / moments.count, k, n_modes, power_mean, power_std, findings
    )


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
