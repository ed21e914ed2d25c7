"""P(k) of an epoch: one panel for each θ, the simulation against the generated maps, on logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from focus_core.figures.style import AXIS, BAND, GENERATED, INK, new_figure, plain_axes, save_png, theta_text

_K_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def draw_power(file: BinaryIO, arrays: Mapping[str, Any], symbols: list[str]) -> None:
    """`arrays` is the content of power_spectrum_epoch_XXXX.npz."""
    rows = len(arrays["real"])
    figure = new_figure(9.6, 7.6)
    layout = {"left": 0.075, "right": 0.985, "bottom": 0.07, "top": 0.905, "wspace": 0.17, "hspace": 0.24}
    panels = figure.subplots(math.ceil(rows / 2), 2, sharex=True, squeeze=False, gridspec_kw=layout).ravel()
    for row, axes in enumerate(panels[:rows]):
        _panel(axes, arrays, row)
        # A line of six feedback parameters is wider than a panel.
        axes.set_title(theta_text(symbols, arrays["theta"][row]), fontsize=8, color=INK, linespacing=1.35)
    panels[0].legend(loc="lower left", frameon=False, fontsize=8, labelcolor=INK)
    figure.suptitle(f"Epoch {int(arrays['epoch'])}   ·   power spectrum at four θ", y=0.985, fontsize=10, color=INK)
    save_png(figure, file)


def _panel(axes: Axes, arrays: Mapping[str, Any], row: int) -> None:
    k, mean, scatter = arrays["k"], arrays["simulation_mean"][row], arrays["simulation_std"][row]
    count = int(arrays["n_simulation_maps"])
    if count > 1:
        axes.fill_between(
            k,
            np.maximum(mean - scatter, 1e-2 * mean),
            mean + scatter,
            color=BAND,
            lw=0,
            label="scatter of its maps, ±1σ",
        )
        axes.plot(k, mean, color=AXIS, lw=1.0, ls="--", label=f"simulation, mean of {count} maps")
    axes.plot(k, arrays["real"][row], color=INK, lw=1.8, label="real map")
    for number, spectrum in enumerate(arrays["generated"][row]):
        axes.plot(k, spectrum, color=GENERATED, lw=1.2, alpha=0.9, label="generated" if number == 0 else None)
    axes.set_xscale("log")
    axes.set_yscale("log")
    physical, box = str(arrays["unit"]) != "normalised", float(arrays["box_size"])
    axes.set_xlabel("k  [h/Mpc]" if np.isfinite(box) else "k  [k_f]")
    axes.set_ylabel("P(k)  [(Mpc/h)²]" if physical else "P(k)  [normalised units]")
    fundamental = 2.0 * math.pi / box if np.isfinite(box) else 1.0
    for edge, name, side in ((fundamental, "k_f", "left"), (fundamental * len(k), "k_Ny", "right")):
        axes.axvline(edge, color=AXIS, lw=0.8, ls=(0, (4, 4)))
        axes.annotate(
            f" {name} ", (edge, 0.985), xycoords=("data", "axes fraction"), ha=side, va="top", fontsize=8, color=AXIS
        )
    axes.set_xlim(0.88 * fundamental, 1.14 * fundamental * len(k))
    axes.set_xticks([tick for tick in _K_TICKS if 0.88 * fundamental <= tick <= 1.14 * fundamental * len(k)])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    plain_axes(axes)
