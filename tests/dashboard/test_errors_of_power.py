"""A P(k) error stands with its own error, or says that nobody knows it; who is best, errors decide."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from page_alone import html, open_page
from sqlalchemy import select, update

from dashboard.look.words import of_maps, with_error
from dashboard.views.compare.compared_values import _best
from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_core.config.experiment import parse_config
from focus_store.database.tables import Experiment, Measurement
from focus_store.record.record import Record


def forget_errors(record: Record, experiment: str) -> None:
    """A record of a version before them, and of arrays that do not tell the modes of a ring."""
    drawn = record.figures.at(experiment, record.figures.epochs(experiment)[-1])
    arrays = record.artifacts.arrays(str(drawn.power_arrays))
    older = {name: array for name, array in arrays.items() if name != "n_modes"}
    unknown = {"power_uncertainty": None, "power_maps": None, "power_simulations": None}
    write_power(record, experiment, older, unknown)
    with record.database.writing() as session:
        changed = update(Experiment).where(Experiment.id == experiment)
        session.execute(changed.values(change=Experiment.change + 1, **unknown))


def write_power(record: Record, experiment: str, arrays: dict[str, Any], summary: dict[str, Any]) -> None:
    """Other arrays behind every epoch's P(k), and other numbers of them."""
    content = io.BytesIO()
    np.savez(content, **arrays)
    digest = record.artifacts.put(content.getvalue(), ".npz").digest
    with record.database.writing() as session:
        for row in session.scalars(select(Measurement).where(Measurement.experiment == experiment)):
            if row.statistic == POWER_SPECTRUM.name:
                row.artifact, row.content, row.summary = digest, content.getvalue(), {**row.summary, **summary}


def test_an_error_that_is_not_known_is_a_question_and_no_nought() -> None:
    assert str(with_error(0.1, None)) == "10 ± ? %"
    assert str(with_error(0.1, float("nan"))) == "10 ± ? %"
    assert str(with_error(0.1, 0.0)) == "10 ± 0.0 %"
    assert str(with_error(20.0, None)) == "×21 ± ?"
    assert str(with_error(None, None)) == "–"
    assert of_maps(None, None) == "maps of one epoch, error not known"


def test_list_head_and_curves_of_an_older_record_say_that_the_error_is_not_known(small_laboratory: Any) -> None:
    record, one = small_laboratory.record, small_laboratory.finished
    forget_errors(record, one)
    listed = open_page("experiments")
    table = listed.dataframe[0].value
    assert table[table["name"].str.endswith("Finished%20one")].iloc[0]["error"] == "10 ± ? %"
    assert "Finished one, estimate from maps of one epoch, error not known" in html(listed)
    page = open_page("experiment", id=one)
    assert not page.exception
    assert "10 ± ?" in html(page)
    assert "0.0" not in html(page).partition("error</dt>")[2].partition("</div>")[0]
    charts = [json.loads(element.proto.json) for element in page.get("bidi_component")]
    (label,) = [chart["label"] for chart in charts if chart["name"] == "power"]
    assert "P(k) error 10 ± ? %, mean of bands (maps of one epoch, error not known)" in label


def test_compare_of_older_records_says_so_and_marks_none_of_them(pair: tuple[str, str], small_laboratory: Any) -> None:
    forget_errors(small_laboratory.record, pair[0])
    app = open_page("compare", ids=",".join(pair))
    assert not app.exception
    assert "10 ± ? %" in html(app)
    assert "<b>10 ± ?" not in html(app)
    forget_errors(small_laboratory.record, pair[1])
    assert "mean of bands, error not known" in html(open_page("compare", ids=",".join(pair)))


class TestWhoIsBest:
    """Errors of three runs, the smallest of which is to be marked."""

    def test_the_smallest_where_it_is_ahead_by_more_than_the_error_of_the_difference(self) -> None:
        assert _best([0.1, -0.2, 0.3], -1, [0.03, 0.03, 0.03]) == {0}

    def test_nobody_where_the_difference_is_within_the_errors(self) -> None:
        assert _best([0.1, 0.12, 0.5], -1, [0.02, 0.02, 0.02]) == frozenset()
        assert _best([0.1, 0.13, 0.5], -1, [0.02, 0.02, 0.02]) == {0}, "0.03 is more than √2 · 0.02"

    def test_nobody_where_an_error_is_not_known(self) -> None:
        assert _best([0.1, 0.2], -1, [None, 0.01]) == frozenset()
        assert _best([0.1, 0.2], -1, [0.01, None]) == frozenset()

    def test_what_has_no_error_is_best_by_its_value(self) -> None:
        assert _best([200.0, 100.0, None], -1) == {1}


@pytest.mark.parametrize(("excess", "marked"), [(1.11, False), (1.5, True)])
def test_compare_marks_the_better_one_where_the_difference_is_beyond_the_errors_alone(
    small_laboratory: Any, excess: float, marked: bool
) -> None:
    """Two runs of one split, each of whose errors is 1 % to 2 %."""
    record = small_laboratory.record
    text = "experiment: {name: %s}\ndata: {dataset: quick, train_split: 0.75}\ntraining: {seed: %d}\n"
    runs = [record.experiments.create(parse_config(text % (name, seed))) for name, seed in (("One", 11), ("Other", 12))]
    for run, factor in zip(runs, (1.1, excess), strict=True):
        write_scattered_run(record, run, factor)
    app = open_page("compare", ids=",".join(runs))
    assert not app.exception
    assert ("<b>10 ±" in html(app)) is marked


def write_scattered_run(record: Record, experiment: str, excess: float) -> None:
    """Generated power that is `excess` times that of the simulations, a few per cent up and down from row to row."""
    from prepared_record import write_run

    write_run(record, experiment, excess=excess)
    drawn = record.figures.at(experiment, record.figures.epochs(experiment)[-1])
    arrays = dict(record.artifacts.arrays(str(drawn.power_arrays)))
    arrays["generated"] = arrays["generated"] * np.array([1.02, 0.98, 1.01, 0.99])[:, None, None]
    write_power(record, experiment, arrays, {"power_uncertainty": 0.015})
