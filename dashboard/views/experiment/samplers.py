"""Which sampler of a run to use: the error of P(k) against network evaluations, measured by a worker on request."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from dashboard.charts.chart import chart
from dashboard.charts.samplers import MEAN, SCATTER, sampler_panels
from dashboard.look.markup import section
from dashboard.look.words import DASH, decimals, duration
from dashboard.parts.state import choice
from dashboard.record import queries
from dashboard.views.experiment.finding import Offer, finding_job, newest
from focus_core.catalogue.job_kinds.sampler_benchmark import SAMPLER_BENCHMARK
from focus_store.contracts import ExperimentDetail

QUANTITIES = {MEAN: "Mean *P*(*k*)", SCATTER: "Scatter of *P*(*k*)"}
WHAT = (
    "Maps are drawn with every sampler that fits this run, at the θ of simulations it was not trained on, and their "
    "<i>P</i>(<i>k</i>) is compared with the truth there. It takes minutes on a GPU and an hour on two cores; what is "
    "measured when it is stopped stays."
)


def samplers(experiment_id: str) -> None:
    detail = queries.experiment(experiment_id)
    digest = newest(SAMPLER_BENCHMARK, experiment_id)
    found = queries.finding(SAMPLER_BENCHMARK.name, digest) if digest else None
    st.html(section("Samplers", _note(detail, found)))
    if not detail.checkpoints:
        st.html('<p class="focus-note">The first epoch writes a checkpoint; its samplers can then be compared.</p>')
        return
    complete = found is not None and len(found["cases"]) == found["cases_in_all"]
    label = "Benchmark samplers again" if complete else "Benchmark samplers"
    finding_job(Offer(SAMPLER_BENCHMARK, "samplers", label, "speed", WHAT), experiment_id, found=found is not None)
    if found is not None and found["cases"]:
        _result(found)


def _note(detail: ExperimentDetail, found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    best = next((c.sha256 for c in detail.checkpoints if c.role == "best"), None)
    newer = ", an older checkpoint" if best not in (None, found["checkpoint_sha256"]) else ""
    maps = f"{found['maps_each']} maps at each of {found['simulations']} held-out θ"
    return escape(f"epoch {found['epoch']}{newer}, {maps}")


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
    """Ratios to the truth by band, one row per case, the floor at the end."""
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
