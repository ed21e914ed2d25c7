"""A run that was evaluated: its numbers with their errors in the list, the head, Compare and on Sample; what stands
there before is named as the estimate that it is."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from evaluation_found import evaluation, note_evaluation
from page_alone import address, html, open_page

from dashboard.views.experiments.columns import COLUMNS, filter_words, filtered, ordered, to_csv
from focus_core.evaluated import read_statistics
from focus_store.contracts import ExperimentSummary


def summaries(laboratory: Any) -> dict[str, ExperimentSummary]:
    return {row.id: row for row in laboratory.record.experiments.find()}


def twin_notice(run: str) -> str:
    """What New says of an identical configuration that ran."""
    return " ".join(warning.value for warning in open_page("new", parent=run).warning)


def test_what_stands_there_before_an_evaluation_is_named_as_an_estimate(small_laboratory: Any) -> None:
    run = small_laboratory.finished
    assert "estimate from 12 maps of 3 simulations" in html(open_page("experiment", id=run))
    assert "estimate from 12 maps of 3 simulations" in html(open_page("compare", ids=run))
    assert "Not evaluated yet. P(k) error 10" in html(open_page("sample", model=run))
    assert "P(k) error 10 ± 0.0 %, estimate from 12 maps" in twin_notice(run)
    listed = open_page("experiments")
    assert "Finished one, estimate from 12 maps of 3 simulations" in html(listed)
    assert set(listed.dataframe[0].value["evaluation"]) == {None}


def test_an_evaluation_stands_in_list_head_compare_and_sample_with_its_error(small_laboratory: Any) -> None:
    run = small_laboratory.finished
    note_evaluation(small_laboratory.record, run, evaluation(0.921))
    table = open_page("experiments").dataframe[0].value
    cells = table.set_index("name")["evaluation"]
    (cell,) = [value for value in cells if isinstance(value, str)]
    assert cell == "−7.9 ± 1.0 %  ✓1 ✗1"
    head = html(open_page("experiment", id=run))
    assert "−7.9 ± 1.0" in head
    assert "1 pass, 1 fail, an older checkpoint" in head
    assert "estimate from" not in head
    assert "−7.9 ± 1.0 %" in html(open_page("compare", ids=run))
    assert "mean P(k) off by −7.9 ± 1.0 % in its worst band, evaluated" in twin_notice(run)
    assert (
        "Evaluated of an older checkpoint with 24 maps at 8 θ: mean P(k) is off by −7.9 ± 1.0 % in its worst band, "
        "[4, 8) k_f; statistics: 1 pass, 1 fail."
    ) in html(open_page("sample", model=run))


def test_the_newest_evaluation_is_the_one_that_is_listed(small_laboratory: Any) -> None:
    for mean in (0.9, 1.2):
        note_evaluation(small_laboratory.record, small_laboratory.finished, evaluation(mean))
    found = summaries(small_laboratory)[small_laboratory.finished].evaluation
    assert found is not None
    assert (found.deviation, found.error, found.band) == (pytest.approx(0.2), 0.01, "[4, 8) k_f")
    assert (found.passed, found.warned, found.failed, found.unmeasured) == (1, 0, 1, 1)


def test_the_column_sorts_by_the_deviation_filters_by_the_worst_verdict_and_is_written_with_its_error(
    small_laboratory: Any,
) -> None:
    for run, mean in ((small_laboratory.finished, 0.8), (small_laboratory.queued, 1.1)):
        note_evaluation(small_laboratory.record, run, evaluation(mean))
    rows = list(summaries(small_laboratory).values())
    nearest = [row.id for row in ordered(rows, "evaluation", "up")]
    assert nearest[:2] == [small_laboratory.queued, small_laboratory.finished]
    column = next(column for column in COLUMNS if column.key == "evaluation")
    assert filter_words(column, rows) == ["not evaluated", "some fail"]
    assert {row.id for row in filtered(rows, {"evaluation": "some fail"})} == set(nearest[:2])
    written = csv.DictReader(to_csv(ordered(rows, "evaluation", "up")).splitlines())
    line = next(written)
    assert float(line["Evaluation [mean P(k), generated / simulated, worst band]"]) == 1.1
    assert (line["Evaluation, standard error"], line["Evaluation, floor"]) == ("0.01", "0.004")
    assert line["Evaluation, statistics"] == "1 pass, 1 fail"
    app = open_page("experiments", evaluation="not evaluated")
    assert len(app.dataframe[0].value) == len(rows) - 2
    assert address(app, "evaluation") == "not evaluated"


def test_the_reader_gives_every_number_and_none_of_what_was_not_measured() -> None:
    mean, pdf, calibration = read_statistics(evaluation(1.012))
    assert (mean.worst.value, mean.worst.label, mean.ideal) == (1.012, "[4, 8) k_f", 1.0)
    assert pdf.entries["[4, 8) k_f"].verdict == "fail"
    assert (calibration.worst.value, calibration.worst.verdict) == (None, "not measured")
    assert calibration.reason == "needs 200 training simulations"
