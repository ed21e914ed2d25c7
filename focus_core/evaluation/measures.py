"""Measurements of each map as arrays with axes and units: `measure(maps, box_size)` of the catalogue's statistics.

Maps are physical (B, N, N), or normalised fields of either sign, which are used in place of their logarithm. The first
index is always the map, so that simulations can be resampled afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_core.statistics.bispectrum import bispectrum, equilateral, squeezed
from focus_core.statistics.fields import FloatArray, smoothed
from focus_core.statistics.isotropy import directional_power, seam
from focus_core.statistics.minkowski import minkowski_functionals
from focus_core.statistics.peaks import count_peaks
from focus_core.statistics.power import power_spectrum
from focus_core.statistics.scattering import scattering

POWER_UNIT = POWER_SPECTRUM.value.unit
# Σ is raised to this share of each map's mean before its logarithm, as in the default transform.
_FLOOR_SHARE = 1e-3
PEAK_EDGES = (-1.0, 0.0, 1.0, 2.0, 20.0)
THRESHOLDS = np.linspace(-2.0, 3.0, 11)
# Pixels measured at once by functions that do not divide the maps themselves.
_CHUNK_PIXELS = 2**22


@dataclass(frozen=True)
class Part:
    """`values` (B, q) of each map against `axis` (q,), with their units; `weights` (q,) if bands are averaged."""

    values: FloatArray
    axis: FloatArray
    axis_title: str
    unit: str
    weights: FloatArray


Parts = Mapping[str, Part]
Measure = Callable[[FloatArray, float], Parts]


def power(maps: FloatArray, box_size: float) -> Parts:
    """P(k) of Σ/Σ̄ − 1 by ring."""
    spectrum = power_spectrum(maps, box_size)
    return {"P(k)": Part(spectrum.power, spectrum.k, "k  [h/Mpc]", POWER_UNIT, spectrum.n_modes.astype(np.float64))}


def log_power(maps: FloatArray, box_size: float) -> Parts:
    """P(k) of log10 Σ by ring."""
    logs = log_field(maps)
    # `power_spectrum` is that of map/mean − 1: with a mean of one, that of the values about their mean.
    spectrum = power_spectrum(logs - logs.mean(axis=(1, 2), keepdims=True) + 1.0, box_size)
    weights = spectrum.n_modes.astype(np.float64)
    return {"P(k) of log10 Σ": Part(spectrum.power, spectrum.k, "k  [h/Mpc]", f"dex² {POWER_UNIT}", weights)}


def mean_of_field(maps: FloatArray, box_size: float) -> Parts:
    """ln of the mean Σ of each map."""
    mean = np.log(np.maximum(maps.mean(axis=(1, 2)), np.finfo(np.float64).tiny))[:, None]
    return {"ln mean Σ": Part(mean, np.zeros(1), "", "", np.ones(1))}


def triangles(maps: FloatArray, box_size: float) -> Parts:
    """B(k, k, k) and B(2 k_f, k, k) by ring up to k_Ny/2, each with its normalisation P₁P₂ + P₂P₃ + P₃P₁."""
    grid = maps.shape[-1]
    equal, thin = (rings[rings[:, 2] <= max(grid // 4, 4)] for rings in (equilateral(grid), squeezed(grid)))
    found = bispectrum(maps, box_size, np.concatenate([equal, thin]))
    first, second, third = np.moveaxis(found.power, -1, 0)
    scale = first * second + second * third + third * first
    parts = {}
    for name, chosen in (("equilateral", slice(0, len(equal))), ("squeezed", slice(len(equal), None))):
        k, weights = found.k[chosen, 2], found.n_triangles[chosen].astype(np.float64)
        parts[name] = Part(found.bispectrum[:, chosen], k, "k  [h/Mpc]", "(Mpc/h)⁴", weights)
        parts[f"{name}, scale"] = Part(scale[:, chosen], k, "k  [h/Mpc]", "(Mpc/h)⁴", weights)
    return parts


def peak_counts(maps: FloatArray, box_size: float) -> Parts:
    """Maxima and minima of log10 Σ, smoothed over one pixel, by height."""
    counts = count_peaks(_smooth_logs(maps, box_size), box_size, PEAK_EDGES)
    lows = count_peaks(-_smooth_logs(maps, box_size), box_size, PEAK_EDGES)
    centres = np.array([-0.5, 0.5, 1.5, 2.5])
    return {
        name: Part(found.astype(np.float64), centres, "height  [σ]", "per map", np.ones(len(centres)))
        for name, found in (("maxima", counts.maxima), ("minima", lows.maxima))
    }


def functionals(maps: FloatArray, box_size: float) -> Parts:
    """Area, contour length and Euler characteristic of log10 Σ, smoothed over one pixel, by threshold."""
    found = minkowski_functionals(_smooth_logs(maps, box_size), box_size, THRESHOLDS)
    units = {"area": "", "length": "h/Mpc", "euler": "(h/Mpc)²"}
    weights = np.ones(len(THRESHOLDS))
    return {
        name: Part(getattr(found, name), THRESHOLDS, "threshold  [σ]", unit, weights) for name, unit in units.items()
    }


def coefficients(maps: FloatArray, box_size: float) -> Parts:
    """s₁(j) and s₂(j₁, j₂)/s₁(j₁) of log10 Σ."""
    found = scattering(log_field(maps), box_size)
    first, second = np.triu_indices(len(found.k), 1)
    parts = {"s₁": Part(found.s1, found.k, "k  [h/Mpc]", "dex", np.ones(len(found.k)))}
    if len(first):
        ratio = found.s2_over_s1[:, first, second]
        parts["s₂/s₁"] = Part(ratio, np.arange(len(first), dtype=float), "pair of scales", "", np.ones(len(first)))
    return parts


def directions(maps: FloatArray, box_size: float) -> Parts:
    """P(k) along the axes and the diagonals by ring, and the steps of log10 Σ across the edges and inside."""
    found, steps = directional_power(maps, box_size), seam(log_field(maps))
    rings = {
        name: Part(np.nan_to_num(found.power[:, i]), found.k, "k  [h/Mpc]", POWER_UNIT, found.n_modes[i].astype(float))
        for i, name in enumerate(("first axis", "second axis", "diagonal"))
    }
    axes = np.array([1.0, 2.0])
    sides = {
        name: Part(values, axes, "axis", "dex²", np.ones(2))
        for name, values in (("across", steps.across), ("inside", steps.inside))
    }
    return rings | sides


def log_field(maps: FloatArray) -> FloatArray:
    """log10 max(Σ, 10⁻³ of the map's mean); fields without a positive mean are used in place of their logarithm."""
    mean = maps.mean(axis=(1, 2), keepdims=True)
    if not (mean > 0).all() or (maps.var(axis=(1, 2)) > (1e3 * mean[:, 0, 0]) ** 2).any():
        return maps
    return np.asarray(np.log10(np.maximum(maps, _FLOOR_SHARE * mean)))


def in_pieces(measure: Measure, maps: FloatArray, box_size: float, told: Callable[[int], None]) -> Parts:
    """The same for many maps, a few at a time; `told(done)` counts maps and may raise."""
    step = max(1, _CHUNK_PIXELS // maps.shape[-1] ** 2 // 8)
    found: list[Parts] = []
    for first in range(0, len(maps), step):
        found.append(measure(maps[first : first + step], box_size))
        told(min(first + step, len(maps)))
    return {
        name: Part(np.concatenate([each[name].values for each in found]), *_labels(part))
        for name, part in found[0].items()
    }


def _labels(part: Part) -> tuple[FloatArray, str, str, FloatArray]:
    return part.axis, part.axis_title, part.unit, part.weights


def _smooth_logs(maps: FloatArray, box_size: float) -> FloatArray:
    return smoothed(log_field(maps), box_size, box_size / maps.shape[-1])
