"""The section of Compare that shows evaluations side by side, and the error against the size of the training set."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import partial
from html import escape

import streamlit as st

from dashboard.charts.chart import chart
from dashboard.charts.training_size import SizedError, error_by_size
from dashboard.look.verdicts import deviation, evaluated_at, value_with_error, verdict_look
from dashboard.look.words import DASH, decimals
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.views.compare.comparison import Compared, Places
from dashboard.views.compare.comparison_markup import dash
from dashboard.views.compare.head import download, section_head
from dashboard.views.compare.paired_evaluations import (
    Cell,
    ComparedStatistic,
    EvaluatedRun,
    evaluations_csv,
    pairing_sentences,
    rows,
)
from dashboard.views.compare.runs import compared
from focus_core.catalogue.job_kinds.evaluation import EVALUATION

BESIDE = 3  # number of runs up to which the chart fits at the table's right


def evaluations(slots: Places, baseline: str) -> None:
    """Nothing if no run of the set was evaluated."""
    runs = [_evaluated(run) for run in compared(slots)]
    if not any(each.found for each in runs):
        return
    base = next(i for i, each in enumerate(runs) if each.run.id == baseline)
    sized = _sized(runs)
    beside = sized and len(runs) <= BESIDE
    left, right = st.columns([66, 34], gap="medium") if beside else (st.container(), st.container())
    with left:
        with section_head("Evaluations", "evaluations", "worst number of each statistic"):
            download("evaluations", partial(evaluations_csv, runs, base))
        for sentence in pairing_sentences(runs, base):
            st.html(f'<p class="focus-note" data-testid="compare-pairing">{escape(sentence)}</p>')
        st.html(evaluations_table(runs, rows(runs, base), base))
    if sized:
        with right:
            _by_size(sized)


def _evaluated(run: Compared) -> EvaluatedRun:
    digest = record().findings.newest(EVALUATION.name, run.id)
    return EvaluatedRun(run, None if digest is None else queries.finding(EVALUATION.name, digest))


def _sized(runs: Sequence[EvaluatedRun]) -> list[SizedError]:
    """For evaluated runs whose training simulations are known; empty unless their numbers differ."""
    found = []
    for each in runs:
        truth, short = queries.truth(each.run.detail), each.run.evaluation
        if truth is not None and short is not None and short.deviation is not None:
            n = int(truth.training().sum())
            found.append(SizedError(each.run.short, each.run.colour, n, short.deviation, short.error, short.floor))
    return found if len({each.simulations for each in found}) > 1 else []


def _by_size(sized: Sequence[SizedError]) -> None:
    with section_head("Error against training simulations", "by-size"):
        download("by-size", partial(sizes_csv, sized))
    told = ", ".join(f"{each.name}: {each.simulations}" for each in sized)
    chart(
        error_by_size(sized, height=360),
        name="compare-size",
        label=f"Deviation of mean P(k) in its worst band against the number of training simulations; {told}",
        height=360,
        key="compare-size",
    )


def sizes_csv(sized: Sequence[SizedError]) -> str:
    """One line per run: training simulations, and mean P(k) in its worst band, generated over simulated minus one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "training simulations", "deviation", "error", "floor"])
    for each in sized:
        numbers = (each.deviation, each.error, each.floor)
        writer.writerow([each.name, each.simulations, *("" if number is None else number for number in numbers)])
    return text.getvalue()


def evaluations_table(runs: Sequence[EvaluatedRun], found: Sequence[ComparedStatistic], baseline: int) -> str:
    """One row per statistic, one column per run: value ± error and verdict, floor, difference to the baseline."""
    head = "".join(_head(each, i == baseline) for i, each in enumerate(runs))
    body = "".join(_row(row, runs) for row in found)
    return (
        '<div class="focus-scroll" tabindex="0" role="region" aria-label="Evaluations of the chosen experiments">'
        f'<table class="focus-compare" data-testid="compare-evaluations"><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _head(each: EvaluatedRun, is_baseline: bool) -> str:
    short = each.run.evaluation
    of = "not evaluated" if each.found is None or short is None else f"{evaluated_at(short)}; P(k) {deviation(short)}"
    note = f"{of}{', baseline' if is_baseline else ''}"
    return (
        f'<th scope="col">{dash(each.run.colour)}<span title="{escape(each.run.name)}">{escape(each.run.short)}</span>'
        f"<small>{escape(note)}</small></th>"
    )


def _row(row: ComparedStatistic, runs: Sequence[EvaluatedRun]) -> str:
    statistic = row.statistic
    cells = "".join(
        f'<td class="nothing">{"not evaluated" if each.found is None else DASH}</td>'
        if cell.score is None
        else _cell(cell)
        for cell, each in zip(row.cells, runs, strict=True)
    )
    return (
        f'<tr data-statistic="{escape(statistic.name)}"><th scope="row">{escape(statistic.title)}'
        f"<small>{escape(statistic.unit)}; level {statistic.level:g}</small></th>{cells}</tr>"
    )


def _cell(cell: Cell) -> str:
    score, apart = cell.score, cell.difference
    assert score is not None
    look = verdict_look(score.verdict)
    pill = f'<span class="focus-pill {look.family}">{look}</span>'
    if score.value is None:
        return f'<td class="nothing">{pill}</td>'
    lines = [f"floor {DASH if score.floor is None else decimals(score.floor, 3)}{_at(score.label)}"]
    if apart is not None:
        sign = "+" if apart.value >= 0 else ""
        how = "" if apart.paired else ", not paired"
        lines.append(f"{sign}{decimals(apart.value, 3)} ± {decimals(apart.error, 3)} to baseline{_at(cell.at)}{how}")
    notes = "".join(f"<small>{escape(line)}</small>" for line in lines)
    return f"<td>{pill} {value_with_error(score)}{notes}</td>"


def _at(label: str) -> str:
    return f", {label}" if label else ""
