"""Losses and P(k) of all chosen experiments, each overlaid in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from dashboard.charts.chart import chart, figure_json
from dashboard.charts.compare_loss import AXES, Axis, Points, RunLosses, compare_losses
from dashboard.charts.compare_power import RunPower, TruthGroup, compare_powers
from dashboard.charts.loss_words import loss_words
from dashboard.charts.power import PLAIN, SCALED, SPECTRA
from dashboard.look.words import with_error
from dashboard.parts.state import choice
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.views.compare.comparison import Compared, Places, truth_groups
from dashboard.views.compare.comparison_files import losses_csv, powers_csv
from dashboard.views.compare.head import download, section_head
from dashboard.views.compare.runs import compared

HEIGHT = 470


def charts(slots: Places) -> None:
    runs = compared(slots)
    losses, powers = st.columns(2, gap="medium")
    with losses:
        _losses(runs)
    with powers:
        _powers(runs)


def _losses(runs: Sequence[Compared]) -> None:
    with section_head("Loss", "loss"):
        axis = st.segmented_control(
            "Over", **choice("loss-axis", AXES, "epoch"), required=True, label_visibility="collapsed"
        )  # fmt: skip
        steps = st.toggle(
            "Each step", key="each-step", bind="query-params",
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
def _loss_figure(home: str, keys: tuple[tuple[str, int, str, str], ...], axis: Axis, steps: bool) -> str:
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


def _powers(runs: Sequence[Compared]) -> None:
    groups = truth_groups(runs)
    epochs = sorted({run.drawn.epoch for run in runs if run.drawn and run.spectra})
    where = f"best checkpoint of each, epoch {', '.join(map(str, epochs))}" if epochs else ""
    with section_head("Power spectrum", "power", where):
        kind = st.segmented_control(
            "Spectrum", **choice("compare-power-kind", SPECTRA, PLAIN), required=True, label_visibility="collapsed",
            help="P(k), or the variance per ln k of the two-dimensional field",
        )  # fmt: skip
        download("power", partial(powers_csv, runs))
    if not groups:
        st.html('<p class="focus-note">No spectrum was measured yet: the first drawn epoch brings one.</p>')
        return
    drawn = [
        TruthGroup(
            _group_name(group, groups) if len(groups) > 1 else "",
            [RunPower(run.short, run.colour, run.spectra) for run in group if run.spectra],
        )
        for group in groups
    ]
    errors = [
        f"{run.name} {with_error(run.drawn.power_error, run.uncertainty)}"
        for run in runs
        if run.drawn and run.drawn.power_error is not None
    ]
    chart(
        compare_powers(drawn, height=HEIGHT, scaled=kind == SCALED),
        name="compare-power",
        label=f"Power spectra over those of the simulations, and their ratios; mean errors: {', '.join(errors)}",
        height=HEIGHT,
        key="compare-power",
    )


def _group_name(group: Sequence[Compared], groups: Sequence[Sequence[Compared]]) -> str:
    """The data, and the first of its runs where several truths come from one dataset."""
    dataset = group[0].detail.summary.dataset
    alike = sum(other[0].detail.summary.dataset == dataset for other in groups)
    return f"{dataset}, {group[0].short}" if alike > 1 else dataset
