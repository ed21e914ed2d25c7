"""Figures are pure functions of data: units on the axes, the right traces, ticks that a person reads."""

from __future__ import annotations

import json
import math

import numpy as np
import plotly.graph_objects as go
import pytest

from dashboard.charts.chart import figure_json, script
from dashboard.charts.loss import Curve, TrainingCurves, loss_curves
from dashboard.charts.overlay import COSMIC, MapCurves, overlay
from dashboard.look.template import log_ticks, plain_number, power_text, template
from dashboard.look.theme import ACCENT, CSS_VARIABLES, GENERATED, INK

K = 2 * np.pi / 64.0 * np.arange(1, 33)


def spectra(ratio: float = 1.1, **changes: object) -> MapCurves:
    truth = 10.0 / K**2
    values: dict[str, object] = {
        "x": K,
        "truth": truth,
        "scatter": 0.4 * truth,
        "truth_error": 0.05 * truth,
        "generated": ratio * truth,
        "generated_error": 0.1 * truth,
        "box_size": 64.0,
        "grid": 64,
    }
    return MapCurves(**(values | changes))  # type: ignore[arg-type]


def curves(**changes: object) -> TrainingCurves:
    epochs = np.arange(1.0, 11.0)
    values: dict[str, object] = {
        "steps": Curve(np.linspace(0.1, 10, 100), np.linspace(1.0, 0.02, 100)),
        "train": Curve(epochs, 0.5 / epochs),
        "validation": Curve(epochs, 0.6 / epochs),
        "lr": Curve(np.linspace(0.1, 10, 100), np.full(100, 1e-4)),
        "num_epochs": 40,
        "checkpoints": [(10.0, 0.06)],
        "seams": [(2, 4.0)],
        "ends": "ends about 18:05",
    }
    return TrainingCurves(**(values | changes))  # type: ignore[arg-type]


def trace(figure: go.Figure, name: str) -> go.Scatter:
    return next(t for t in figure.data if t.name == name)


def test_the_power_overlay_has_units_on_its_axes() -> None:
    layout = overlay(spectra()).layout
    assert layout.yaxis.title.text == "<i>P</i>(<i>k</i>)  [(Mpc/<i>h</i>)²]"
    assert layout.xaxis2.title.text == "<i>k</i> [<i>h</i>/Mpc]"
    assert layout.yaxis2.title.text == "ratio to sim."


def test_normalised_fields_and_unknown_boxes_claim_no_physical_unit() -> None:
    layout = overlay(spectra(physical=False, box_size=None)).layout
    assert "normalised" in layout.yaxis.title.text
    assert "Mpc" not in layout.xaxis2.title.text + layout.yaxis.title.text


def test_the_overlay_draws_truth_in_ink_and_generated_in_orange() -> None:
    figure = overlay(spectra())
    assert trace(figure, "simulations").line.color == INK
    assert trace(figure, "generated").line.color == GENERATED
    np.testing.assert_allclose(np.asarray(trace(figure, "ratio").y), 1.1)


def test_the_scatter_band_encloses_the_truth_by_one_sigma() -> None:
    band = trace(overlay(spectra()), COSMIC)
    assert band.fill == "toself"
    upper, lower = np.asarray(band.y)[:32], np.asarray(band.y)[32:][::-1]
    np.testing.assert_allclose(upper, 14.0 / K**2)
    np.testing.assert_allclose(lower, 6.0 / K**2)


def test_the_scales_of_the_box_are_marked() -> None:
    figure = overlay(spectra())
    marks = sorted({shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1})
    assert marks == pytest.approx([2 * math.pi / 64, math.pi])
    low, high = figure.layout.xaxis.range
    assert 10**low == pytest.approx(0.88 * 2 * math.pi / 64)
    assert 10**high == pytest.approx(1.14 * math.pi)


@pytest.mark.parametrize(("ratio", "low", "high"), [(1.05, 0.75, 1.25), (2.0, 0.0, 2.15)])
def test_the_ratio_panel_widens_only_as_far_as_it_must(ratio: float, low: float, high: float) -> None:
    assert overlay(spectra(ratio)).layout.yaxis2.range == pytest.approx((low, high))


def test_an_overlay_without_errors_has_no_bands() -> None:
    figure = overlay(spectra(scatter=None, truth_error=None, generated_error=None))
    assert [t.name for t in figure.data] == ["simulations", "generated", "ratio"]


