"""The answer to a sample request: progress, then maps beside their P(k), then files."""

from __future__ import annotations

import csv
import io
from html import escape

import numpy as np
import streamlit as st

from dashboard.charts.chart import chart
from dashboard.charts.power import power_panels
from dashboard.look.markup import gallery, horizontal_bar, progress, section, theta_words, unit_html
from dashboard.look.texts import sentence
from dashboard.look.words import DASH, decimals, duration
from dashboard.measured.spectra import is_at_theta, nearest_simulations, sample_spectra
from dashboard.parts.problems import show_user_error
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.server.routes import artifact_url
from focus_core.catalogue.samplers import sampler_title
from focus_core.errors import UserError
from focus_core.parameters import ParameterSpace
from focus_store.contracts import JOB_UNDER_WAY, ExperimentDetail, JobStatus, SampleRow

POLL_SECONDS = 0.7


def result(detail: ExperimentDetail, row: SampleRow | None) -> None:
    if row is None:
        st.html(
            '<div class="focus-empty" data-testid="empty"><b>No maps drawn yet</b><p>Choose the parameters and press '
            "Sample. The maps appear here, with their power spectrum against the nearest simulations.</p></div>"
        )
        return
    every = POLL_SECONDS if row.status in JOB_UNDER_WAY else None
    with st.container(key="sample-result"):
        st.fragment(_live, run_every=every)(row.id, detail, row.status in JOB_UNDER_WAY)


def shown_request(detail: ExperimentDetail) -> SampleRow | None:
    """The request of the address, or this model's newest; an address that names none is told."""
    asked = st.query_params.get("sample")
    if asked:
        try:
            row = record().samples.get(asked)
        except UserError as error:
            show_user_error(error)
        else:
            if row.spec.experiment == detail.summary.id:
                return row
    return next(iter(record().samples.latest(detail.summary.id, 1)), None)


def _live(sample_id: str, detail: ExperimentDetail, was_under_way: bool) -> None:
    row = record().samples.get(sample_id)
    if was_under_way and row.status not in JOB_UNDER_WAY:
        st.rerun()  # stop polling, and let the controls tell the new time
    if row.status in JOB_UNDER_WAY:
        _waiting(row)
    elif row.status is JobStatus.SUCCEEDED:
        _finished(row, detail)
    else:
        st.error(f"No maps: {sentence(row.message or 'the request was cancelled')}", icon=":material/error:")


def _waiting(row: SampleRow) -> None:
    words = "Waits for the sampling worker" if row.status is JobStatus.QUEUED else f"Drawing {row.spec.n} maps"
    maps, _ = st.columns([53, 47], gap="medium")
    with maps:
        st.html(section(words, f"{100 * row.progress:.0f} %") + progress(row.progress, "Progress of the request"))
        st.html(gallery([], [], _columns(row.spec.n), waiting=row.spec.n))


def _columns(n: int) -> int:
    return min(4, n) if n <= 16 else 8


def _finished(row: SampleRow, detail: ExperimentDetail) -> None:
    space = queries.space(detail)
    assert space is not None
    spec = row.spec
    how = f"seed {spec.seed}, {sampler_title(spec.sampler)} {spec.steps}, {duration(row.seconds)}"
    st.html(f'<div class="focus-note" data-testid="sample-theta">{escape(theta_words(space, spec.theta))}</div>')
    maps, powers = st.columns([53, 47], gap="medium")
    with maps:
        st.html(section(f"{spec.n} generated map{'s' if spec.n > 1 else ''}", how))
        alts = [f"Generated map {i + 1} of {spec.n}: {theta_words(space, spec.theta)}" for i in range(len(row.tiles))]
        bar = horizontal_bar(*row.value_range, unit_html(detail.unit)) if row.value_range else ""
        st.html(gallery([artifact_url(d) for d in row.tiles], alts, _columns(spec.n)) + bar)
    with powers:
        _powers(row, detail, space)
    _downloads(row)


def _powers(row: SampleRow, detail: ExperimentDetail, space: ParameterSpace) -> None:
    truth = queries.truth(detail)
    nearest = [] if truth is None else nearest_simulations(space, truth, row.spec.theta, count=3)
    far = f"distance {DASH.join(decimals(d, 2) for d in sorted({nearest[0][1], nearest[-1][1]}))}" if nearest else ""
    at_theta = row.k is not None and is_at_theta(row.truth, row.k)
    against = f"the {len(nearest)} nearest simulations, {far} of the range" if nearest else ""
    if at_theta and row.truth is not None:
        against = f"the truth at this θ, smoothed over {row.truth['simulations']} simulations"
    st.html(section("Power spectrum", f"against {against}" if against else ""))
    spectra = None
    if row.k is not None and row.power is not None:
        spectra = sample_spectra(row.k, row.power, truth, [i for i, _ in nearest], row.truth)
    if spectra is None:
        st.html('<p class="focus-note">P(<i>k</i>) was not measured for this request.</p>')
        return
    if not at_theta:
        why = str((row.truth or {}).get("reason", "")).removeprefix("smoothed truth: ")
        st.html(
            f'<p class="focus-note" data-testid="sample-against">The ratio is against {against}: at other θ, so not a '
            f"model error.{f' There is no smoothed truth at this θ: {escape(why)}' if why else ''}</p>"
        )
    if row.spec.guidance != 1.0:
        st.html(
            f'<div class="focus-warn">△ Drawn with guidance {row.spec.guidance:g}: this P(<i>k</i>) is biased</div>'
        )
    chart(
        power_panels(spectra, revision=row.id, height=540),
        name="sample-power",
        label=f"Power spectrum of {row.spec.n} generated maps over {against}, with their ratio",
        height=540,
        key="sample-power",
    )


def _downloads(row: SampleRow) -> None:
    with st.container(horizontal=True, key="downloads"):
        if row.result:
            url = artifact_url(row.result, "npz") + f"?name=focus_sample_{row.id}.npz"
            st.link_button("Maps (.npz)", url, icon=":material/download:")
        if row.k is not None and row.power is not None and row.n_modes is not None:
            st.download_button(
                "P(k) (.csv)",
                power_csv(row),
                file_name=f"focus_sample_{row.id}_power.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
                key="download-csv",
            )


def power_csv(row: SampleRow) -> str:
    """map,k,power,n_modes,error as `focus spectrum` writes it: k in h/Mpc, P in (Mpc/h)², Gaussian error P√(2/N)."""
    if row.k is None or row.power is None or row.n_modes is None:
        raise UserError(f"sample request {row.id}: has no spectrum, so there is no table of it.")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["map", "k", "power", "n_modes", "error"])
    for number, power in enumerate(row.power):
        for k, p, modes in zip(row.k, power, row.n_modes, strict=True):
            error = p * np.sqrt(2.0 / modes)
            writer.writerow([number, f"{k:.9g}", f"{p:.9g}", f"{modes:g}", f"{error:.9g}"])
    return text.getvalue()
