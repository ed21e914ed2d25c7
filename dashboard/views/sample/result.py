"""The result of a sample request: progress, then maps beside their measurements, then files."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from html import escape

import streamlit as st

from dashboard.charts.chart import chart
from dashboard.charts.overlay import curve_panels
from dashboard.look.markup import gallery, horizontal_bar, progress, section, theta_words, unit_html
from dashboard.look.texts import plain, sentence
from dashboard.look.words import DASH, decimals, duration
from dashboard.measured.map_curves import is_at_theta, nearest_simulations, sample_curves
from dashboard.parts.problems import show_user_error
from dashboard.parts.statistics import choose_statistic
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.server.routes import artifact_url
from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_core.catalogue.samplers import sampler_title
from focus_core.catalogue.statistic_spec import MapStatistic
from focus_core.errors import UserError
from focus_core.parameters import ParameterSpace
from focus_store.contracts import JOB_UNDER_WAY, ExperimentDetail, JobStatus, SampleMeasurement, SampleRow

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
    """The request of the address, or this model's newest; an address with an unknown request is reported."""
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
        st.rerun()  # stop polling, and let the controls show the new time
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
    maps, curves = st.columns([53, 47], gap="medium")
    with maps:
        st.html(section(f"{spec.n} generated map{'s' if spec.n > 1 else ''}", how))
        alts = [f"Generated map {i + 1} of {spec.n}: {theta_words(space, spec.theta)}" for i in range(len(row.tiles))]
        bar = horizontal_bar(*row.value_range, unit_html(detail.unit)) if row.value_range else ""
        st.html(gallery([artifact_url(d) for d in row.tiles], alts, _columns(spec.n)) + bar)
    with curves:
        statistic = _curves(row, detail, space)
    _downloads(row, statistic)


def _curves(row: SampleRow, detail: ExperimentDetail, space: ParameterSpace) -> MapStatistic:
    """Curves of the chosen statistic, which is returned."""
    head = st.container()
    statistic = choose_statistic()
    found, truth = row.measured.get(statistic.name), queries.truth(detail)
    nearest = [] if truth is None else nearest_simulations(space, truth, row.spec.theta, count=3)
    against = _against(found, statistic, nearest)
    head.html(section(statistic.title, f"against {against}" if against else ""))
    curves = None if found is None else sample_curves(found, truth, [i for i, _ in nearest], statistic)
    if found is None or curves is None:
        st.html(f'<p class="focus-note">{statistic.symbol_html} was not measured for this request.</p>')
        return statistic
    if not is_at_theta(found, statistic):
        why = str((found.truth or {}).get("reason", "")).removeprefix("smoothed truth: ")
        st.html(
            f'<p class="focus-note" data-testid="sample-against">The {statistic.panel.below} is against {against}: at '
            "other θ, so not a model error."
            f"{f' There is no smoothed truth at this θ: {escape(why)}' if why else ''}</p>"
        )
    if row.spec.guidance != 1.0:
        st.html(
            f'<div class="focus-warn">△ Drawn with guidance {row.spec.guidance:g}: this {statistic.symbol_html} is '
            "biased</div>"
        )
    chart(
        curve_panels(curves, revision=f"{row.id}-{statistic.name}", height=540),
        name="sample-power",
        label=f"{statistic.title} of {row.spec.n} generated maps over {against}, with their {statistic.panel.below}",
        height=540,
        key="sample-power",
    )
    return statistic


def _against(found: SampleMeasurement | None, statistic: MapStatistic, nearest: Sequence[tuple[int, float]]) -> str:
    """What the maps of a request are compared with, in words."""
    if found is not None and found.truth is not None and is_at_theta(found, statistic):
        return f"the truth at this θ, smoothed over {found.truth['simulations']} simulations"
    if not nearest:
        return ""
    far = f"distance {DASH.join(decimals(d, 2) for d in sorted({nearest[0][1], nearest[-1][1]}))}"
    return f"the {len(nearest)} nearest simulations, {far} of the range"


def _downloads(row: SampleRow, statistic: MapStatistic) -> None:
    with st.container(horizontal=True, key="downloads"):
        if row.result:
            url = artifact_url(row.result, "npz") + f"?name=focus_sample_{row.id}.npz"
            st.link_button("Maps (.npz)", url, icon=":material/download:")
        if statistic.name in row.measured:
            st.download_button(
                f"{plain(statistic.symbol)} (.csv)",
                curves_csv(row, statistic),
                file_name=f"focus_sample_{row.id}_{statistic.value.name}.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
                key="download-csv",
            )


def curves_csv(row: SampleRow, statistic: MapStatistic = POWER_SPECTRUM) -> str:
    """One line per map and entry, as `focus measure` and `focus spectrum` write it, in the statistic's own units."""
    found = row.measured.get(statistic.name)
    if found is None:
        raise UserError(f"sample request {row.id}: has no {statistic.symbol}, so there is no table of it.")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(statistic.columns())
    for number, curve in enumerate(found.arrays["generated"]):
        writer.writerows(statistic.rows(number, found.arrays, curve))
    return text.getvalue()
