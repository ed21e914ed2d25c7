"""P(k) at one θ from a run's simulations: the smoothed truth with which maps drawn there are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.errors import UserError
from focus_core.parameters import ParameterSpace
from focus_core.statistics.smoothed_truth import fit_smoothed_truth
from focus_core.statistics.truth import read_truth

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class TruthAt:
    """E[P(k) | θ] by ring, each (nk,), in the unit of the run's truth.npz.

    `error` is the standard error of `power`, `scatter` the standard deviation of single maps about it. Fitted to
    `n_simulations` of `n_maps` maps each.
    """

    power: FloatArray
    error: FloatArray
    scatter: FloatArray
    n_simulations: int
    n_maps: int

    def to_dict(self) -> dict[str, Any]:
        plain = {name: getattr(self, name).tolist() for name in ("power", "error", "scatter")}
        return {**plain, "simulations": self.n_simulations, "maps": self.n_maps}


def truth_at(run_folder: Path, space: ParameterSpace, theta: Sequence[float]) -> TruthAt:
    """Regressed ring by ring on θ over every simulation of the suite: a truth is not learned, so none is held out.

    UserError gives the reason if there is none: too few simulations, a θ outside the parameters' ranges, or one so far
    from the simulations that the fit is less certain there than a single simulation.
    """
    found = read_truth(run_folder)
    outside = [p.name for p, value in zip(space.parameters, theta, strict=True) if not p.minimum <= value <= p.maximum]
    if outside:
        raise UserError(f"smoothed truth: {', '.join(outside)} lies outside the range of the simulations.")
    power, spread = (np.asarray(found[name], dtype=np.float64) for name in ("power_mean", "power_std"))
    fit = fit_smoothed_truth(space.to_unit(np.asarray(found["theta"], dtype=np.float64)), power, space)
    at = np.asarray(space.to_unit(np.asarray([theta], dtype=np.float64)))
    if fit.leverage(at)[0] > 1.0:
        raise UserError("smoothed truth: no simulation is near enough to this θ for the fit to know better than one.")
    expected = fit.predict(at)[0]
    relative = np.sqrt(np.mean(np.square(spread / power), axis=0))
    n_maps = int(found["maps_per_simulation"])
    return TruthAt(expected, expected * fit.standard_error(at)[0], expected * relative, len(power), n_maps)
