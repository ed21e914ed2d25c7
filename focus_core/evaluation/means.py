"""Statistics of means over simulations: spectra, bispectra, peaks, Minkowski functionals, scattering, isotropy.

Each takes the ground and returns its entries: ratios have the ideal 1, relative differences 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from focus_core.bands import Band, nyquist_bands
from focus_core.evaluation.ground import Ground
from focus_core.evaluation.mapsets import MapSet
from focus_core.evaluation.measures import Part, Parts
from focus_core.evaluation.scoring import (
    Curve,
    Entry,
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

POWER, LOG_POWER = "focus_core.evaluation.measures:power", "focus_core.evaluation.measures:log_power"
LAST_BAND_LEVEL = 0.10
# Below this reduced bispectrum a relative difference would be dominated by noise: a Gaussian field has none.
_LEAST_Q = 0.25


def power_mean(ground: Ground, level: float) -> Outcome:
    """Ratio of mean P(k) by band; the band that ends at k_Ny is shown but does not count."""
    return _power_ratio(ground, POWER, level, last_counts=False)


def power_log(ground: Ground, level: float) -> Outcome:
    """The same for log10 Σ, where every band counts."""
    return _power_ratio(ground, LOG_POWER, level, last_counts=True)


def _power_ratio(ground: Ground, path: str, level: float, last_counts: bool) -> Outcome:
    (name, part), (_, simulated) = (next(iter(each.items())) for each in ground.measured(path))
    chosen = nyquist_bands(ground.generated.grid)
    weights = band_weights(part, chosen)
    g = ground.generated.means(part.values)
    expected = ground.expected(simulated, positive=True)
    numbers = score(g, expected, lambda a, b: (a @ weights) / (b @ weights), 1.0, ground.rng(path))
    early = [2 * band.high <= ground.generated.grid // 2 for band in chosen]
    levels = [level if inside else LAST_BAND_LEVEL for inside in early]
    judged = [last_counts or inside or not any(early) for inside in early]
    labels = [f"{band.label} k_f" for band in chosen]
    entries = entries_of(labels, numbers, levels, 1.0, ground.generated.n, judged)
    return Outcome(entries, (curve_of(ground, name, part, simulated, True),))


def bispectrum(ground: Ground, level: float) -> Outcome:
    """Difference of the mean reduced bispectrum Q, relative to that of the simulations, by band and shape."""
    found, true = ground.measured("focus_core.evaluation.measures:triangles")
    entries: list[Entry] = []
    curves = []
    for shape in ("equilateral", "squeezed"):
        chosen = [b for b in nyquist_bands(ground.generated.grid) if _rings(found[shape], ground, b).any()]
        g = _reduced(found, shape, ground, chosen, ground.generated, None)
        expected = ground.expected_summary(partial(_reduced, true, shape, ground, chosen), False)
        numbers = score(g, expected, _relative_q, 0.0, ground.rng(f"bispectrum {shape}"))
        labels = [f"{shape}, {band.label} k_f" for band in chosen]
        entries += entries_of(labels, numbers, level, 0.0, ground.generated.n)
        curves.append(curve_of(ground, f"B(k), {shape}", found[shape], true[shape], False))
    return Outcome(tuple(entries), tuple(curves))


def peaks(ground: Ground, level: float) -> Outcome:
    """Relative difference of the number of maxima and of minima by height."""
    names = {"maxima": "maxima", "minima": "minima"}
    heights = ("[−1, 0) σ", "[0, 1) σ", "[1, 2) σ", "above 2 σ")
    return _relative(ground, "focus_core.evaluation.measures:peak_counts", names, heights, level, least=0.2)


def scattering(ground: Ground, level: float) -> Outcome:
    """Relative difference of each reduced coefficient."""
    found, _ = ground.measured("focus_core.evaluation.measures:coefficients")
    scales = [f"j = {j}" for j in range(len(found["s₁"].axis))]
    first, second = np.triu_indices(len(scales), 1)
    pairs = [f"j = {a}, {b}" for a, b in zip(first, second, strict=True)]
    outcomes = [
        _relative(ground, "focus_core.evaluation.measures:coefficients", {name: name}, labels, level)
        for name, labels in (("s₁", scales), ("s₂/s₁", pairs))
        if name in found
    ]
    return Outcome(sum((o.entries for o in outcomes), ()), sum((o.curves for o in outcomes), ()))


def minkowski(ground: Ground, level: float) -> Outcome:
    """Root mean square difference over the thresholds, relative to the root mean square of the simulations'."""
    found, true = ground.measured("focus_core.evaluation.measures:functionals")
    entries: list[Entry] = []
    titles = {"area": "area", "length": "contour length", "euler": "Euler characteristic"}
    for name, title in titles.items():
        g = ground.generated.means(found[name].values)
        expected = ground.expected(true[name], positive=False)
        numbers = score(g, expected, _relative_norm, 0.0, ground.rng(f"minkowski {name}"))
        entries += entries_of([title], numbers, level, 0.0, ground.generated.n)
    return Outcome(tuple(entries), tuple(curve_of(ground, titles[n], found[n], true[n], False) for n in titles))


