"""Losses and a statistic of all chosen experiments, each overlaid in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from dashboard.charts.chart import chart, figure_json
from dashboard.charts.compare_loss import AXES, LossAxis, Points, RunLosses, compare_losses
from dashboard.charts.compare_overlay import RunCurves, TruthGroup, compare_curves
from dashboard.charts.loss_words import loss_words
from dashboard.parts.state import choice, entry
from dashboard.parts.statistics import choose_statistic, choose_view
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.views.compare.comparison import Compared, Places, truth_groups
from dashboard.views.compare.comparison_files import curves_csv, losses_csv
from dashboard.views.compare.head import download, section_head
from dashboard.views.compare.runs import compared, measured

HEIGHT = 470


def charts(slots: Places) -> None:
    runs = compared(slots)
    losses, curves = st.columns(2, gap="medium")
    with losses:
        _losses(runs)
    with curves:
        _curves(runs)


def _losses(runs: Sequence[Compared]) -> None:
    with section_head("Loss", "loss"):
        axis = st.segmented_control(
            "Over", **choice("loss-axis", AXES, "epoch"), required=True, label_visibility="collapsed"
        )  # fmt: skip
        steps = st.toggle(
            "Each step", **entry("each-step", False),
            help="The loss of every training step, thin, behind the means",
        )  # fmt: skip
        download("loss", partial(losses_csv, record(), runs))
    measured = [run for run in runs if run.detail.steps_per_epoch]
    if not measured:
        st.html('<p class="focus-note">No loss was recorded yet: curves appear with the first epoch.</p>')
        return
    best = [
        f"{run.name} {run.detail.summary.best_val_loss:.4g}" for run in measured if run.detail.summary.best_val_loss
    ]
    keys = tuple((run.id, record().experiments.change_token(run.id), run.short, run.colour) for run in measured)
    chart(
        _loss_figure(queries.home(), keys, axis or "epoch", steps),
        name="compare-loss",
        label=f"Validation and training loss over {axis} of {len(measured)} experiments; best: {', '.join(best)}",
        height=HEIGHT,
        key="compare-loss",
    )


@st.cache_data(max_entries=32, show_spinner=False)
def _loss_figure(home: str, keys: tuple[tuple[str, int, str, str], ...], axis: LossAxis, steps: bool) -> str:
    runs = [_run_losses(experiment, token, name, colour, steps) for experiment, token, name, colour in keys]
    return figure_json(compare_losses(runs, axis, height=HEIGHT))


def _run_losses(experiment_id: str, token: int, name: str, colour: str, steps: bool) -> RunLosses:
    def points(key: str, split: str) -> Points:
        found = queries.series(experiment_id, token, key, split)
        return Points(found.step.astype(float), found.value)

    detail = queries.experiment(experiment_id)
    return RunLosses(
        name=name,
        colour=colour,
        validation=points("loss", "validation"),
        train=points("epoch_loss", "train"),
        steps=points("loss", "train") if steps else Points(np.empty(0), np.empty(0)),
        elapsed=points("elapsed", "train"),
        steps_per_epoch=detail.steps_per_epoch or 0,
        loss=loss_words(detail.config),
    )


def _curves(runs: Sequence[Compared]) -> None:
    with section_head("Statistics of maps", "power", _where(runs)):
        statistic = choose_statistic()
        scaled = choose_view(statistic, "compare-power-kind")
        shown = measured(runs, statistic)
        download("power", partial(curves_csv, shown, statistic))
    groups = truth_groups(shown)
    if not groups:
        st.html(
            f'<p class="focus-note">No {statistic.symbol_html} was measured yet: the first drawn epoch brings one.</p>'
        )
        return
    drawn = [
        TruthGroup(
            _group_name(group, groups) if len(groups) > 1 else "",
            [RunCurves(run.short, run.colour, run.curves) for run in group if run.curves],
        )
        for group in groups
    ]
    told = [
        f"{run.name}: {words}"
        for run in shown
        if run.drawn and (words := statistic.told(run.drawn.of(statistic).summary))
    ]
    chart(
        compare_curves(drawn, height=HEIGHT, scaled=scaled),
        name="compare-power",
        label=f"{statistic.title} over that of the simulations, and their {statistic.panel.below}; {'; '.join(told)}",
        height=HEIGHT,
        key="compare-power",
    )


def _where(runs: Sequence[Compared]) -> str:
    epochs = sorted({run.drawn.epoch for run in runs if run.drawn and run.drawn.measured})
    return f"best checkpoint of each, epoch {', '.join(map(str, epochs))}" if epochs else ""


def _group_name(group: Sequence[Compared], groups: Sequence[Sequence[Compared]]) -> str:
    """The data, and the name of its first run if several truths come from one dataset."""
    dataset = group[0].detail.summary.dataset
    alike = sum(other[0].detail.summary.dataset == dataset for other in groups)
    return f"{dataset}, {group[0].short}" if alike > 1 else dataset
