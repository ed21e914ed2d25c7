"""The power spectrum P(k), the first statistic to check of an emulator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from focus_core.catalogue.statistic_spec import Arrays, Axis, MapStatistic, Mark, Panel, Scaled
from focus_core.power_error import band_edges, power_error_of_arrays


def _summary(arrays: Arrays) -> dict[str, Any]:
    """The P(k) error, what it was measured on, the ratio in each band; empty for old arrays without modes or means."""
    # A spectrum has N/2 rings, and N and N + 1 pixels per side have the same bands.
    edges = band_edges(2 * len(arrays["k"]))
    found = power_error_of_arrays(arrays, edges)
    if found is None:
        return {}
    return {
        "power_error": found.error,
        "power_uncertainty": found.uncertainty,
        "power_maps": found.n_maps,
        "power_simulations": found.n_simulations,
        "power_ratio": [] if found.error is None else found.ratio.tolist(),
        "bands": [list(edge) for edge in edges],
    }


def _told(summary: Mapping[str, Any]) -> str:
    error, uncertainty = summary.get("power_error"), summary.get("power_uncertainty")
    if error is None:
        return ""
    maps, simulations = summary.get("power_maps"), summary.get("power_simulations")
    if maps is None or simulations is None:  # of an older version
        return f"P(k) error {100 * error:.3g} ± ? %, mean of bands (maps of one epoch, error not known)"
    among = f"{maps} maps of {simulations} simulations"
    spread = "" if uncertainty is None else f" ± {100 * uncertainty:.2g}"
    return f"P(k) error {100 * error:.3g}{spread} %, mean of bands ({among})"


def _marks(box_size: float | None, grid: int | None) -> tuple[Mark, ...]:
    """The box's fundamental mode and the grid's Nyquist frequency."""
    if box_size is None:
        return ()
    fundamental = Mark(2.0 * math.pi / box_size, "k_f", "<i>k</i><sub>f</sub>", "left")
    if grid is None:
        return (fundamental,)
    return fundamental, Mark(math.pi * grid / box_size, "k_Ny", "<i>k</i><sub>Ny</sub>", "right")


POWER_SPECTRUM = MapStatistic(
    "power_spectrum",
    "Power spectrum",
    "P(k)",
    "<i>P</i>(<i>k</i>)",
    "*P*(*k*)",
    measure="focus_core.statistics.power:measure",
    axis=Axis(
        "k",
        "k",
        "<i>k</i>",
        "h/Mpc",
        "<i>h</i>/Mpc",
        "k_f",
        "2π / box side",
        "<i>k</i> / <i>k</i><sub>f</sub>",
        log=True,
    ),
    value=Axis("power", "P(k)", "<i>P</i>(<i>k</i>)", "(Mpc/h)²", "(Mpc/<i>h</i>)²", log=True),
    weights="n_modes",
    error=lambda power, n_modes: power * np.sqrt(2.0 / n_modes),  # of a Gaussian field
    summary=_summary,
    scalar="power_error",
    told=_told,
    listed=("power_error", "power_uncertainty", "power_maps", "power_simulations"),
    panel=Panel(
        scaled=Scaled(
            "<i>k</i>²<i>P</i>(<i>k</i>)/2π",
            "*k*²*P*(*k*)/2π",
            "The power spectrum, or the variance per ln k of the two-dimensional field",
            lambda k: np.square(k) / (2.0 * np.pi),
        ),
        marks=_marks,
    ),
    table="spectra",
    needs_box=True,
    smoothed_truth=True,
)
