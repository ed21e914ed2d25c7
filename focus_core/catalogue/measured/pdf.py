"""The one-point distribution: the fraction of pixels at each density."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.catalogue.statistic_spec import Arrays, Axis, MapStatistic, Measured, Panel
from focus_core.errors import UserError
from focus_core.power_error import distinct_rows

# Of log10 Σ/Σ̄; values beyond count in the outermost bins, so that a distribution sums to one.
_LOW, _HIGH, _BINS = -2.0, 2.5, 45
_WIDTH = (_HIGH - _LOW) / _BINS


def measure(maps: NDArray[Any], box_size: float, source: str = "maps") -> Measured:
    """dn/dlog10(Σ/Σ̄) [1/dex] of maps (B, N, N), each over its own mean; the box does not matter."""
    density = np.asarray(maps, dtype=np.float64)
    mean = density.mean(axis=(1, 2), keepdims=True)
    if not (np.isfinite(mean).all() and (mean > 0).all()):
        raise UserError(f"{source}: a distribution of log10 Σ needs finite maps of positive mean.")
    with np.errstate(divide="ignore", invalid="ignore"):
        place = (np.log10(density / mean) - _LOW) / _WIDTH
    inside = np.clip(np.nan_to_num(place, nan=0.0), 0, _BINS - 1).astype(np.int64)
    inside += _BINS * np.arange(len(density))[:, None, None]
    counts = np.bincount(inside.ravel(), minlength=_BINS * len(density)).reshape(len(density), _BINS)
    pixels = density.shape[1] * density.shape[2]
    return Measured(counts / (pixels * _WIDTH), _LOW + _WIDTH * (np.arange(_BINS, dtype=np.float64) + 0.5))


def _summary(arrays: Arrays) -> dict[str, Any]:
    """W₁ = ∫ |F − G| dx [dex] of the mean distributions, and its standard error over the simulations, linearised."""
    generated = np.asarray(arrays["generated"], dtype=np.float64)
    rows = (generated.mean(axis=1) - np.asarray(arrays["simulation_mean"], dtype=np.float64)).cumsum(axis=1) * _WIDTH
    gap = rows.mean(axis=0)
    labels, place = np.unique(distinct_rows(arrays), return_inverse=True)
    n = len(labels)
    away = np.zeros(n)
    np.add.at(away, place.reshape(-1), (np.sign(gap) * (rows - gap)).sum(axis=1) * _WIDTH / len(rows))
    return {
        "pdf_distance": float(np.abs(gap).sum() * _WIDTH),
        "pdf_uncertainty": float(np.sqrt(n / (n - 1) * np.square(away).sum())) if n > 1 else None,
        "pdf_maps": int(generated.shape[0] * generated.shape[1]),
        "pdf_simulations": n,
    }


def _told(summary: Mapping[str, Any]) -> str:
    distance, uncertainty = summary.get("pdf_distance"), summary.get("pdf_uncertainty")
    if distance is None:
        return ""
    spread = "" if uncertainty is None else f" ± {uncertainty:.2g}"
    among = f"{summary['pdf_maps']} maps of {summary['pdf_simulations']} simulations"
    return f"distributions {distance:.3g}{spread} dex apart ({among})"


PDF = MapStatistic(
    "pdf",
    "One-point distribution",
    "pdf",
    "pdf",
    "pdf",
    measure=f"{__name__}:measure",
    axis=Axis("log_density", "log10 Σ/Σ̄", "log<sub>10</sub> Σ/Σ̄", "dex", "dex"),
    value=Axis("density", "dn / dlog10 Σ", "d<i>n</i>/dlog<sub>10</sub> Σ", "1/dex", "dex<sup>−1</sup>"),
    summary=_summary,
    scalar="pdf_distance",
    told=_told,
    panel=Panel(below="difference"),
    needs_unit=True,
)
