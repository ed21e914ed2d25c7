"""The section of an experiment that says how far its maps can be trusted."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest
from evaluation_found import evaluation, note_evaluation
from page_alone import html, open_page

from dashboard.charts.evaluation import statistic_panels
from dashboard.charts.over_prior import prior_panel
from dashboard.views.experiment.over_prior import prior_csv
from focus_store.contracts import JobStatus


def test_an_evaluation_is_asked_for_followed_and_shown_with_every_verdict_and_reason(small_laboratory: Any) -> None:
    record, run = small_laboratory.record, small_laboratory.finished
    app = open_page("experiment", id=run)
    assert not app.exception
    assert "sixteen statistics of them" in html(app)
    app.button(key="evaluation-start").click().run()
    job = record.findings.job("evaluation", run)
    assert (job.status, job.arguments["experiment"], job.arguments["n"]) == (JobStatus.QUEUED, run, 16)
    app.run()
    assert 'data-testid="evaluation-job" data-status="queued"' in html(app)
    record.jobs.cancel(job.id)

    files = note_evaluation(record, run)
    app.run()
    assert not app.exception
    shown = html(app)
    assert "1 of 2 measured statistics pass, 1 fail." in shown
    assert 'data-statistic="power_mean" data-verdict="pass"' in shown
    assert "1.012 ± 0.010" in shown
    assert "✗ fail" in shown
    assert "the tail is &lt;b&gt;too&lt;/b&gt; bright" in shown
    assert "needs 200 training simulations" in shown
    assert "an older checkpoint, 24 maps at 8 of 8 θ of the part test" in shown
    (report,) = [link.proto.url for link in app.get("link_button") if "Report" in link.proto.label]
    assert report.startswith(f"/artifacts/{files['report.html']}.html?name=")
    app.selectbox(key="evaluated").select("pdf-0").run()
    assert not app.exception

    record.disk.delete(run)
    assert [record.artifacts.find(digest) for digest in files.values()] == [None, None]


@pytest.mark.parametrize("name", ["power_mean", "pdf"])
def test_a_statistic_is_drawn_with_units_on_both_axes_and_gaps_where_nothing_was_measured(name: str) -> None:
    curve = evaluation()["curves"][name][0]
    figure = statistic_panels(curve, revision="r").figure()
    assert figure.layout.xaxis2.title.text == "k [h/Mpc]"
    assert figure.layout.yaxis.title.text.endswith(" [(Mpc/h)²]")
    assert figure.layout.yaxis2.title.text == "generated / simulated"
    ratio = figure.data[-1].y
    assert list(ratio[:2]) == pytest.approx([0.9, 4.0 / 4.2])
    assert ratio[2] != ratio[2]


def test_where_in_theta_it_is_good_is_drawn_against_every_parameter_that_varies(small_laboratory: Any) -> None:
    note_evaluation(small_laboratory.record, small_laboratory.finished)
    app = open_page("experiment", id=small_laboratory.finished)
    assert not app.exception
    drawn = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    labels = {each["name"]: each["label"] for each in drawn}
    # The band in which mean P(k) fares worst comes first.
    assert labels["prior-0"] == "Ratio of mean P(k) in [4, 8) k_f at 3 θ against Ωm"
    assert labels["prior-1"].endswith("against σ8")
    assert "evaluation" not in app.session_state, "the list has a filter of that key, in the same session"
    app.segmented_control(key="prior-band").set_value("1").run()
    again = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    assert "in [2, 4) k_f" in {each["name"]: each["label"] for each in again}["prior-0"]


def test_a_panel_over_the_prior_has_errors_and_the_table_every_number() -> None:
    prior = evaluation()["over_prior"]
    figure = prior_panel(prior, band=1, parameter=1).figure()
    assert list(figure.data[0].x) == [0.7, 0.8, 0.9]
    assert list(figure.data[0].y) == [0.9, 1.0, 1.3]
    assert list(figure.data[0].error_y.array) == [0.05, 0.05, 0.0]
    assert figure.layout.xaxis.title.text == "σ8"
    lines = list(csv.DictReader(prior_csv(prior).splitlines()))
    assert len(lines) == 6
    last = {"Omega_m": "0.4", "sigma_8": "0.9", "band": "[4, 8) k_f", "ratio": "1.3", "error": ""}
    assert lines[-1] == last, "an error that is not known is an empty field"
