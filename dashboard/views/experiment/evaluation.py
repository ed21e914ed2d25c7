"""How far a run's maps can be trusted: every statistic with its error, floor and verdict, measured on request."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from dashboard.charts.chart import chart
from dashboard.charts.evaluation import statistic_panels
from dashboard.look.markup import section
from dashboard.look.verdicts import value_with_error, verdict_look
from dashboard.look.words import DASH, decimals
from dashboard.measured.trust import OLDER, is_of_older_checkpoint
from dashboard.parts.state import choice
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.server.routes import artifact_url
from dashboard.views.experiment.finding import Offer, finding_job, newest
from dashboard.views.experiment.over_prior import over_prior
from focus_core.catalogue.job_kinds.evaluation import EVALUATION, SIMULATIONS
from focus_core.evaluated import ScoredStatistic, read_statistics
from focus_core.run_files import EVALUATION_PAGE
from focus_store.contracts import ExperimentDetail

WHAT = (
    f"Maps are drawn at up to {SIMULATIONS} θ of the test part, and sixteen statistics of them, from "
    "<i>P</i>(<i>k</i>) to memorisation, are compared with the simulations there. It takes minutes; maps that are "
    "drawn when it is stopped stay."
)


def evaluation(experiment_id: str) -> None:
    detail = queries.experiment(experiment_id)
    digest = newest(EVALUATION, experiment_id)
    found = queries.finding(EVALUATION.name, digest) if digest else None
    st.html(section("Evaluation", _note(detail, found)))
    if not detail.checkpoints:
        st.html('<p class="focus-note">The first epoch writes a checkpoint; its maps can then be evaluated.</p>')
        return
    label = "Evaluate again" if found is not None else "Evaluate"
    finding_job(Offer(EVALUATION, "evaluation", label, "fact_check", WHAT), experiment_id, found=found is not None)
    if found is not None:
        _result(experiment_id, found)


def _note(detail: ExperimentDetail, found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    settings = found["settings"]
    newer = f", {OLDER}" if is_of_older_checkpoint(detail, settings["checkpoint_sha256"]) else ""
    epoch = settings.get("epoch", DASH)
    return escape(f"epoch {epoch}{newer}, {settings['maps']} maps {settings['split_in_words']}")


def _result(experiment_id: str, found: Mapping[str, Any]) -> None:
    st.html(f'<p data-testid="evaluation-headline">{escape(found["headline"])} {escape(found["rivals"])}</p>')
    left, right = st.columns([52, 48], gap="medium")
    with left:
        st.html(statistics_table(found))
        _report_link(experiment_id)
    with right:
        _curve(found)
    over_prior(experiment_id, found)


def _curve(found: Mapping[str, Any]) -> None:
    titles = {each["name"]: each["title"] for each in found["statistics"]}
    curves = {
        f"{name}-{i}": (titles[name] if len(drawn) == 1 else f"{titles[name]}: {curve['title']}", curve)
        for name, drawn in found["curves"].items()
        for i, curve in enumerate(drawn)
    }
    if not curves:
        return
    names = {key: title for key, (title, _) in curves.items()}
    chosen = st.selectbox("Statistic", **choice("evaluated", names, next(iter(names))))
    title, curve = curves[chosen]
    chart(
        statistic_panels(curve, revision=f"evaluation-{chosen}"),
        name="evaluation",
        label=f"{title}, generated and simulated, against {curve['axis_title']}",
        height=380,
        key="evaluation-curve",
    )


def _report_link(experiment_id: str) -> None:
    report = record().findings.newest(EVALUATION.name, experiment_id, EVALUATION_PAGE)
    if report is None:
        return
    address = f"{artifact_url(report, 'html')}?name=evaluation-{experiment_id}.html"
    st.link_button("Report (.html)", address, icon=":material/download:")


def statistics_table(found: Mapping[str, Any]) -> str:
    """One row per statistic, for its worst entry; the reason for the verdict is under its title."""
    head = "".join(f'<th scope="col">{word}</th>' for word in ("Statistic", "Value", "Floor", "Level", "Verdict"))
    rows = "".join(_row(each) for each in read_statistics(found))
    return (
        '<div class="focus-scroll" data-testid="evaluation-table"><table class="focus-table">'
        '<caption class="focus-hidden">Statistics of generated maps against simulations</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(each: ScoredStatistic) -> str:
    look, worst = verdict_look(each.worst.verdict), each.worst
    reason = f'<div class="focus-note">{escape(each.reason)}</div>' if each.reason else ""
    return (
        f'<tr data-statistic="{escape(each.name)}" data-verdict="{escape(worst.verdict)}">'
        f'<td title="{escape(each.unit)}">{escape(each.title)}{reason}</td>'
        f'<td class="focus-numbers">{value_with_error(worst)}</td>'
        f"<td>{DASH if worst.floor is None else decimals(worst.floor, 3)}</td><td>{decimals(each.level, 3)}</td>"
        f'<td><span class="focus-pill {look.family}">{look}</span></td></tr>'
    )
