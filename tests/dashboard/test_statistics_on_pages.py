"""Any statistic of the catalogue in one panel, on every page: axes with units, one against the other below."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from page_alone import address, html, open_page

from dashboard.charts.compare_overlay import RunCurves, TruthGroup, compare_curves
from dashboard.charts.dataset_curves import DatasetCurves, dataset_curves
from dashboard.charts.overlay import MapCurves, overlay
from dashboard.measured.chart_tables import curve_table
from dashboard.measured.map_curves import epoch_curves, sample_curves
from dashboard.record import queries
from dashboard.views.compare.comparison_files import curves_csv
from dashboard.views.compare.runs import compared, measured
from dashboard.views.sample import result
from focus_core.catalogue.measured.pdf import PDF


def distribution(small: Any) -> MapCurves:
    drawn = queries.figures(small.finished, 3)
    return epoch_curves(queries.arrays(drawn.of(PDF).arrays or ""), 3, 16, statistic=PDF)


def test_a_distribution_has_linear_axes_with_units_and_its_difference_below(small_laboratory: Any) -> None:
    curves = distribution(small_laboratory)
    layout = overlay(curves).layout
    assert "log<sub>10</sub> Σ/Σ̄ [dex]" in layout.xaxis2.title.text
    assert "[dex<sup>−1</sup>]" in layout.yaxis.title.text
    assert layout.yaxis2.title.text == "less sim."
    assert layout.xaxis.type != "log"
    assert layout.yaxis.type != "log"
    low, high = layout.yaxis2.range
    assert low == -high
    assert high > np.abs(curves.generated - curves.truth).max()
    assert not [shape for shape in layout.shapes if shape.x0 == shape.x1], "no mark of a box"


def test_the_abscissa_of_a_distribution_ends_where_there_is_nothing_more_to_see(small_laboratory: Any) -> None:
    curves = distribution(small_laboratory)
    low, high = overlay(curves).layout.xaxis.range
    assert curves.x[0] < low < high < curves.x[-1]
    assert (curves.generated[(curves.x < low) | (curves.x > high)] == 0).all()


def test_its_table_and_its_csv_name_the_same_columns_as_the_catalogue(small_laboratory: Any) -> None:
    table = curve_table(distribution(small_laboratory))
    assert "difference" in table
    assert "[dex<sup>−1</sup>]" in table
    row = small_laboratory.record.samples.get(small_laboratory.sample)
    lines = result.curves_csv(row, PDF).splitlines()
    assert lines[0] == "map,log_density,density"
    assert len(lines) == 1 + 4 * 45
    head, first, *_ = curves_csv(measured(compared((small_laboratory.finished,)), PDF), PDF).splitlines()
    assert head.split(",")[4:7] == ["log_density", "log_density_unit", "density_unit"]
    assert head.endswith(",difference")
    assert first.split(",")[5:7] == ["dex", "1/dex"]


def test_a_sample_is_held_against_the_distributions_of_the_nearest_simulations(small_laboratory: Any) -> None:
    row = small_laboratory.record.samples.get(small_laboratory.sample)
    truth = queries.truth(queries.experiment(small_laboratory.finished))
    assert truth is not None
    seen = sample_curves(row.measured["pdf"], truth, [0, 1], PDF)
    assert seen is not None
    np.testing.assert_allclose(seen.truth, truth.curves["pdf"].mean[:2].mean(axis=0))
    assert seen.below_title == "less nearest"


def test_runs_and_datasets_draw_it_with_the_same_axes(small_laboratory: Any) -> None:
    curves = distribution(small_laboratory)
    together = compare_curves([TruthGroup("", [RunCurves("one", "#2959f2", curves)])]).layout
    assert together.xaxis2.title.text == overlay(curves).layout.xaxis2.title.text
    assert together.yaxis2.title.text == "less sim."
    mean = curves.truth[None].repeat(3, axis=0)
    alone = dataset_curves(DatasetCurves(curves.x, mean, 0.3 * mean, 3, 16.0, 16, True, PDF), 1).layout
    assert alone.xaxis.title.text == together.xaxis2.title.text
    assert alone.yaxis.title.text == together.yaxis.title.text


@pytest.mark.parametrize(("page", "key"), [("experiment", "id"), ("sample", "model"), ("compare", "ids")])
def test_a_page_opens_with_the_statistic_of_its_address(page: str, key: str, small_laboratory: Any) -> None:
    app = open_page(page, **{key: small_laboratory.finished}, statistic="pdf")
    assert not app.exception
    assert app.segmented_control(key="statistic").value == "pdf"
    assert address(app, "statistic") == "pdf"
    assert not [group for group in app.get("button_group") if group.key in ("power-kind", "compare-power-kind")]
    assert "was not measured" not in html(app)