def test_losses_share_a_log_axis_and_the_rate_has_its_own() -> None:
    layout = loss_curves(curves()).layout
    assert layout.yaxis.type == layout.yaxis2.type == "log"
    assert "MSE" in layout.yaxis.title.text
    assert layout.yaxis2.title.text == "lr"
    assert layout.xaxis2.title.text == "epoch"
    assert layout.xaxis2.range == (0, 40)


def test_line_style_tells_the_split() -> None:
    figure = loss_curves(curves())
    assert trace(figure, "train").line.dash == "dot"
    assert trace(figure, "validation").line.dash is None
    assert trace(figure, "validation").line.color == trace(figure, "train").line.color == ACCENT


def test_the_best_loss_has_a_star_with_its_value() -> None:
    star = trace(loss_curves(curves()), "best")
    assert (star.x[0], star.y[0]) == (10.0, pytest.approx(0.06))
    assert star.text[0] == "best 0.06"


def test_seams_and_the_future_are_marked() -> None:
    texts = [a.text for a in loss_curves(curves()).layout.annotations]
    assert "attempt 2, resumed at 4" in texts
    assert "30 epochs left<br>ends about 18:05" in texts
    finished = loss_curves(curves(num_epochs=10))
    assert not [s for s in finished.layout.shapes if s.type == "rect"]


def test_a_run_that_has_only_steps_is_drawn_too() -> None:
    nothing = Curve(np.empty(0), np.empty(0))
    figure = loss_curves(curves(train=nothing, validation=nothing, checkpoints=[], seams=[]))
    low, high = figure.layout.yaxis.range
    assert 10**low < 0.1 < 10**high


def test_the_zoom_belongs_to_the_run() -> None:
    assert loss_curves(curves(), revision="abc").layout.uirevision == "abc"
    assert overlay(spectra(), revision="abc").layout.uirevision == "abc"


def test_no_trace_needs_webgl() -> None:
    kinds = {t.type for figure in (loss_curves(curves()), overlay(spectra())) for t in figure.data}
    assert kinds == {"scatter"}


def test_log_ticks_read_as_people_write_them() -> None:
    ticks = log_ticks(0.09, 3.5)
    assert ticks.texts == ["0.1", "0.2", "0.3", "0.5", "1", "2", "3"]
    assert len(ticks.minor) < 40
    wide = log_ticks(1e-3, 1e3, powers=True)
    assert wide.texts == [
        "10<sup>−3</sup>",
        "10<sup>−2</sup>",
        "10<sup>−1</sup>",
        "1",
        "10",
        "10<sup>2</sup>",
        "10<sup>3</sup>",
    ]


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.43), (0.3, 0.42), (0.0151, 0.0212), (0.9, 1.26)])
def test_a_log_axis_of_less_than_a_decade_has_several_values_to_be_read(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 3 <= len(ticks.values) <= 9
    assert all(low <= value <= high for value in ticks.values)


def test_numbers_have_a_real_minus_and_no_e() -> None:
    assert plain_number(-0.5) == "−0.5"
    assert plain_number(2e12) == "2·10<sup>12</sup>"
    assert power_text(3, 12) == "3·10<sup>12</sup>"


def test_the_template_offers_neither_selection_nor_automatic_scaling() -> None:
    layout = template().layout
    assert {"select2d", "lasso2d", "autoScale2d"} <= set(layout.modebar.remove)
    assert layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert layout.xaxis.zeroline is False


def test_every_token_of_a_figure_can_be_recoloured_in_the_browser() -> None:
    """The script replaces quoted tokens in the JSON: each colour must stand there as a string of its own."""
    known = set(CSS_VARIABLES)
    for figure in (loss_curves(curves()), overlay(spectra())):
        plain = json.loads(figure_json(figure))
        colours = {
            value for value in walk(plain) if isinstance(value, str) and value.startswith("#") and len(value) == 7
        }
        assert colours & known
        assert colours - known <= {GENERATED, *template().layout.colorway}
    for token, variable in CSS_VARIABLES.items():
        assert token in script()
        assert variable in script()


def walk(plain: object) -> list[object]:
    if isinstance(plain, dict):
        return [leaf for value in plain.values() for leaf in walk(value)]
    if isinstance(plain, list):
        return [leaf for value in plain for leaf in walk(value)]
    return [plain]
