"""Accuracy of maps over θ: mean P(k) of the maps at each θ over the expectation from the simulations there.

A ratio per simulation and band, with the standard error due to the maps' own scatter. The error of the
expectation is left out: it is correlated between neighbours and included in the floor of the statistic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.bands import nyquist_bands
from focus_core.errors import UserError
from focus_core.evaluation.ground import Ground
from focus_core.evaluation.means import POWER, band_weights
from focus_core.statistics.fields import FloatArray


@dataclass(frozen=True)
class OverPrior:
    """`theta` (n, d) of the parameters that vary among the maps, `ratio` and `error` (n, k) by band."""

    names: tuple[str, ...]
    symbols: tuple[str, ...]
    theta: FloatArray
    bands: tuple[str, ...]
    ratio: FloatArray
    error: FloatArray

    def plain(self) -> dict[str, Any]:
        return {
            "parameters": [{"name": n, "symbol": s} for n, s in zip(self.names, self.symbols, strict=True)],
            "theta": self.theta.tolist(),
            "bands": list(self.bands),
            "ratio": _rounded(self.ratio),
            "error": _rounded(self.error),
        }

    def rows(self) -> tuple[list[str], list[list[Any]]]:
        """Head and lines of a table: one line per θ and band."""
        lines = [
            [*map(float, theta), band, float(f"{self.ratio[i, j]:.6g}"), float(f"{self.error[i, j]:.6g}")]
            for i, theta in enumerate(self.theta)
            for j, band in enumerate(self.bands)
        ]
        return [*self.names, "band", "ratio", "error"], lines


def over_prior(ground: Ground) -> OverPrior | None:
    """None if maps and simulations cannot be compared or there is only one θ; each statistic gives the reason."""
    maps = ground.generated
    varies = [i for i in range(maps.theta.shape[1]) if np.ptp(maps.theta[:, i]) > 0]
    if ground.without_unit or ground.other_grid or not varies:
        return None
    bands = nyquist_bands(maps.grid)
    try:
        found, true = (next(iter(each.values())) for each in ground.measured(POWER))
        expected = ground.expected(true, positive=True).at
    except UserError:
        return None
    weights = band_weights(found, bands)
    of_maps = (found.values @ weights) / (expected @ weights)[maps.simulation]
    ratio = maps.means(of_maps)
    chosen = [ground.space.parameters[i] for i in varies]
    return OverPrior(
        tuple(p.name for p in chosen), tuple(p.symbol for p in chosen), maps.theta[:, varies],
        tuple(f"{band.label} k_f" for band in bands), ratio, _errors(of_maps, ratio, maps.simulation),
    )  # fmt: skip


def _errors(of_maps: FloatArray, ratio: FloatArray, simulation: NDArray[np.int64]) -> FloatArray:
    """From the relative scatter of the maps about the mean at their θ, pooled: a few maps do not determine their own.

    With one map at each θ, from the scatter of the ratios.
    """
    count = np.bincount(simulation, minlength=len(ratio))
    spare = len(of_maps) - len(ratio)
    if spare > 0:
        scatter = np.sqrt(np.square(of_maps / ratio[simulation] - 1.0).sum(axis=0) / spare)
    else:
        scatter = (ratio / ratio.mean(axis=0)).std(axis=0, ddof=1)
    return np.asarray(ratio * scatter / np.sqrt(count)[:, None])


def _rounded(values: FloatArray) -> list[list[float | None]]:
    return [[float(f"{v:.6g}") if np.isfinite(v) else None for v in row] for row in values]
