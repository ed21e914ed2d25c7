"""A statistic of a dataset: the mean over all maps with the scatter of single maps, and one of its simulations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.charts.overlay import (
    GAUSSIAN,
    MapCurves,
    abscissa,
    band_trace,
    ends,
    linear_range,
    mark_scales,
    ordinate,
)
from dashboard.charts.panels import Panels
from dashboard.look.template import colour_with_alpha
from dashboard.look.theme import EXPERIMENT_COLOURS, INK, SCATTER_BAND
from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_core.catalogue.statistic_spec import MapStatistic

FloatArray = NDArray[np.float64]
CHOSEN = EXPERIMENT_COLOURS[4]  # of all colours, the one that is legible on both backgrounds


@dataclass(frozen=True)
class DatasetCurves:
    """A statistic of a dataset, in its units: mean and standard deviation (n, q) of the maps of each simulation."""

    x: FloatArray
    mean: FloatArray
    std: FloatArray
    maps_per_simulation: int
    box_size: float | None
    grid: int
    physical: bool
    statistic: MapStatistic = POWER_SPECTRUM
    weights: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # weights of its values, by the name of the array

    def cosmic_variance(self, chosen: int) -> tuple[FloatArray | None, str]:
        """Cosmic variance of maps at the θ of one simulation, and how it was obtained."""
        if self.maps_per_simulation > 1:
            return self.std[chosen], f"cosmic variance (maps of simulation {chosen}, ±1σ)"
        return self.statistic.cosmic_variance(self.mean[chosen], self.weights), GAUSSIAN

    def overall(self) -> FloatArray:
        return np.asarray(self.mean.mean(axis=0))

    def scatter(self) -> FloatArray:
        """Standard deviation of single maps over the whole set, between and within simulations."""
        each = self.maps_per_simulation
        within = (self.std**2).mean(axis=0) * (each - 1) / each
        return np.asarray(np.sqrt(within + self.mean.var(axis=0)))

    def drawn(self, chosen: int | None) -> MapCurves:
        """As input of a panel: the whole set is the truth, the chosen simulation is compared with it."""
        mean = self.overall()
        return MapCurves(
            x=self.x,
            truth=mean,
            scatter=self.scatter(),
            truth_error=None,
            generated=mean if chosen is None else self.mean[chosen],
            generated_error=None,
            box_size=self.box_size,
            grid=self.grid,
            physical=self.physical,
            statistic=self.statistic,
        )


def dataset_curves(
    found: DatasetCurves, chosen: int | None, *, revision: str = "dataset-power", height: int = 330
) -> go.Figure:
    """The mean over all maps with the scatter of single maps, and the mean of one simulation with that of its maps."""
    panels, curves = Panels([1.0], gap=0.0), found.drawn(chosen)
    bands = [(curves.truth, found.scatter(), SCATTER_BAND, f"single maps of all {len(found.mean)} simulations, ±1σ")]
    lines = [(curves.truth, INK, 1.8, "mean of all maps")]
    if chosen is not None:
        sigma, name = found.cosmic_variance(chosen)
        if sigma is not None:
            bands.append((curves.generated, sigma, colour_with_alpha(CHOSEN, 0.2), name))
        lines.append((curves.generated, CHOSEN, 2, f"simulation {chosen}"))
    for mean, sigma, colour, name in bands:
        panels.scatter(**band_trace(found.x, curves.lower_edge(mean - sigma, mean), mean + sigma, colour, name))
    hover = "%{y:.4g}" + curves.hover_unit(False) + "<extra>%{fullData.name}</extra>"
    for mean, colour, width, name in lines:
        line = {"color": colour, "width": width}
        panels.scatter(x=found.x, y=mean, mode="lines", line=line, name=name, hovertemplate=hover)
    mark_scales(panels, curves)
    panels.x_axes(abscissa(curves, *ends(curves)))
    panels.x_title(found.statistic.axis_html(found.box_size))
    panels.y_axis(1, {**ordinate(curves, *_span(curves)), "title": {"text": curves.title(False)}})
    log = found.statistic.value.log
    place = {"x": 0.02, "y": 0.03, "yanchor": "bottom"} if log else {"x": 0.98, "xanchor": "right", "y": 0.99}
    panels.layout |= {"height": height, "uirevision": revision, "legend": place}
    return panels.figure()


def _span(curves: MapCurves) -> tuple[float, float]:
    mean, scatter = curves.truth, curves.scatter
    assert scatter is not None
    if not curves.statistic.value.log:
        return linear_range([mean, curves.generated], scatter)
    return float(mean[mean > 0].min()) / 6.0, float((mean + scatter).max()) * 1.4
