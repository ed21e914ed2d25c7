"""From stored arrays to the curves of a statistic's figure: means over maps, their scatter and standard errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.charts.overlay import COSMIC, GAUSSIAN, MapCurves
from dashboard.record.queries import Truth
from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_core.catalogue.statistic_spec import NORMALISED, MapStatistic
from focus_core.parameters import ParameterSpace
from focus_store.contracts import SampleMeasurement

FloatArray = NDArray[np.float64]


def epoch_curves(
    arrays: Mapping[str, NDArray[Any]],
    epoch: int,
    grid: int | None,
    row: int | None = None,
    statistic: MapStatistic = POWER_SPECTRUM,
) -> MapCurves:
    """A statistic of an epoch's maps: for one simulation (`row` from 0), or the mean over all of them.

    `arrays` is figs/<name>_epoch_XXXX.npz: the axis (q,), generated (rows, 3, q), and simulation_mean and
    simulation_std (rows, q) over the n_simulation_maps maps of each row's simulation.
    """
    rows = slice(None) if row is None else slice(row, row + 1)
    generated = np.asarray(arrays["generated"], dtype=np.float64)[rows]
    mean = np.asarray(arrays["simulation_mean"], dtype=np.float64)[rows]
    spread = np.asarray(arrays["simulation_std"], dtype=np.float64)[rows]
    each = int(arrays["n_simulation_maps"])
    scatter, error = _scatter_and_error(spread, each)
    average = mean.mean(axis=0)
    scatter, scatter_name = _cosmic_variance(scatter, average, statistic, arrays)
    maps, count = each * len(mean), generated.shape[0] * generated.shape[1]
    return MapCurves(
        x=np.asarray(arrays[statistic.axis.name], dtype=np.float64),
        truth=average,
        scatter=scatter,
        scatter_name=scatter_name,
        truth_error=error,
        generated=generated.mean(axis=(0, 1)),
        generated_error=_error_of_mean(generated),
        truth_name=f"simulation{'s' if row is None else ''}, mean of {maps}" if maps > 1 else "simulation",
        generated_name=f"generated, epoch {epoch}, mean of {count}",
        box_size=_number(arrays.get("box_size")),
        grid=grid,
        physical="unit" not in arrays or str(arrays["unit"].reshape(-1)[0]) != NORMALISED,
        statistic=statistic,
    )


def sample_curves(
    found: SampleMeasurement, truth: Truth | None, nearest: Sequence[int], statistic: MapStatistic = POWER_SPECTRUM
) -> MapCurves | None:
    """A statistic of a batch against the smoothed truth at its θ, otherwise the mean of the nearest true simulations.

    The latter have other θ, so that the ratio to them is not an error of the model: the figure's titles say so.
    """
    x, values = (np.asarray(found.arrays[name], dtype=np.float64) for name in (statistic.axis.name, "generated"))
    of_simulations = None if truth is None else truth.curves.get(statistic.name)
    if truth is None or of_simulations is None:
        return None
    n = len(values)
    common: dict[str, Any] = {
        "x": x,
        "generated": values.mean(axis=0),
        "generated_error": values.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else None,
        "generated_name": f"generated, mean of {n}" if n > 1 else "generated, one map",
        "box_size": truth.box_size,
        "grid": truth.grid,
        "physical": of_simulations.physical,
        "statistic": statistic,
    }
    if found.truth is not None and is_at_theta(found, statistic):
        smoothed = found.truth
        expected, error, scatter = (
            np.asarray(smoothed[name], dtype=np.float64) for name in ("power", "error", "scatter")
        )
        known = scatter if int(smoothed["maps"]) > 1 else None
        known, name = _cosmic_variance(known, expected, statistic, found.arrays)
        return MapCurves(
            truth=expected,
            scatter=known,
            scatter_name=name,
            truth_error=error,
            truth_name=f"truth at this θ, fitted to {smoothed['simulations']} simulations",
            against="truth",
            **common,
        )
    if of_simulations.x.shape != x.shape or len(nearest) == 0:
        return None
    chosen = list(nearest)
    near_scatter, near_error = _scatter_and_error(of_simulations.std[chosen], truth.n_maps)
    mean = of_simulations.mean[chosen].mean(axis=0)
    near_scatter, near_name = _cosmic_variance(near_scatter, mean, statistic, found.arrays)
    simulations = len(chosen)
    plural = "s" if simulations > 1 else ""
    return MapCurves(
        truth=mean,
        scatter=near_scatter,
        scatter_name=near_name,
        truth_error=near_error,
        truth_name=f"{simulations} nearest simulation{plural}, {simulations * truth.n_maps} maps",
        against="nearest",
        **common,
    )


def is_at_theta(found: SampleMeasurement, statistic: MapStatistic = POWER_SPECTRUM) -> bool:
    """Whether a sample has a smoothed truth at its own θ, in every entry."""
    return found.truth is not None and len(found.truth.get("power", ())) == len(found.arrays[statistic.axis.name])


def nearest_simulations(
    space: ParameterSpace, truth: Truth, theta: Sequence[float], count: int = 3, *, training_only: bool = False
) -> list[tuple[int, float]]:
    """(row of truth, distance) of the nearest simulations, nearest first.

    The distance is Euclidean over the scaled parameters in units of the prior's diagonal: 1 is corner to corner.
    """
    scaled = (space.to_unit(truth.theta) - space.to_unit(theta)) / 2.0
    distance = np.sqrt((scaled**2).mean(axis=1))
    if training_only:
        distance = np.where(truth.training(), distance, np.inf)
    order = np.argsort(distance, kind="stable")[:count]
    return [(int(i), float(distance[i])) for i in order if np.isfinite(distance[i])]


def _scatter_and_error(spread: FloatArray, each: int) -> tuple[FloatArray | None, FloatArray | None]:
    """From spreads (simulations, nk): scatter of one map about its simulation's mean, standard error of the mean."""
    if each < 2:
        return None, None
    variance = np.asarray((spread**2).mean(axis=0))
    return np.sqrt(variance), np.sqrt(variance / (each * len(spread)))


def _cosmic_variance(
    scatter: FloatArray | None, mean: FloatArray, statistic: MapStatistic, arrays: Mapping[str, NDArray[Any]]
) -> tuple[FloatArray | None, str]:
    """Cosmic variance of the maps and its name; if there is one map per θ, that of a Gaussian field."""
    if scatter is not None:
        return scatter, COSMIC
    return statistic.cosmic_variance(mean, arrays), GAUSSIAN


def _error_of_mean(generated: FloatArray) -> FloatArray | None:
    """Standard error of the mean over (rows, n, nk): scatter within rows, since rows differ in θ."""
    rows, n, _ = generated.shape
    if n < 2:
        return None
    return np.asarray(np.sqrt(generated.var(axis=1, ddof=1).mean(axis=0) / (rows * n)))


def _number(array: NDArray[Any] | None) -> float | None:
    if array is None or array.size != 1 or not np.isfinite(float(array.reshape(-1)[0])):
        return None
    return float(array.reshape(-1)[0])
