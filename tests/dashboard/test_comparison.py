"""A comparison's arithmetic: places and colours, bands, ratios, what is shared, and figures with units."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from dashboard.charts.compare_cost import CostColumn, cost_quality
from dashboard.charts.compare_loss import Points, RunLosses, compare_losses
from dashboard.charts.compare_overlay import RunCurves, TruthGroup, compare_curves
from dashboard.charts.loss_words import loss_words
from dashboard.charts.overlay import COSMIC, MapCurves
from dashboard.look.theme import AXIS, EXPERIMENT_COLOURS, INK
from dashboard.measured.band_errors import band_errors
from dashboard.views.compare.comparison import Compared, at_or_before, choose, colour_of, read_slots, write_slots
from focus_core.power_error import band_edges


def test_whoever_stays_in_the_set_keeps_its_colour() -> None:
    slots = read_slots("a,b,c")
    without = choose(slots, ["a", "c"])
    assert write_slots(without) == "a,,c"
    assert choose(without, ["a", "c", "d"]) == ("a", "d", "c")
    assert [colour_of(i) for i in (0, 7)] == [EXPERIMENT_COLOURS[0], EXPERIMENT_COLOURS[7]]
    assert colour_of(8) == AXIS


@pytest.mark.parametrize(("text", "slots"), [("", ()), (",,", ()), ("a,a,b", ("a", None, "b")), (" a ,b,", ("a", "b"))])
def test_an_address_is_read_as_it_was_meant(text: str, slots: tuple[str | None, ...]) -> None:
    assert read_slots(text) == slots


def test_an_epoch_that_was_not_drawn_is_answered_by_the_one_before() -> None:
    assert at_or_before([2, 4, 6], 5) == 4
    assert at_or_before([2, 4, 6], 1) is None


@pytest.mark.parametrize("grid", [8, 16, 30, 64, 256])
def test_bands_agree_with_those_of_the_statistics(grid: int) -> None:
    from focus_core.statistics.power import PowerSpectrum, band_average, bands

    assert band_edges(grid) == [(band.low, band.high) for band in bands(grid)]
    generator = np.random.default_rng(grid)
    n = grid // 2
    modes = generator.integers(4, 90, n)
    generated, truth = generator.lognormal(0, 0.4, (4, 3, n)), generator.lognormal(0, 0.4, (4, n))
    k = np.arange(1.0, n + 1)
    above = band_average(PowerSpectrum(k, generated.reshape(12, n), modes, 6.28, grid)).mean(axis=0)
    below = band_average(PowerSpectrum(k, truth, modes, 6.28, grid)).mean(axis=0)
    found = band_errors({"generated": generated, "simulation_mean": truth, "n_modes": modes}, grid)
    np.testing.assert_allclose([band.error for band in found], above / below - 1.0, rtol=1e-12)


def test_maps_too_small_for_a_band_have_none() -> None:
    assert band_edges(4) == []


def losses(name: str, colour: str, seconds: float) -> RunLosses:
    epochs = np.arange(1.0, 6.0)
    return RunLosses(
        name=name,
        colour=colour,
        validation=Points(10 * epochs, 0.5 / epochs),
        train=Points(10 * epochs, 0.6 / epochs),
        steps=Points(np.arange(1.0, 61.0), np.full(60, 0.3)),
        elapsed=Points(10 * epochs, seconds * epochs),
        steps_per_epoch=10,
    )


def test_losses_are_drawn_over_epochs_steps_and_time_in_one_colour_an_experiment() -> None:
    runs = [losses("one", "#2959f2", 60.0), losses("two", "#de701f", 1200.0)]
    titles = [compare_losses(runs, axis).layout.xaxis.title.text for axis in ("epoch", "step", "time")]
    assert titles == ["epoch", "optimiser step", "time trained [h]"]
    figure = compare_losses(runs, "time")
    mine = [t for t in figure.data if t.name == "one"]
    assert {t.line.color for t in mine} == {"#2959f2"}
    validation = next(t for t in mine if t.meta == "validation")
    np.testing.assert_allclose(validation.x, np.arange(1.0, 6.0) * 60 / 3600)
    assert figure.layout.yaxis.title.text == "loss  (MSE of <i>ε</i>)"
    mixed = compare_losses([runs[0], replace(runs[1], loss=loss_words({"method": "edm"}))])
    assert mixed.layout.yaxis.title.text == "loss  (of each its own kind)"


def test_a_step_between_two_epochs_lies_between_their_times_and_beyond_the_last_nowhere() -> None:
    run = losses("one", "#2959f2", 60.0)
    x = run.along(run.steps, "time")
    assert x[4] == pytest.approx(30.0)
    assert np.isnan(x[55])


def spectra(ratio: float, box: float | None = 64.0, n: int = 32, physical: bool = True) -> MapCurves:
    k = 2 * np.pi / (box or 2 * np.pi) * np.arange(1, n + 1)
    truth = 10.0 / k**2
    return MapCurves(
        x=k, truth=truth, scatter=0.4 * truth, truth_error=0.05 * truth, generated=ratio * truth,
        generated_error=0.1 * truth, box_size=box, grid=2 * n, physical=physical,
    )  # fmt: skip


def test_ratios_of_all_runs_stand_over_the_band_of_their_truth() -> None:
    runs = [RunCurves("one", "#2959f2", spectra(1.1)), RunCurves("two", "#de701f", spectra(0.9))]
    figure = compare_curves([TruthGroup("", runs)])
    ratios = {t.name: t for t in figure.data if t.meta == "ratio"}
    np.testing.assert_allclose(ratios["one"].y, 1.1)
    np.testing.assert_allclose(ratios["two"].y, 0.9)
    assert ratios["two"].line.color == "#de701f"
    truths = [t for t in figure.data if t.line.color == INK]
    assert len(truths) == 1
    assert "simulations" in truths[0].name
    assert any(t.name == COSMIC for t in figure.data)
    assert figure.layout.xaxis2.title.text == "<i>k</i> [<i>h</i>/Mpc]"
    assert figure.layout.yaxis.title.text == "<i>P</i>(<i>k</i>)  [(Mpc/<i>h</i>)²]"


def test_runs_of_two_boxes_keep_their_own_truth_and_mark_both_boxes() -> None:
    groups = [
        TruthGroup("quick", [RunCurves("one", "#2959f2", spectra(1.1))]),
        TruthGroup("cmd", [RunCurves("two", "#de701f", spectra(1.2, box=25.0, n=128))]),
    ]
    figure = compare_curves(groups)
    assert [t.line.dash for t in figure.data if t.line.color == INK] == ["solid", "dash"]
    assert sum("k_f" in (a.text or "") or "<sub>f</sub>" in a.text for a in figure.layout.annotations) == 2


def test_a_box_of_unknown_size_brings_all_to_units_of_their_fundamental_mode() -> None:
    groups = [
        TruthGroup("quick", [RunCurves("one", "#2959f2", spectra(1.1))]),
        TruthGroup("normalised", [RunCurves("two", "#de701f", spectra(1.2, box=None, physical=False))]),
    ]
    figure = compare_curves(groups)
    assert figure.layout.xaxis2.title.text == "<i>k</i> / <i>k</i><sub>f</sub>"
    upper = [t.name for t in figure.data if t.yaxis == "y" and t.meta != "ratio"]
    assert "one" in upper
    assert "two" not in upper  # another unit has no place on this axis


def test_the_variance_per_ln_k_scales_truth_and_runs_alike_and_leaves_the_ratios_alone() -> None:
    s = spectra(1.1)
    figure = compare_curves([TruthGroup("", [RunCurves("one", "#2959f2", s)])], scaled=True)
    curves = {(t.name, t.meta): t.y for t in figure.data}
    np.testing.assert_allclose(curves["simulations", None], 10.0 / (2 * np.pi))  # k² · 10/k² / 2π
    np.testing.assert_allclose(curves["one", None], 11.0 / (2 * np.pi))
    np.testing.assert_allclose(curves["one", "ratio"], 1.1)
    assert figure.layout.yaxis.title.text == "<i>k</i>²<i>P</i>(<i>k</i>)/2π"


def test_a_run_far_off_is_drawn_on_a_logarithmic_ratio() -> None:
    runs = [RunCurves("one", "#2959f2", spectra(1.1)), RunCurves("wild", "#de701f", spectra(15.0))]
    axis = compare_curves([TruthGroup("", runs)]).layout.yaxis2
    assert axis.type == "log"
    assert axis.ticktext[:2] == ("1", "2")  # ratios are written as numbers, below 1 as decimals


def test_a_ratio_below_one_is_written_as_a_decimal() -> None:
    axis = compare_curves([TruthGroup("", [RunCurves("one", "#2959f2", spectra(0.2))])]).layout.yaxis2
    assert "0.2" in axis.ticktext


def test_cost_and_quality_run_from_best_at_the_bottom_to_worst() -> None:
    columns = [
        CostColumn("Memory", [1.0, 10.0, 100.0], ["1 B", "10 B", "100 B"]),
        CostColumn("Loss", [3.0, None, 3.0], list("3–3")),
    ]
    figure = cost_quality(columns, ["a", "b", "c"], EXPERIMENT_COLOURS[:3], height=300)
    assert [list(t.y) for t in figure.data] == [[0.0, 0.5], [0.5, None], [1.0, 0.5]]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_file_holds_every_point_of_every_curve(pair: tuple[str, str]) -> None:
    from dashboard.record.connection import record
    from dashboard.views.compare.comparison_files import losses_csv

    runs = [Compared(i, record().experiments.get(one)) for i, one in enumerate(pair)]
    rows = rows_of(losses_csv(record(), runs))
    mine = [row for row in rows if row["experiment"] == pair[0]]
    assert [row["curve"] for row in mine].count("step") == 12
    assert [row["curve"] for row in mine].count("validation") == 3
    last = next(row for row in mine if row["curve"] == "validation" and row["epoch"] == "3")
    assert float(last["loss"]) == pytest.approx(0.5 / 3)
    assert float(last["seconds_trained"]) == 6.0


def test_the_file_of_costs_has_a_line_an_experiment_in_plain_numbers(pair: tuple[str, str]) -> None:
    from dashboard.record.connection import record
    from dashboard.views.compare.compared_values import measures
    from dashboard.views.compare.comparison_files import cost_csv

    runs = [Compared(i, record().experiments.get(one)) for i, one in enumerate(pair)]
    rows = rows_of(cost_csv(runs, [row for row in measures(runs, 0) if row.plain in ("Parameters", "Peak memory")]))
    assert [row["experiment"] for row in rows] == list(pair)
    assert [float(row["Peak memory [B]"]) for row in rows] == [run.detail.peak_memory_bytes for run in runs]