def isotropy(ground: Ground, level: float) -> Outcome:
    """Power along one axis over that along the other, which is 1 by symmetry, and the seam and the diagonal relative to
    the simulations'. All are means of logarithms over simulations, so that no simulation dominates the others."""
    check_simulations(ground.generated.n, 2)
    found, _ = ground.measured("focus_core.evaluation.measures:directions")
    chosen = nyquist_bands(ground.generated.grid)
    n, n_bands = ground.generated.n, len(chosen)
    g = _direction_logs(found, chosen, ground.generated, None)
    labels = [f"first axis / second, {band.label} k_f" for band in chosen]
    entries = list(_by_symmetry(g[:, :n_bands], labels, level, ground))
    note = ""
    if not ground.other_grid:
        _, true = ground.measured("focus_core.evaluation.measures:directions")
        expected = ground.expected_summary(
            lambda maps, most: _direction_logs(true, chosen, maps, most)[:, n_bands:], False
        )
        numbers = score(g[:, n_bands:], expected, lambda a, b: np.exp(a - b), 1.0, ground.rng("isotropy"))
        labels = ["seam, first axis", "seam, second axis", *(f"diagonal / axes, {b.label} k_f" for b in chosen)]
        entries += entries_of(labels, numbers, [level, level, *[2 * level] * n_bands], 1.0, n)
    else:
        seams = ["seam, first axis", "seam, second axis"]
        entries += _by_symmetry(g[:, n_bands : n_bands + 2], seams, level, ground)
        note = "The simulations are of another grid or box: the maps are compared with a field that knows no edge."
    return Outcome(tuple(entries), (), note)


def curve_of(ground: Ground, title: str, part: Part, simulated: Part, logarithmic: bool) -> Curve:
    """Means over simulations with standard errors, at the θ of the maps as far as the simulations allow."""
    g = ground.generated.means(part.values)
    expected = ground.expected(simulated, positive=logarithmic and bool((simulated.values > 0).all()))
    at, refits = expected.at.mean(axis=0), expected.refits
    scatter = None if expected.residual is None else expected.residual.std(axis=0, ddof=1)
    if scatter is not None and not expected.positive:
        with np.errstate(divide="ignore", invalid="ignore"):
            scatter = scatter / np.abs(at)
    truth_error = refits.std(axis=0, ddof=1) if len(refits) > 1 else _standard_error(expected.at)
    return Curve(
        title, part.axis, part.axis_title, part.unit, g.mean(axis=0), _standard_error(g), at, truth_error,
        logarithmic, scatter,
    )  # fmt: skip


