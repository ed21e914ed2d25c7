"""The Experiment page's samplers: asking for a benchmark, its progress, its chart and its table."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from benchmark_found import found
from streamlit.testing.v1 import AppTest
from waiting import patience

from dashboard.charts.samplers import MEAN, SCATTER, sampler_panels
from dashboard.views.experiment.samplers import samplers_table
from focus_core.errors import UserError
from focus_store.contracts import JobStatus

PAGE = """
from dashboard.parts.state import remember_pages
from dashboard.views.experiment import page as experiment
remember_pages({})
experiment.page()
"""


def test_the_chart_has_both_axes_logarithmic_with_units_and_tells_the_sign_by_its_marks() -> None:
    plain = sampler_panels(found(), 0, MEAN).plain()
    assert plain["layout"]["yaxis"]["title"]["text"] == "error of mean <i>P</i>(<i>k</i>) [%]"
    assert plain["layout"]["xaxis"]["title"]["text"] == "network evaluations per map"
    assert plain["layout"]["xaxis"]["type"] == plain["layout"]["yaxis"]["type"] == "log"
    ddpm, ddim = plain["data"]  # in the catalogue's order
    np.testing.assert_array_equal(ddim["x"], [5, 50])
    np.testing.assert_allclose(ddim["y"], [60, 2])
    np.testing.assert_allclose(ddpm["y"], [3])
    white, colour = ddim["marker"]["color"]
    assert (white, colour) == ("#ffffff", ddim["line"]["color"])
    assert ddim["text"][0] == "DDIM, 5 steps<br>−60 ± 4 %"
    low = 10 ** plain["layout"]["yaxis"]["range"][0]
    assert (ddim["y"] - ddim["error_y"]["arrayminus"] > 0).all()
    (floor,) = plain["layout"]["shapes"]
    assert (floor["y0"], floor["y1"]) == (low, 5.0)
    # In the second band one case was not measured.
    assert len(sampler_panels(found(), 1, SCATTER).plain()["data"][1]["x"]) == 2
    assert len(sampler_panels(found(), 1, MEAN).plain()["data"][1]["x"]) == 1
    sampler_panels(found(), 0, MEAN).figure()  # plotly knows every key


def test_the_table_has_a_row_a_case_and_the_floor_at_the_end() -> None:
    table = samplers_table(found(), MEAN)
    rows = table.split("<tr>")[2:]
    assert len(rows) == 4
    assert (
        "<td>DDIM, 50 steps</td><td>50</td><td>600 ms</td><td>1.02 ± 0.04</td><td>0.96 ± 0.03</td><td>●</td>" in rows[0]
    )
    assert "<td>0.40 ± 0.04</td><td>– ± 0.03</td><td></td>" in rows[1]
    assert "held-out simulations" in rows[-1]
    assert "<td>0.94 ± 0.05</td>" in rows[-1]


def test_a_benchmark_is_asked_for_followed_cancelled_and_shown_on_the_page(small_laboratory: Any) -> None:
    record, run = small_laboratory.record, small_laboratory.finished
    app = AppTest.from_string(PAGE, default_timeout=patience(60))
    app.query_params["id"] = run
    app.run()
    assert not app.exception
    assert "at the θ of simulations it was not trained on" in html(app)
    app.button(key="samplers-start").click().run()
    job = record.findings.job("sampler_benchmark", run)
    assert (job.kind, job.status, job.arguments["experiment"]) == ("sampler_benchmark", JobStatus.QUEUED, run)
    assert record.findings.request("sampler_benchmark", run) == job.id  # it answers a second request too
    (entry,) = [e for e in record.lanes.entries("train") if e.kind == "job"]
    assert (entry.experiment, entry.title) == (run, "Samplers of Finished one")
    app.run()
    assert 'data-testid="samplers-job" data-status="queued"' in html(app)
    app.button(key="samplers-cancel").click().run()
    assert record.findings.job("sampler_benchmark", run).status is JobStatus.QUEUED  # so soon after the start it asks
    app.button(key="act-sure").click().run()
    assert record.findings.job("sampler_benchmark", run).status is JobStatus.CANCELLED
    assert "The benchmark was stopped" in html(app)

    file = record.artifacts.put(json.dumps(found()).encode(), ".json")
    record.findings.note("sampler_benchmark", run, {"result.json": file}, "train-1")
    record.findings.note("sampler_benchmark", run, {"result.json": file}, "train-1")
    assert [event.after for event in record.experiments.events(run) if event.kind == "sampler_benchmark"] == [
        file.digest
    ]
    app.run()
    assert not app.exception
    assert 'data-testid="samplers-table"' in html(app)
    assert "epoch 3, an older checkpoint, 4 maps at each of 16 held-out θ" in html(app)
    assert len(app.get("bidi_component")) == 3
    app.segmented_control(key="samplers-quantity").set_value("scatter").run()
    assert "1.50 ± 0.10" in html(app)
    freed = record.disk.would_free(run)
    record.disk.delete(run)
    assert record.artifacts.find(file.digest) is None
    assert freed.n_artifacts > 1


def test_a_run_whose_samplers_are_being_measured_is_not_deleted_and_one_without_checkpoint_not_measured(
    small_laboratory: Any,
) -> None:
    record = small_laboratory.record
    record.findings.request("sampler_benchmark", small_laboratory.finished)
    with pytest.raises(UserError, match=r"the job 'Samplers of Finished one' .*, which reads it, waits; cancel it"):
        record.disk.delete(small_laboratory.finished)
    with pytest.raises(UserError, match="has no checkpoint yet"):
        record.findings.request("sampler_benchmark", small_laboratory.queued)


def html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))
