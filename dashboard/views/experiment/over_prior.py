"""Where in θ a run is good: its evaluation against each parameter that varies among the θ, and the table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from dashboard.charts.chart import chart
from dashboard.charts.over_prior import prior_panel
from dashboard.look.markup import section
from dashboard.parts.state import choice
from focus_core.catalogue.statistics import QUOTED
from focus_core.evaluated import read_statistics

COLUMNS = 3


def over_prior(experiment_id: str, found: Mapping[str, Any]) -> None:
    """Nothing for an older evaluation, or for one at a single θ."""
    prior = found.get("over_prior")
    if not prior:
        return
    st.html(section("Over the prior", "mean <i>P</i>(<i>k</i>) at each θ, generated / simulated"))
    band = _band(experiment_id, prior, found)
    names = [each["symbol"] for each in prior["parameters"]]
    columns = st.columns(min(COLUMNS, len(names)), gap="small")
    for i, name in enumerate(names):
        with columns[i % len(columns)]:
            chart(
                prior_panel(prior, band, i),
                name=f"prior-{i}",
                label=f"Ratio of mean P(k) in {prior['bands'][band]} at {len(prior['theta'])} θ against {name}",
                height=230,
                key=f"prior-{i}",
            )


def _band(experiment_id: str, prior: Mapping[str, Any], found: Mapping[str, Any]) -> int:
    """The chosen band; at first the one in which mean P(k) is worst."""
    worst = next((each.worst.label for each in read_statistics(found) if each.name == QUOTED.name), "")
    first = prior["bands"].index(worst) + 1 if worst in prior["bands"] else 1
    words = {str(i): label.replace("k_f", "*k*f") for i, label in enumerate(prior["bands"], start=1)}
    with st.container(horizontal=True, vertical_alignment="center", key="prior-controls"):
        chosen = st.segmented_control(
            "Band", **choice("prior-band", words, str(first)), required=True, label_visibility="collapsed",
            help="Wavenumbers in units of the box's fundamental mode",
        )  # fmt: skip
        st.space("stretch")
        st.download_button(
            "CSV", partial(prior_csv, prior), file_name=f"over_prior_{experiment_id}.csv", mime="text/csv",
            icon=":material/download:", on_click="ignore", key="prior-csv", type="tertiary",
        )  # fmt: skip
    return int(chosen or first) - 1


def prior_csv(prior: Mapping[str, Any]) -> str:
    """One line per θ and band, as in the folder of the report."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(each["name"] for each in prior["parameters"]), "band", "ratio", "error"])
    for i, theta in enumerate(prior["theta"]):
        for j, label in enumerate(prior["bands"]):
            numbers = (prior[name][i][j] for name in ("ratio", "error"))
            writer.writerow([*theta, label, *("" if number is None else number for number in numbers)])
    return text.getvalue()
