"""From stored arrays to the curves of the P(k) figure: means over maps, their scatter and standard errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.charts.power import Spectra
from dashboard.record.queries import Truth
from focus_core.parameters import ParameterSpace

FloatArray = NDArray[np.float64]
PHYSICAL_UNIT = "(Mpc/h)²"


def epoch_spectra(arrays: Mapping[str, NDArray[Any]], epoch: int, grid: int | None, row: int | None = None) -> Spectra:
    """P(k) of an epoch's maps: of one simulation (`row` from 0), or the mean over all of them.

    `arrays` is figs/power_spectrum_epoch_XXXX.npz: k (nk,), generated (rows, 3, nk), and simulation_mean and
    simulation_std (rows, nk) over the n_simulation_maps maps of each row's simulation.
    """
    rows = slice(None) if row is None else slice(row, row + 1)
    generated = np.asarray(arrays["generated"], dtype=np.float64)[rows]
    mean = np.asarray(arrays["simulation_mean"], dtype=np.float64)[rows]
    spread = np.asarray(arrays["simulation_std"], dtype=np.float64)[rows]
    each = int(arrays["n_simulation_maps"])
    scatter, error = _scatter_and_error(spread, each)
    maps, count = each * len(mean), generated.shape[0] * generated.shape[1]
    return Spectra(
        k=np.asarray(arrays["k"], dtype=np.float64),
        truth=mean.mean(axis=0),
        scatter=scatter,
        truth_error=error,
        generated=generated.mean(axis=(0, 1)),
        generated_error=_error_of_mean(generated),
        truth_name=f"simulation{'s' if row is None else ''}, mean of {maps}" if maps > 1 else "simulation",
        generated_name=f"generated, epoch {epoch}, mean of {count}",
        box_size=_number(arrays.get("box_size")),
        grid=grid,
        physical=_unit(arrays) == PHYSICAL_UNIT,
    )


def sample_spectra(
    k: FloatArray,
    power: FloatArray,
    truth: Truth | None,
    nearest: Sequence[int],
    smoothed: Mapping[str, Any] | None = None,
) -> Spectra | None:
    """P(k) of a batch, (n, nk), against the `smoothed` truth at its θ, else the mean of the nearest true simulations.

    The latter lie at other θ, so that the ratio to them is no error of the model: the figure's titles say so.
    """
    if truth is not None and is_at_theta(smoothed, k):
        assert smoothed is not None
        return _over_smoothed(k, power, truth, smoothed)
    if truth is None or truth.k.shape != k.shape or len(nearest) == 0:
        return None
    chosen = list(nearest)
    scatter, error = _scatter_and_error(truth.power_std[chosen], truth.n_maps)
    n, simulations = len(power), len(chosen)
    plural = "s" if simulations > 1 else ""
    return Spectra(
        k=k,
        truth=truth.power_mean[chosen].mean(axis=0),
        scatter=scatter,
        truth_error=error,
        generated=power.mean(axis=0),
        generated_error=power.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else None,
        truth_name=f"{simulations} nearest simulation{plural}, {simulations * truth.n_maps} maps",
        generated_name=_mean_of(n),
        box_size=truth.box_size,
        grid=truth.grid,
        physical=truth.physical,
        ratio_title="ratio to nearest",
    )


def is_at_theta(smoothed: Mapping[str, Any] | None, k: FloatArray) -> bool:
    """Whether a sample has a smoothed truth at its own θ, ring by ring."""
    return smoothed is not None and len(smoothed.get("power", ())) == len(k)


def _over_smoothed(k: FloatArray, power: FloatArray, truth: Truth, smoothed: Mapping[str, Any]) -> Spectra:
    n = len(power)
    expected, error, scatter = (np.asarray(smoothed[name], dtype=np.float64) for name in ("power", "error", "scatter"))
    return Spectra(
        k=k,
        truth=expected,
        scatter=scatter if int(smoothed["maps"]) > 1 else None,
        truth_error=error,
        generated=power.mean(axis=0),
        generated_error=power.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else None,
        truth_name=f"truth at this θ, fitted to {smoothed['simulations']} simulations",
        generated_name=_mean_of(n),
        box_size=truth.box_size,
        grid=truth.grid,
        physical=truth.physical,
        ratio_title="ratio to truth",
    )


def _mean_of(n: int) -> str:
    return f"generated, mean of {n}" if n > 1 else "generated, one map"


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
    """Of spreads (simulations, nk): scatter of one map about its own simulation's mean, standard error of the mean."""
    if each < 2:
        return None, None
    variance = np.asarray((spread**2).mean(axis=0))
    return np.sqrt(variance), np.sqrt(variance / (each * len(spread)))


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


def _unit(arrays: Mapping[str, NDArray[Any]]) -> str:
    unit = arrays.get("unit")
    return PHYSICAL_UNIT if unit is None else str(unit.reshape(-1)[0])
