"""The cost of training: speed, steps, data-loading wait, memory and FLOPs, of the last epoch and of most epochs."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from dashboard.look.markup import section
from dashboard.look.words import NOTHING, Amount, duration, number, per_cent, size, work
from dashboard.record import queries
from dashboard.record.connection import record

_NAMES = {
    "images_per_second": "Speed",
    "step_ms_p50": "Step, median",
    "step_ms_p90": "Step, 90th percentile",
    "step_ms_p99": "Step, 99th percentile",
    "data_wait_share": "Data-loading wait",
    "peak_memory_bytes": "Peak memory",
    "flops_per_step": "FLOPs per step",
    "peak_share": "MFU (share of measured peak)",
}


def accounting(experiment_id: str) -> None:
    token = record().experiments.change_token(experiment_id)
    rows = []
    for key, name in _NAMES.items():
        measured = queries.series(experiment_id, token, key, "train").value
        if len(measured):
            rows.append((name, _words(key, float(measured[-1])), _words(key, float(np.median(measured)))))
    # Runs of the first version recorded their speed alone, which is shown above.
    if len(rows) < 2:
        return
    cells = "".join(f"<tr><td>{name}</td><td>{last}</td><td>{usual}</td></tr>" for name, last, usual in rows)
    st.html(
        section("What it costs")
        + '<div class="focus-scroll" data-testid="accounting"><table class="focus-table">'
        + '<caption class="focus-hidden">Speed, steps, memory and FLOPs of the run</caption><thead><tr><th></th>'
        + f'<th scope="col">Last epoch</th><th scope="col">Median</th></tr></thead><tbody>{cells}</tbody></table></div>'
    )


def _words(key: str, value: float) -> Amount:
    if not math.isfinite(value):
        return NOTHING
    if key.startswith("step_ms"):
        return duration(value / 1e3)
    if key.endswith("share"):
        return per_cent(value)
    if key == "peak_memory_bytes":
        return size(value)
    if key == "flops_per_step":
        return work(value)
    return Amount(number(value), "images/s")
