"""Differences of maps and the enlarged map: the right numbers, the right signs, arrays as plotly.js reads them."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
from PIL import Image

from dashboard.charts.chart import figure_json
from dashboard.charts.heatmap import enlarged_map
from dashboard.charts.overlay import MapCurves, curve_panels
from focus_core.figures.tiles import log_ratio, render_ratio_tile

VALUES = np.arange(16.0).reshape(4, 4)


def test_a_map_ten_times_the_truth_has_a_log_ratio_of_one() -> None:
    np.testing.assert_allclose(log_ratio(10.0 * (VALUES + 1), VALUES + 1), 1.0)


def test_more_than_the_truth_is_brown_and_less_is_blue() -> None:
    picture = np.asarray(Image.open(io.BytesIO(render_ratio_tile(np.array([[-1.0, 0.0, 1.0]]), 1.0))).convert("RGB"))
    less, equal, more = picture[0].astype(int)
    assert less[2] > less[0]
    assert more[0] > more[2]
    assert equal.min() > 235


def test_the_enlarged_map_carries_every_pixel_at_its_place_in_the_box() -> None:
    panels = enlarged_map(VALUES, (0.0, 15.0), box_size=8.0, quantity="Σ")
    assert panels.figure().data[0].type == "heatmap"  # plotly accepts every attribute
    trace = json.loads(figure_json(panels))["data"][0]
    content = np.frombuffer(base64.b64decode(trace["z"]["bdata"]), dtype="<f4")
    np.testing.assert_array_equal(content.reshape([int(n) for n in trace["z"]["shape"].split(",")]), VALUES)
    assert (trace["x0"], trace["dx"]) == (1.0, 2.0)
    assert panels.layout["xaxis"]["title"]["text"] == "x [Mpc/<i>h</i>]"
    assert panels.layout["yaxis"]["range"] == [8.0, 0.0]  # row 0 of a map is its top, as in the tiles


def test_the_scaled_spectrum_is_the_variance_per_ln_k_and_leaves_the_ratio_alone() -> None:
    k, power = np.array([0.1, 0.2, 0.4]), np.array([30.0, 20.0, 10.0])
    spectra = MapCurves(k, power, None, None, 1.1 * power, None, box_size=64.0, grid=64)
    traces = {trace["name"]: trace for trace in curve_panels(spectra, scaled=True).traces}
    np.testing.assert_allclose(traces["simulations"]["y"], k**2 * power / (2 * np.pi))
    np.testing.assert_allclose(traces["ratio"]["y"], 1.1)
    assert curve_panels(spectra, scaled=True).layout["uirevision"] != curve_panels(spectra).layout["uirevision"]