def band_weights(part: Part, bands: Sequence[Band]) -> FloatArray:
    """(q, n_bands): averages rings over the modes of each band."""
    rings = np.arange(1, len(part.axis) + 1)
    columns = [np.where(band.contains(rings), part.weights, 0.0) for band in bands]
    return np.stack([column / column.sum() for column in columns], axis=1)


def _relative(
    ground: Ground, path: str, names: dict[str, str], labels: Sequence[str], level: float, least: float = 0.0
) -> Outcome:
    """Relative differences number by number, of those of which the simulations have at least `least` per map."""
    found, true = ground.measured(path)
    entries: list[Entry] = []
    curves = []
    for name, title in names.items():
        enough = np.flatnonzero(true[name].values.mean(axis=0) >= least).tolist()
        expected = ground.expected_values(true[name].values[:, enough], False)
        g = ground.generated.means(found[name].values[:, enough])
        numbers = score(g, expected, lambda a, b: a / b - 1.0, 0.0, ground.rng(f"{path} {name}"))
        entries += entries_of([f"{title}, {labels[i]}" for i in enough], numbers, level, 0.0, ground.generated.n)
        curves.append(curve_of(ground, title, found[name], true[name], False))
    return Outcome(tuple(entries), tuple(curves))


def _by_symmetry(logs: FloatArray, labels: Sequence[str], level: float, ground: Ground) -> tuple[Entry, ...]:
    """Means of logarithms whose ideal is zero for any simulations: a perfect emulator has the same scatter."""
    n = len(logs)
    value = np.exp(logs.mean(axis=0))
    error = spread_of(np.exp(draws(n, ground.rng("symmetry")) @ logs / n), n)
    return entries_of(labels, Numbers(value, error, error, np.exp(others_of(n) @ logs)), level, 1.0, n)


def _direction_logs(parts: Parts, bands: Sequence[Band], maps: MapSet, most: int | None) -> FloatArray:
    """Of each simulation: ln P₁/P₂ by band, ½ ln of the steps across over inside, ln of the diagonal over the axes."""
    by_band = []
    for name in ("first axis", "second axis", "diagonal"):
        part = parts[name]
        by_band.append(maps.means(part.values @ band_weights(part, bands), most))
    first, second, diagonal = by_band
    across, inside = (maps.means(parts[name].values, most) for name in ("across", "inside"))
    with np.errstate(divide="ignore"):
        logs = [np.log(first / second), 0.5 * np.log(across / inside), np.log(diagonal) - 0.5 * np.log(first * second)]
    return np.concatenate(logs, axis=1)


def _rings(part: Part, ground: Ground, band: Band) -> NDArray[np.bool_]:
    rings = np.rint(part.axis * ground.box_size / (2 * np.pi)).astype(np.int64)
    return np.asarray(band.contains(rings))


def _reduced(
    parts: Parts, shape: str, ground: Ground, bands: Sequence[Band], maps: MapSet, most: int | None
) -> FloatArray:
    """Q of each simulation by band: a sum over triangles and maps over that of its scale."""
    columns = []
    for band in bands:
        weight = np.where(_rings(parts[shape], ground, band), parts[shape].weights, 0.0)
        above, below = (maps.means(parts[name].values @ weight, most) for name in (shape, f"{shape}, scale"))
        columns.append(above / below)
    return np.stack(columns, axis=1)


def _relative_q(generated: FloatArray, simulated: FloatArray) -> FloatArray:
    return (generated - simulated) / np.maximum(np.abs(simulated), _LEAST_Q)


def _relative_norm(generated: FloatArray, simulated: FloatArray) -> FloatArray:
    difference = np.sqrt(np.square(generated - simulated).sum(axis=-1) / np.square(simulated).sum(axis=-1))
    return difference[..., None]


def _standard_error(values: FloatArray) -> FloatArray:
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(values.std(axis=0, ddof=1) / np.sqrt(len(values)))
