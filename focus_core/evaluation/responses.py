"""Response: ∂ ln P/∂θ in bands of k, of generated maps and of simulations.

θ is scaled to [−1, 1], so that a response of 0.1 is 10 % of P(k) over half the prior's width. Maps at many θ have
theirs by regression (`smoothed_truth`), the linear terms of ln E[P | θ] at the prior's centre.
"""

from __future__ import annotations

import numpy as np

from focus_core.errors import UserError
from focus_core.evaluation.ground import Ground
from focus_core.evaluation.mapsets import MapSet
from focus_core.evaluation.means import POWER, band_weights
from focus_core.evaluation.measures import nyquist_bands
from focus_core.evaluation.scoring import Curve, Numbers, Outcome, entries_of
from focus_core.statistics.fields import FloatArray
from focus_core.statistics.smoothed_truth import design_matrix, gamma_regression, polynomial_terms

_REFITS = 200


def response(ground: Ground, level: float) -> Outcome:
    """Difference of the response to each parameter by band, both regressed on θ."""
    found, true = (parts["P(k)"] for parts in ground.measured(POWER))
    bands = [b for b in nyquist_bands(ground.generated.grid) if 4 * b.high <= ground.generated.grid]
    bands = bands or list(nyquist_bands(ground.generated.grid))
    weights = band_weights(found, bands)
    moving = _moving(ground)
    terms = _terms(ground, moving)
    sides = [
        _Side(ground, maps, part.values @ weights, terms)
        for maps, part in ((ground.generated, found), (ground.reference, true))
    ]
    (g, g_error), (t, t_error) = (side.slopes(moving, ground.rng(f"response {i}")) for i, side in enumerate(sides))
    value = (g - t).ravel()
    error = np.hypot(g_error, t_error).ravel()
    # A perfect emulator's slopes have the simulations' error, for as many θ as were generated.
    floor = np.hypot(t_error * np.sqrt(ground.reference.n / ground.generated.n), t_error).ravel()
    symbols = [ground.space.parameters[i].symbol for i in moving]
    labels = [f"{symbol}, {band.label} k_f" for symbol in symbols for band in bands]
    entries = entries_of(labels, Numbers(value, error, floor), level, 0.0, ground.generated.n)
    last = len(bands) - 1
    curve = Curve(
        f"∂ ln P/∂θ, {bands[last].label} k_f", np.arange(len(moving), dtype=float),
        "   ".join(f"{i}: {s}" for i, s in enumerate(symbols)), "per half of the prior",
        g[:, last], g_error[:, last], t[:, last], t_error[:, last],
    )  # fmt: skip
    return Outcome(entries, (curve,), "Both regressed on θ.")


class _Side:
    """Band powers of simulations on the terms of θ."""

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
    """A constant, the moving parameters, and second-order terms where both sides have simulations for them."""
    fewest = min(ground.generated.n, ground.reference.n)
    every = [term for term in polynomial_terms(ground.space) if set(term) <= set(moving)]
    for terms in (every, [term for term in every if len(term) < 2]):
        if fewest >= 2 * len(terms):
            return tuple(terms)
    raise UserError(
        f"{fewest} simulations are too few for a regression of {len(moving)} parameters; {2 * len(terms)} are needed."
    )
