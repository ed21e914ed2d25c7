"""Evaluations side by side in Compare: paired where their settings are the same, and said why not elsewhere."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from evaluation_found import LEFT_OUT, evaluation, note_evaluation
from page_alone import html, open_page
from prepared_record import move, write_run

from dashboard.charts.training_size import SizedError, error_by_size
from dashboard.views.compare.comparison import Compared
from dashboard.views.compare.evaluations import sizes_csv
from dashboard.views.compare.paired_evaluations import (
    EvaluatedRun,
    difference,
    evaluations_csv,
    pairing_sentences,
    rows,
    unpaired,
)
from focus_core.config.experiment import parse_config
from focus_core.evaluated import Score
from focus_store.contracts import Status


@pytest.fixture
def two(pair: tuple[str, str], small_laboratory: Any) -> list[Compared]:
    return [Compared(i, small_laboratory.record.experiments.get(run)) for i, run in enumerate(pair)]


def score(value: float, left_out: list[float] | None = None, error: float = 0.05) -> Score:
    return Score("b", value, error, 0.01, "pass", None if left_out is None else np.array(left_out))


def test_a_paired_difference_has_the_error_of_the_differences_simulation_by_simulation() -> None:
    """Of a mean over n simulations the jackknife gives the standard error of a mean: σ/√n."""
    rng = np.random.default_rng(1)
    common, own = rng.normal(0, 1.0, 12), rng.normal(0, 0.1, 12)
    first, second = common + own + 0.3, common
    alone = [[float(np.delete(each, i).mean()) for i in range(12)] for each in (first, second)]
    found = difference(score(first.mean(), alone[0]), score(second.mean(), alone[1]), paired=True)
    assert found is not None
    assert found.paired
    assert found.value == pytest.approx(0.3 + own.mean())
    assert found.error == pytest.approx(own.std(ddof=1) / np.sqrt(12))


def test_without_pairs_the_error_of_a_difference_is_that_of_both() -> None:
    for paired, left_out in ((False, [1.0, 1.1]), (True, None), (True, [1.0, float("nan")])):
        found = difference(score(1.1, left_out, 0.03), score(1.0, left_out, 0.04), paired)
        assert found is not None
        assert (found.paired, found.error) == (False, pytest.approx(0.05))
    assert difference(None, score(1.0), paired=True) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, None),
        ({"data_digest": "sha256:other"}, "they are of other data (sha256:quick and sha256:other)"),
        ({"split": "validation"}, "they are of other parts of the data (test and validation)"),
        ({"simulations": 4}, "they are at other numbers of θ (8 and 4)"),
        ({"theta": "f" * 16}, "they are at other θ (0123456789abcdef and ffffffffffffffff)"),
        ({"seeds": {"maps": 1, "evaluation": 0}}, "their maps have other seeds"),
        ({"theta": None}, "they are at other θ"),
    ],
)
def test_why_two_evaluations_are_not_paired_is_said(two: list[Compared], changed: dict, words: str | None) -> None:
    one, other = EvaluatedRun(two[0], evaluation()), EvaluatedRun(two[1], evaluation(**changed))
    assert unpaired(one, other) == words
    (said,) = pairing_sentences([one, other], 0)
    expected = "are paired by θ and seed" if words is None else f"are not paired, for {unpaired(other, one)}"
    assert expected in said


def test_evaluations_that_kept_no_number_without_each_simulation_are_not_called_paired(two: list[Compared]) -> None:
    older = {name: value for name, value in evaluation().items() if name != "left_out"}
    (sentence,) = pairing_sentences([EvaluatedRun(two[0], evaluation()), EvaluatedRun(two[1], older)], 0)
    assert "are not paired" in sentence
    assert "did not keep its numbers without each simulation; evaluate it again" in sentence


def test_each_of_two_runs_of_one_name_is_told_of(two: list[Compared]) -> None:
    base, one, other = (
        EvaluatedRun(replace(two[i], label=label), evaluation(split=split))
        for i, label, split in ((0, "A", "test"), (1, "B …1", "test"), (1, "B …2", "validation"))
    )
    paired, unlike = pairing_sentences([base, one, other], 0)
    assert paired.startswith("Differences of B …1 to A are paired")
    assert unlike.startswith("B …2 and A are not paired")


def test_a_row_has_each_runs_worst_number_and_the_difference_where_the_baseline_is_worst(two: list[Compared]) -> None:
    runs = [EvaluatedRun(two[0], evaluation(1.0)), EvaluatedRun(two[1], evaluation(1.03))]
    mean, pdf, calibration = rows(runs, 0)
    (base, other) = mean.cells
    assert base.difference is None
    assert other.at == "[4, 8) k_f"
    assert other.difference is not None
    assert other.difference.value == pytest.approx(0.03)
    assert other.difference.paired
    assert other.difference.error == pytest.approx(0.0, abs=1e-12), f"both move by {LEFT_OUT}"
    assert pdf.cells[1].difference is not None
    assert not pdf.cells[1].difference.paired, "nobody kept what it is without each simulation"
    assert [cell.difference for cell in calibration.cells] == [None, None]


def test_the_page_lays_them_side_by_side_with_error_floor_verdict_and_difference(
    pair: tuple[str, str], small_laboratory: Any
) -> None:
    ids = ",".join(pair)
    assert "compare-evaluations" not in html(open_page("compare", ids=ids)), "nothing is evaluated yet"
    note_evaluation(small_laboratory.record, pair[0], evaluation(1.012))
    shown = html(open_page("compare", ids=ids))
    assert "compare-evaluations" in shown
    assert '<td class="nothing">not evaluated</td>' in shown
    note_evaluation(small_laboratory.record, pair[1], evaluation(1.042, split="validation"))
    app = open_page("compare", ids=ids)
    assert not app.exception
    table = html(app).partition('data-testid="compare-evaluations"')[2].partition("</table>")[0]
    assert "✓ pass</span> 1.012 ± 0.010<small>floor 0.004, [4, 8) k_f</small>" in table
    assert "+0.030 ± 0.014 to baseline, [4, 8) k_f, not paired" in table
    assert "✗ fail" in table
    assert "are not paired, for they are of other parts of the data (validation and test)" in html(app)
    measured = html(app).partition("worst band, evaluated</th>")[2].partition("</tr>")[0]
    assert measured == "<td>+1.2 ± 1.0 %</td><td>+4.2 ± 1.0 %</td>", "a ratio of two deviations would mean nothing"
    assert "csv-evaluations" in [button.key for button in app.get("download_button")]


def test_the_file_has_every_number_of_every_run_with_its_difference(two: list[Compared]) -> None:
    runs = [EvaluatedRun(two[0], evaluation(1.0)), EvaluatedRun(two[1], evaluation(1.03))]
    lines = list(csv.DictReader(evaluations_csv(runs, 0).splitlines()))
    assert len(lines) == 6
    line = next(line for line in lines if line["experiment"] == two[1].id and line["statistic"] == "power_mean")
    assert (line["number"], float(line["value"]), float(line["floor"])) == ("[4, 8) k_f", 1.03, 0.004)
    assert (float(line["difference"]), line["paired"]) == (pytest.approx(0.03), "yes")


def test_the_error_is_drawn_against_the_training_simulations_where_their_numbers_differ(
    pair: tuple[str, str], small_laboratory: Any
) -> None:
    """Nine of the twelve simulations train the pair, six the third run."""
    record = small_laboratory.record
    fewer = record.experiments.create(parse_config("experiment: {name: Fewer}\ndata: {dataset: quick}\n"))
    write_run(record, fewer, validation=(6, 7, 8, 9, 10, 11))
    move(record, fewer, Status.SUCCEEDED)
    for run in (*pair, fewer):
        note_evaluation(record, run, evaluation(1.1))
    assert "compare-size" not in charts(open_page("compare", ids=",".join(pair)))
    label = charts(open_page("compare", ids=f"{pair[0]},{fewer}"))["compare-size"]
    assert "Finished one: 9" in label
    assert "Fewer: 6" in label


def charts(app: Any) -> dict[str, str]:
    assert not app.exception
    drawn = [json.loads(element.proto.json) for element in app.get("bidi_component") if element.proto.json]
    return {each["name"]: each["label"] for each in drawn}


def test_the_chart_over_the_training_set_has_units_errors_and_every_dot_within() -> None:
    runs = [SizedError("a", "#111111", 32, -0.2, 0.03, 0.05), SizedError("b", "#222222", 512, 0.04, None, None)]
    assert sizes_csv(runs).splitlines()[1:] == ["a,32,-0.2,0.03,0.05", "b,512,0.04,,"]
    figure = error_by_size(runs, height=300).figure()
    assert figure.layout.xaxis.title.text == "training simulations"
    assert figure.layout.yaxis.title.text.endswith("off by [%]")
    assert [float(trace.y[0]) for trace in figure.data] == pytest.approx([-20.0, 4.0])
    low, high = figure.layout.yaxis.range
    assert low < -23.0 < 4.0 < high
    assert figure.layout.shapes[0].y1 == pytest.approx(5.0)
