"""Response: ∂ ln P/∂θ in bands of k, of generated maps and of simulations.

θ is scaled to [−1, 1], so that a response of 0.1 is 10 % of P(k) over half the prior's width. For maps at many θ it
follows from regression (`smoothed_truth`): the linear terms of ln E[P | θ] at the prior's centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from focus_core.bands import Band, nyquist_bands
from focus_core.errors import UserError
from focus_core.evaluation.ground import Ground
from focus_core.evaluation.mapsets import MapSet
from focus_core.evaluation.means import POWER, band_weights
from focus_core.evaluation.measures import power
from focus_core.evaluation.pairs import STEP, Pairs, Side
from focus_core.evaluation.scoring import Curve, Numbers, Outcome, draws, entries_of, spread_of
from focus_core.statistics.fields import FloatArray
from focus_core.statistics.smoothed_truth import design_matrix, gamma_regression, polynomial_terms

_REFITS = 200
# Boxes with different initial phases at each θ of a pair.
_BOXES = 4
_SIDES: tuple[Side, Side] = (-1, 1)


def response(ground: Ground, level: float) -> Outcome:
    """Difference of the response to each parameter by band: from pairs if a run and its simulator can make them, else
    from regression of both on θ."""
    bands = [b for b in nyquist_bands(ground.generated.grid) if 4 * b.high <= ground.generated.grid]
    bands = bands or list(nyquist_bands(ground.generated.grid))
    return _regressed(ground, bands, level) if ground.pairs is None else _paired(ground, ground.pairs, bands, level)


def _regressed(ground: Ground, bands: Sequence[Band], level: float) -> Outcome:
    found, true = (parts["P(k)"] for parts in ground.measured(POWER))
    weights = band_weights(found, bands)
    moving = _moving(ground)
    terms = _terms(ground, moving)
    sides = [
        _Side(ground, maps, part.values @ weights, terms)
        for maps, part in ((ground.generated, found), (ground.reference, true))
    ]
    (g, g_error), (t, t_error) = (side.slopes(moving, ground.rng(f"response {i}")) for i, side in enumerate(sides))
    # A perfect emulator's slopes have the simulations' error, scaled to the number of generated θ.
    floor = np.hypot(t_error * np.sqrt(ground.reference.n / ground.generated.n), t_error)
    return _compared(ground, moving, bands, level, _Slopes(g, g_error, t, t_error, floor), "Both regressed on θ.")


def _paired(ground: Ground, pairs: Pairs, bands: Sequence[Band], level: float) -> Outcome:
    """Errors over the noise of maps and the initial phases of boxes, which are the same at every θ."""
    tell = partial(ground.tell, "response")
    d, n_maps = len(ground.space), 3 * pairs.slabs
    drawn, simulated = (np.empty((2, d, n, len(bands))) for n in (n_maps, _BOXES))
    weights = band_weights(ground.measured(POWER)[0]["P(k)"], bands)
    for i in range(d):
        for place, side in enumerate(_SIDES):
            theta = pairs.theta(i, side)
            drawn[place, i] = power(pairs.draw(theta, n_maps, tell), ground.box_size)["P(k)"].values @ weights
            for box in range(_BOXES):
                tell()
                found = power(pairs.simulate(theta, box), ground.box_size)["P(k)"].values
                simulated[place, i, box] = (found @ weights).mean(axis=0)
    (g, g_error), (t, t_error) = (_slopes(each, ground.rng(name)) for each, name in ((drawn, "g"), (simulated, "t")))
    note = f"Pairs at the prior's centre: {n_maps} maps of the same noise, {_BOXES} simulations of the same phases."
    return _compared(ground, list(range(d)), bands, level, _Slopes(g, g_error, t, t_error, t_error), note)


@dataclass(frozen=True)
class _Slopes:
    """(d, n_bands) each: generated, simulated, their errors, and the floor."""

    generated: FloatArray
    generated_error: FloatArray
    simulated: FloatArray
    simulated_error: FloatArray
    floor: FloatArray


def _slopes(power_at: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """∂ ln ⟨P⟩/∂θ (d, n_bands) of powers (2, d, n, n_bands) below and above the centre, and its error."""
    n = power_at.shape[2]

    def slope(share: FloatArray) -> FloatArray:
        below, above = (np.einsum("...n,dnb->...db", share, each) for each in power_at)
        return np.asarray(np.log(above / below) / (2 * STEP))

    return slope(np.full(n, 1 / n)), spread_of(slope(draws(n, rng) / n), n)


def _compared(
    ground: Ground, moving: list[int], bands: Sequence[Band], level: float, slopes: _Slopes, note: str
) -> Outcome:
    value = (slopes.generated - slopes.simulated).ravel()
    error = np.hypot(slopes.generated_error, slopes.simulated_error).ravel()
    symbols = [ground.space.parameters[i].symbol for i in moving]
    labels = [f"{symbol}, {band.label} k_f" for symbol in symbols for band in bands]
    numbers = Numbers(value, error, slopes.floor.ravel())
    entries = entries_of(labels, numbers, level, 0.0, ground.generated.n)
    last = len(bands) - 1
    curve = Curve(
        f"∂ ln P/∂θ, {bands[last].label} k_f", np.arange(len(moving), dtype=float),
        "   ".join(f"{i}: {s}" for i, s in enumerate(symbols)), "per half of the prior",
        slopes.generated[:, last], slopes.generated_error[:, last],
        slopes.simulated[:, last], slopes.simulated_error[:, last],
    )  # fmt: skip
    return Outcome(entries, (curve,), note)


class _Side:
    """Band powers of simulations as a function of the terms of θ."""

    def __init__(self, ground: Ground, maps: MapSet, values: FloatArray, terms: tuple[tuple[int, ...], ...]) -> None:
        self.design = design_matrix(ground.space.to_unit(maps.theta), terms)
        self.power = maps.means(values)

    def slopes(self, moving: list[int], rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """(d, n_bands) of the linear terms, and their errors over resampled simulations."""
        rows = np.arange(1, len(moving) + 1)
        found = gamma_regression(self.design, self.power)[rows]
        n, rank = len(self.design), np.linalg.matrix_rank(self.design)
        drawn: list[FloatArray] = []
        while len(drawn) < _REFITS:
            chosen = rng.integers(n, size=n)
            if np.linalg.matrix_rank(self.design[chosen]) == rank:
                drawn.append(gamma_regression(self.design[chosen], self.power[chosen])[rows])
        return found, np.std(drawn, axis=0, ddof=1) * np.sqrt(n / max(n - rank, 1))


def _moving(ground: Ground) -> list[int]:
    """Parameters that differ between simulations, on both sides."""
    spans = [np.ptp(ground.space.to_unit(maps.theta), axis=0) for maps in (ground.generated, ground.reference)]
    moving = np.flatnonzero(np.minimum(*spans) > 1e-3).tolist()
    if not moving:
        raise UserError("no parameter differs between the maps' θ, so there is no response to one.")
    return moving


def _terms(ground: Ground, moving: list[int]) -> tuple[tuple[int, ...], ...]:
    """A constant, the moving parameters, and second-order terms if both sides have enough simulations for them."""
    fewest = min(ground.generated.n, ground.reference.n)
    every = [term for term in polynomial_terms(ground.space) if set(term) <= set(moving)]
    for terms in (every, [term for term in every if len(term) < 2]):
        if fewest >= 2 * len(terms):
            return tuple(terms)
    raise UserError(
        f"{fewest} simulations are too few for a regression of {len(moving)} parameters; {2 * len(terms)} are needed."
    )
