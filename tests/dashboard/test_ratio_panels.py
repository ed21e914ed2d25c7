"""Every ratio panel shows every ratio, however far off, and says what it is a ratio to."""

import math
from typing import Any

import numpy as np
import pytest
from prepared_record import BOX, GRID, K

from dashboard.charts.compare_overlay import RunCurves, TruthGroup, compare_curves
from dashboard.charts.overlay import MapCurves, curve_panels
from dashboard.measured.map_curves import sample_curves
from dashboard.record.queries import SimulationCurves, Truth
from focus_store.contracts import SampleMeasurement


def of_excess(excess: float) -> MapCurves:
    truth = 10.0 / K**2
    return MapCurves(
        x=K, truth=truth, scatter=None, truth_error=1.5 * truth, generated=excess * truth,
        generated_error=2 * excess * truth, box_size=BOX, grid=GRID,
    )  # fmt: skip


def limits(axis: Any) -> tuple[float, float]:
    low, high = axis["range"]
    return (10**low, 10**high) if axis["type"] == "log" else (low, high)


@pytest.mark.parametrize("excess", [14.0, 1e5, 0.02, 1e-5])
def test_a_power_far_off_is_within_the_panel_of_an_experiment_of_a_sample_and_of_a_comparison(excess: float) -> None:
    run = RunCurves("wild", "#de701f", of_excess(excess))
    figures = [curve_panels(of_excess(excess)).figure(), compare_curves([TruthGroup("", [run])])]
    for figure in figures:
        assert figure.layout.yaxis2.type == "log"
        low, high = limits(figure.layout.yaxis2)
        assert low < min(1.0, excess)
        assert high > max(1.0, excess)
        drawn = np.concatenate([np.asarray(t.y) for t in figure.data if t.yaxis == "y2"])
        assert (drawn > 0).all(), "a band that reaches zero has no edge on a logarithmic axis"


def test_a_good_model_keeps_the_narrow_linear_panel() -> None:
    axis = curve_panels(of_excess(1.1)).figure().layout.yaxis2
    assert axis.type != "log"
    assert axis.range == (0.75, 1.25)


def made_up_truth() -> Truth:
    power = np.tile(10.0 / K**2, (4, 1)) * np.array([1.0, 2.0, 3.0, 4.0])[:, None]
    return Truth(
        theta=np.zeros((4, 6)), split=np.zeros(4), n_maps=3, box_size=BOX, grid=GRID,
        curves={"power_spectrum": SimulationCurves(K, power, 0.3 * power, physical=True)},
    )  # fmt: skip


def test_a_sample_is_divided_by_the_smoothed_truth_at_its_own_theta_with_its_error() -> None:
    power = np.tile(12.0 / K**2, (4, 1))
    expected = 12.5 / K**2
    smoothed = {
        "power": expected.tolist(), "error": (0.02 * expected).tolist(), "scatter": (0.3 * expected).tolist(),
        "simulations": 40, "maps": 12,
    }  # fmt: skip
    found = sample_curves(SampleMeasurement({"k": K, "generated": power}, smoothed), made_up_truth(), [1, 2])
    assert found is not None
    np.testing.assert_allclose(found.below(), 12.0 / 12.5)
    np.testing.assert_allclose(found.truth_error, 0.02 * expected)
    assert "40 simulations" in found.truth_name
    panels = curve_panels(found)
    assert panels.layout["yaxis2"]["title"]["text"] == "ratio to truth"
    band = next(t for t in panels.traces if t["yaxis"] == "y2" and t.get("fill"))
    assert math.isclose(max(band["y"]), 1.02)


def test_an_older_sample_is_held_against_its_nearest_simulations_and_says_so() -> None:
    power = np.tile(12.0 / K**2, (4, 1))
    for told in (None, {"reason": "smoothed truth: 12 simulations are too few for 10 terms; it needs 20."}):
        found = sample_curves(SampleMeasurement({"k": K, "generated": power}, told), made_up_truth(), [1, 2])
        assert found is not None
        assert curve_panels(found).layout["yaxis2"]["title"]["text"] == "ratio to nearest"
        np.testing.assert_allclose(found.below(), 12.0 / 25.0)
