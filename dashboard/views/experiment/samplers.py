"""Which sampler of a run to use: the error of P(k) against network evaluations, measured by a worker when asked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from dashboard.charts.chart import chart
from dashboard.charts.samplers import MEAN, SCATTER, sampler_panels
from dashboard.look.markup import progress, section
from dashboard.look.words import DASH, decimals, duration
from dashboard.parts.acts import Act, Kind, draw, question
from dashboard.parts.state import choice
from dashboard.record import queries
from dashboard.record.connection import record
from focus_store.contracts import JOB_UNDER_WAY, ExperimentDetail, JobRow, JobStatus

QUANTITIES = {MEAN: "Mean *P*(*k*)", SCATTER: "Scatter of *P*(*k*)"}
WHAT = (
    "Maps are drawn with every sampler that fits this run, at the θ of simulations it was not trained on, and their "
    "<i>P</i>(<i>k</i>) is compared with the truth there. It takes minutes on a GPU and an hour on two cores; what is "
    "measured when it is stopped stays."
)


def samplers(experiment_id: str) -> None:
    detail = queries.experiment(experiment_id)
    digest = record().benchmarks.newest(experiment_id)
    found = queries.benchmark(digest) if digest else None
    st.html(section("Samplers", _note(detail, found)))
    if not detail.checkpoints:
        st.html('<p class="focus-note">The first epoch writes a checkpoint; its samplers can then be compared.</p>')
        return
    _job(detail, record().benchmarks.job(experiment_id), found)
    if found is not None and found["cases"]:
        _result(found)


def _note(detail: ExperimentDetail, found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    best = next((c.sha256 for c in detail.checkpoints if c.role == "best"), None)
    newer = ", an older checkpoint" if best not in (None, found["checkpoint_sha256"]) else ""
    maps = f"{found['maps_each']} maps at each of {found['simulations']} held-out θ"
    return escape(f"epoch {found['epoch']}{newer}, {maps}")


def _job(detail: ExperimentDetail, job: JobRow | None, found: Mapping[str, Any] | None) -> None:
    """The button, or the bar of a benchmark that is under way."""
    experiment_id = detail.summary.id
    status = job.status.value if job is not None else "none"
    if job is not None and job.status in JOB_UNDER_WAY:
        done = job.done / job.total if job.total else 0.0
        words = "waits in the training lane" if job.status is JobStatus.QUEUED else f"{100 * done:.0f} %"
        bar = progress(done, "Progress of the benchmark of samplers")
        with st.container(horizontal=True, vertical_alignment="center", key="samplers-job"):
            hook = f'data-testid="samplers-job" data-status="{status}"'
            st.html(f"<div {hook}>Measuring the samplers: {words}</div>{bar}", width="stretch")
            draw([_cancel(job)])
        question([_cancel(job)])
        return
    if job is not None and job.status in (JobStatus.FAILED, JobStatus.CANCELLED):
        words = f"The benchmark {'failed' if job.status is JobStatus.FAILED else 'was stopped'}"
        st.html(f'<p class="focus-warn" role="alert">△ {words}: {escape(job.message or "its log says why")}</p>')
    if found is None:
        st.html(f'<p class="focus-note">{WHAT}</p>')
    complete = found is not None and len(found["cases"]) == found["cases_in_all"]
    label = "Benchmark samplers again" if complete else "Benchmark samplers"
    start = partial(record().benchmarks.request, experiment_id)
    draw([Act("samplers-start", label, Kind.START, start, icon="speed")])


def _cancel(job: JobRow) -> Act:
    return Act(
        "samplers-cancel", "Cancel", Kind.UNDO, partial(record().jobs.cancel, job.id), icon="stop",
        question="Cancel the benchmark of samplers, which you started seconds ago?",
    )  # fmt: skip


def _result(found: Mapping[str, Any]) -> None:
    bands = {str(i): band["label"].replace("k_f", "*k*f") for i, band in enumerate(found["bands"], start=1)}
    with st.container(horizontal=True, vertical_alignment="center", key="samplers-controls"):
        chosen = st.segmented_control(
            "Band", **choice("samplers-band", bands, "1"), required=True, label_visibility="collapsed",
            help="Wavenumbers in units of the box's fundamental mode",
        )  # fmt: skip
        kind = st.segmented_control(
            "Quantity", **choice("samplers-quantity", QUANTITIES, MEAN), required=True,
            label_visibility="collapsed",
            help="Of all maps at all held-out θ: the mean of P(k), or its standard deviation from map to map",
        )  # fmt: skip
    band, quantity = int(chosen or "1") - 1, kind or MEAN
    left, right = st.columns([52, 48], gap="medium")
    with left:
        words = "the mean of P(k)" if quantity == MEAN else "the scatter of P(k)"
        chart(
            sampler_panels(found, band, quantity),
            name="samplers",
            label=f"Error of {words} in {found['bands'][band]['label']} against network evaluations, a line a sampler",
            height=380,
            key="samplers",
        )
    with right:
        st.html(samplers_table(found, quantity))
        st.caption(caption(found))


def caption(found: Mapping[str, Any]) -> str:
    truth = "the truth smoothed over θ" if found["truth"] == "smoothed" else "the held-out simulations"
    return (
        f"Generated over {truth}, by band; filled marks are too large, open ones too small. ● marks what is as near to "
        f"the truth as {found['reference']} in every band, mean and scatter, within the errors. An error of few "
        "evaluations can hide one of the network: trust the right ends of the lines."
    )


def samplers_table(found: Mapping[str, Any], quantity: str) -> str:
    """Ratios to the truth by band, a row a case, the floor at the end."""
    bands = "".join(
        f'<th scope="col">{escape(band["label"].removesuffix(" k_f"))} <i>k</i><sub>f</sub></th>'
        for band in found["bands"]
    )
    head = f'<th scope="col">Sampler</th><th scope="col">Evaluations</th><th scope="col">A map</th>{bands}<th></th>'
    rows = [
        f"<tr><td>{escape(case['name'])}</td><td>{case['evaluations']:g}</td><td>{duration(case['seconds_a_map'])}</td>"
        f"{_cells(case, quantity)}<td>{'●' if case.get('as_good') else ''}</td></tr>"
        for case in found["cases"]
    ]
    rows.append(
        f"<tr><td><i>held-out simulations</i></td><td></td><td></td>{_cells(found['floor'], quantity)}<td></td></tr>"
    )
    return (
        '<div class="focus-scroll focus-tall" data-testid="samplers-table"><table class="focus-table">'
        '<caption class="focus-hidden">P(k) of each sampler over the truth, by band</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cells(values: Mapping[str, Any], quantity: str) -> str:
    pairs = zip(values[quantity], values[f"{quantity}_error"], strict=True)
    return "".join(f"<td>{_two(ratio)} ± {_two(error)}</td>" for ratio, error in pairs)


def _two(value: float | None) -> str:
    return DASH if value is None else decimals(value, 2)
