"""Every figure of P(k) has a band of cosmic variance that its legend names: of the maps, or of a Gaussian field."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from evaluation_found import evaluation
from matplotlib.axes import Axes

from dashboard.charts.compare_overlay import RunCurves, TruthGroup, compare_curves
from dashboard.charts.dataset_curves import DatasetCurves, dataset_curves
from dashboard.charts.evaluation import statistic_panels
from dashboard.charts.overlay import COSMIC, GAUSSIAN, overlay
from dashboard.measured.map_curves import epoch_curves, sample_curves
from dashboard.record.queries import SimulationCurves, Truth
from focus_core.catalogue.measured.pdf import PDF
from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_core.figures.epoch_curves import draw_curves
from focus_store.contracts import SampleMeasurement

K = np.array([0.4, 0.8, 1.2, 1.6])
MODES = np.array([8.0, 16.0, 24.0, 32.0])
POWER = 10.0 / K**2
OF_A_GAUSSIAN_FIELD = POWER * np.sqrt(2.0 / MODES)


def epoch(maps_each: int) -> dict[str, Any]:
    """Of one simulation, whose maps scatter by 30 %."""
    mean = POWER[None]
    return {
        "k": K, "generated": 1.1 * mean[:, None].repeat(3, 1), "real": mean, "simulation_mean": mean,
        "simulation_std": 0.3 * mean, "n_simulation_maps": np.int64(maps_each), "n_modes": MODES,
        "theta": np.full((1, 6), 0.3), "box_size": np.float64(16.0), "epoch": np.int64(1),
        "unit": np.array("(Mpc/h)²"),
    }  # fmt: skip


def half_width(figure: go.Figure, name: str) -> np.ndarray:
    """Upper edge of the band of that name over the mean it lies about."""
    (band,) = [trace for trace in figure.data if trace.name == name]
    assert band.showlegend
    return np.asarray(band.y)[: len(K)] - POWER


@pytest.mark.parametrize(("maps_each", "name", "sigma"), [(3, COSMIC, 0.3 * POWER), (1, GAUSSIAN, OF_A_GAUSSIAN_FIELD)])
def test_an_epoch_has_that_of_its_maps_or_where_each_simulation_has_one_that_of_a_gaussian_field(
    maps_each: int, name: str, sigma: np.ndarray
) -> None:
    curves = epoch_curves(epoch(maps_each), 1, 8)
    np.testing.assert_allclose(half_width(overlay(curves), name), sigma)
    compared = compare_curves([TruthGroup("", [RunCurves("run", "#de701f", curves)])])
    np.testing.assert_allclose(half_width(compared, name), sigma)


def test_older_arrays_without_modes_have_no_band_that_nobody_knows() -> None:
    older = {key: value for key, value in epoch(1).items() if key != "n_modes"}
    assert epoch_curves(older, 1, 8).scatter is None
    assert PDF.cosmic_variance(POWER, epoch(1)) is None, "it is no spectrum of modes"


def test_a_sample_beside_its_nearest_simulations_or_the_smoothed_truth_has_it_too() -> None:
    arrays = {"k": K, "generated": POWER[None].repeat(4, 0), "n_modes": MODES}
    curves = {POWER_SPECTRUM.name: SimulationCurves(K, POWER[None], 0.0 * POWER[None], True)}
    truth = Truth(np.full((1, 6), 0.3), np.zeros(1), 1, 16.0, 8, curves)
    nearest = sample_curves(SampleMeasurement(arrays), truth, [0])
    smoothed = {"power": POWER, "error": 0.02 * POWER, "scatter": 0 * POWER, "simulations": 40, "maps": 1}
    at_theta = sample_curves(SampleMeasurement(arrays, smoothed), truth, [0])
    for found in (nearest, at_theta):
        assert found is not None
        np.testing.assert_allclose(half_width(overlay(found), GAUSSIAN), OF_A_GAUSSIAN_FIELD)


@pytest.mark.parametrize("maps_each", [1, 5])
def test_a_dataset_tells_cosmic_variance_at_one_theta_from_the_scatter_over_all_of_them(maps_each: int) -> None:
    mean = POWER * np.array([[1.0], [2.0]])
    found = DatasetCurves(K, mean, 0.2 * mean, maps_each, 16.0, 8, True, weights={"n_modes": MODES})
    names = [trace.name for trace in dataset_curves(found, 0).data]
    assert "single maps of all 2 simulations, ±1σ" in names
    name = GAUSSIAN if maps_each == 1 else "cosmic variance (maps of simulation 0, ±1σ)"
    expected = OF_A_GAUSSIAN_FIELD if maps_each == 1 else 0.2 * POWER
    np.testing.assert_allclose(half_width(dataset_curves(found, 0), name), expected)


@pytest.mark.parametrize(("maps_each", "whose"), [(3, "its maps"), (1, "a Gaussian field’s")])
def test_the_picture_of_an_epoch_names_it(maps_each: int, whose: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, np.ndarray] = {}
    fill = Axes.fill_between

    def seen(axes: Axes, x: Any, low: Any, high: Any, **look: Any) -> Any:
        drawn[look["label"]] = high
        return fill(axes, x, low, high, **look)

    monkeypatch.setattr(Axes, "fill_between", seen)
    draw_curves(io.BytesIO(), POWER_SPECTRUM, epoch(maps_each), list("abcdef"))
    sigma = 0.3 * POWER if maps_each > 1 else OF_A_GAUSSIAN_FIELD
    np.testing.assert_allclose(drawn[f"cosmic variance ({whose}, ±1σ)"], POWER + sigma)


def test_the_band_of_an_evaluations_linear_curve_may_reach_below_zero() -> None:
    curve = {**evaluation()["curves"]["power_mean"][0], "logarithmic": False, "scatter": [1.5, 0.2, 0.1]}
    figure = statistic_panels(curve, revision="r").figure()
    (band,) = [trace for trace in figure.data if trace.name == "cosmic variance (single simulations, ±1σ)"]
    assert min(band.y) == pytest.approx(10.0 * (1 - 1.5))
