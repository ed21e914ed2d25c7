"""Statistics of single pixels and of single maps' means: the distribution of log10 Σ, its tail, and the field mean.

Each simulation has quantiles of log10 Σ over the pixels of its maps, which depend smoothly on θ, so that their mean
over simulations can be compared at any θ. Between two such mean distributions, with quantile functions Q and R,

    KS = sup |F − G|        W₁ = ∫ |Q(p) − R(p)| dp    [dex]        (Vallender 1974 for W₁ in one dimension).
"""

from __future__ import annotations

import numpy as np

from focus_core.evaluation.ground import Ground
from focus_core.evaluation.mapsets import MapSet
from focus_core.evaluation.measures import log_field
from focus_core.evaluation.scoring import (
    Curve,
    Numbers,
    Outcome,
    check_simulations,
    draws,
    entries_of,
    others_of,
    score,
    spread_of,
)
from focus_core.statistics.fields import FloatArray

KS_LEVEL, W1_LEVEL = 0.03, 0.02
_TAIL = (99.9, 99.99)
_QUANTILES = (np.arange(400) + 0.5) / 400
_MEAN = "focus_core.evaluation.measures:mean_of_field"


def pdf(ground: Ground, level: float) -> Outcome:
    """Two distances of the distributions, and the tail: percentiles, and the mean of the pixels above them."""
    check_simulations(ground.generated.n, 2)
    each = ground.maps_each
    pixels = each * ground.generated.grid**2
    tails = [p for p in _TAIL if pixels * (1 - p / 100) >= 1]
    probabilities = np.concatenate([_QUANTILES, [p / 100 for p in tails]])
    generated = _quantiles(ground.generated, each, probabilities, tails)
    simulated = _quantiles(ground.reference, each, probabilities, tails)
    expected = ground.expectation.of(simulated, False)
    body = len(_QUANTILES)
    n = ground.generated.n
    near = score(generated, expected, lambda a, b: _distances(a[..., :body], b[..., :body]), 0.0, ground.rng("pdf"))
    entries = list(entries_of(("KS", "Wasserstein [dex]"), near, (KS_LEVEL, W1_LEVEL), 0.0, n))
    if tails:
        ratio = score(generated, expected, lambda a, b: 10 ** (a - b)[..., body:], 1.0, ground.rng("tail"))
        labels = [f"{p} percentile" for p in tails] + [f"mean above the {p} percentile" for p in tails]
        entries += entries_of(labels, ratio, level, 1.0, n)
    missing = [f"{p}" for p in _TAIL if p not in tails]
    note = (
        f"No {', '.join(missing)} percentile: a simulation has {pixels:,} pixels in as many maps as were compared."
        if missing
        else ""
    )
    return Outcome(tuple(entries), (_density_curve(generated[:, :body], expected.at[:, :body]),), note)


def field_mean(ground: Ground, level: float) -> Outcome:
    """ln(mean Σ generated / mean Σ simulated): rms over θ, and its mean over θ.

    The slabs of a simulation tile its box, so the mean over all is exact. Generated maps do not: if a single one has a
    scatter of σ_slab, the mean of n has σ_slab/√n.
    """
    found, true = ground.measured(_MEAN)
    n, each = ground.generated.n, ground.generated.maps_each
    check_simulations(n, 2)
    g, t = (_log_of_mean(s, p["ln mean Σ"].values) for s, p in ((ground.generated, found), (ground.reference, true)))
    expectation = ground.expectation
    if expectation.matching is not None:
        at, truth_error = expectation.matching @ t, 0.0
    else:
        expected = expectation.of(t, False)
        at, truth_error = expected.at, float(expected.refits.std())
    away = (g - at)[:, 0]
    single = _slab_scatter(ground.reference, true["ln mean Σ"].values[:, 0], t)
    share = draws(n, ground.rng("field mean")) / n
    of_each, of_all = single / np.sqrt(each), single / np.sqrt(len(ground.generated.maps))
    rms = np.sqrt(np.mean(away**2))
    errors = spread_of(np.stack([np.sqrt(share @ away**2), share @ away], axis=1), n)
    floor = np.hypot(np.array([of_each, of_all]), truth_error)
    others = others_of(n)
    left_out = np.stack([np.sqrt(others @ away**2), others @ away], axis=1)
    numbers = Numbers(np.array([rms, away.mean()]), errors, floor, left_out)
    labels = ("rms over θ", "mean over θ")
    return Outcome(entries_of(labels, numbers, (level, level), 0.0, n))


def _log_of_mean(maps: MapSet, logs: FloatArray) -> FloatArray:
    return np.log(maps.means(np.exp(logs)))


def _slab_scatter(maps: MapSet, logs: FloatArray, t: FloatArray) -> float:
    """Scatter of ln mean Σ of single maps about that of their simulation; with one map each, about their own mean."""
    count = np.bincount(maps.simulation, minlength=maps.n)
    if (count > 1).all():
        squares = maps.means((np.exp(logs - t[maps.simulation, 0]) - 1.0) ** 2) * count / (count - 1)
        return float(np.sqrt(squares.mean()))
    return float(np.exp(logs).std(ddof=1) / np.exp(logs).mean())


def _quantiles(maps: MapSet, each: int, probabilities: FloatArray, tails: list[float]) -> FloatArray:
    """log10 Σ (n, q) at `probabilities` and the log10 of the mean Σ above each of `tails`, of every simulation."""
    logs = log_field(maps.maps)
    chosen = maps.chosen(each)
    rows = []
    for s in range(maps.n):
        values = np.sort(logs[(maps.simulation == s) & chosen].ravel())
        # The value of a pixel, never an interpolation: Hyndman & Fan 1996, definition 1, a hair less against rounding.
        place = np.ceil(probabilities * len(values) * (1 - 1e-12)).astype(np.int64) - 1
        above = [np.log10(np.mean(10 ** values[-max(1, round(len(values) * (1 - p / 100))) :])) for p in tails]
        rows.append(np.concatenate([values[place], above]))
    return np.stack(rows)


def _distances(generated: FloatArray, simulated: FloatArray) -> FloatArray:
    """(…, 2): KS and W₁ of distributions given by their quantiles (…, q)."""
    a, b = np.atleast_2d(generated), np.broadcast_to(simulated, np.atleast_2d(generated).shape)
    ks = [
        max(np.abs(np.interp(x, y, _QUANTILES, 0.0, 1.0) - _QUANTILES).max() for x, y in ((row, other), (other, row)))
        for row, other in zip(a, b, strict=True)
    ]
    both = np.stack([np.array(ks), np.abs(a - b).mean(axis=-1)], axis=-1)
    return both[0] if generated.ndim == 1 else both


def _density_curve(generated: FloatArray, simulated: FloatArray) -> Curve:
    """Densities of log10 Σ from quantiles: 1/(dQ/dp), on one axis."""
    low, high = min(generated.min(), simulated.min()), max(generated.max(), simulated.max())
    edges = np.linspace(low, high, 61)
    densities, errors = [], []
    for rows in (generated, simulated):
        below = np.stack([np.interp(edges, row, _QUANTILES, 0.0, 1.0) for row in rows])
        density = np.diff(below, axis=1) / np.diff(edges)
        densities.append(density.mean(axis=0))
        errors.append(density.std(axis=0, ddof=1) / np.sqrt(len(rows)))
    centres = 0.5 * (edges[1:] + edges[:-1])
    return Curve(
        "Distribution of log10 Σ", centres, "log10 Σ", "1/dex", densities[0], errors[0], densities[1], errors[1]
    )
