"""Beside the curves: log, checkpoints, configuration, environment, notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from dashboard.look.texts import code
from dashboard.look.words import date_and_time, duration, number, size
from dashboard.parts.problems import while_there
from dashboard.parts.state import open_tab
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.views.experiment.notes import notes
from focus_store.contracts import AttemptRow, CheckpointRow, ExperimentDetail

LOG_LINES = 60
TABS = {
    "log": "Log",
    "checkpoints": "Checkpoints",
    "configuration": "Configuration",
    "environment": "Environment",
    "notes": "Notes",
}


def tabs(experiment_id: str, live: bool) -> None:
    log, checkpoints, configuration, environment, notes_tab = st.tabs(**open_tab("tab", TABS))
    with log:
        st.fragment(while_there(_log), run_every=2.0 if live else 4.0)(experiment_id)
    with checkpoints:
        st.fragment(while_there(_checkpoints), run_every=5.0)(experiment_id)
    detail = queries.experiment(experiment_id)
    with configuration:
        st.code(record().experiments.configuration_file(experiment_id), language="yaml", height=430)
    with environment:
        _environment(detail)
    with notes_tab:
        notes(experiment_id)


def _log(experiment_id: str) -> None:
    """The newest line first, since it is the most wanted."""
    detail = queries.experiment(experiment_id)
    lines = detail.log_tail.splitlines()[-LOG_LINES:]
    with st.container(key="log"):
        if not lines:
            st.html('<p class="focus-note">The log begins with the first step.</p>')
            return
        st.code("\n".join(reversed(lines)), language=None, height=430)


def _checkpoints(experiment_id: str) -> None:
    detail = queries.experiment(experiment_id)
    st.html(_checkpoint_table(detail.checkpoints) + _attempt_table(detail.attempts))
    st.caption(f"Files lie under {code(detail.run_folder)}.")


def _checkpoint_table(rows: Sequence[CheckpointRow]) -> str:
    if not rows:
        return '<p class="focus-note">The first epoch writes one.</p>'
    cells = [
        (c.role, c.epoch, number(c.val_loss, 4), size(c.bytes), date_and_time(c.written_at), c.sha256[:12])
        for c in rows
    ]
    return table(("Checkpoint", "Epoch", "Validation loss", "Size", "Written", "sha256"), cells)


def _attempt_table(rows: Sequence[AttemptRow]) -> str:
    cells = [
        (
            a.number,
            a.device or "–",
            a.resumed_epoch or 0,
            date_and_time(a.started_at),
            duration((a.ended_at - a.started_at).total_seconds()) if a.ended_at else "runs",
            a.reason or "",
        )
        for a in rows
    ]
    return table(("Attempt", "Device", "From epoch", "Started", "Took", "Ended by"), cells) if cells else ""


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    top = "".join(f'<th scope="col">{escape(h)}</th>' for h in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="focus-scroll"><table class="focus-table"><tr>{top}</tr>{body}</table></div>'


def _environment(detail: ExperimentDetail) -> None:
    rows = list(flat(detail.environment))
    if rows:
        st.html(table(("", ""), rows))
    else:
        st.html('<p class="focus-note">Written by the trainer when it starts.</p>')


def flat(plain: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in plain.items():
        if isinstance(value, Mapping):
            rows += flat(value, f"{prefix}{key}.")
        else:
            rows.append((prefix + key, str(value)))
    return rows
