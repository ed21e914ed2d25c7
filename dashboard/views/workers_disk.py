"""What the disk holds, by experiment, and deleting one with the bytes it frees said before."""

from __future__ import annotations

import shutil
from html import escape
from pathlib import Path

import streamlit as st

from dashboard.markup import pill, section
from dashboard.record import record
from dashboard.state import experiment_link
from dashboard.theme import EXPERIMENT_COLOURS, STATUS_LOOK
from dashboard.words import size
from focus_core.errors import UserError
from focus_store.contracts import ACTIVE, Status
from focus_store.disk import DiskUse

SHOWN = 12
BUSY = ACTIVE | {Status.QUEUED}


@st.fragment
def disk() -> None:
    """Not live: it walks the folders, and whoever deletes wants rows that stay where they are."""
    uses, shared = record().disk_use(), record().shared_use()
    total, free = _device(record().settings.home)
    st.html(section("Disk", f"{size(free)} free of {size(total)}"))
    parts = [
        ("Datasets", shared["datasets"]),
        ("Checkpoints", sum(use.checkpoints for use in uses)),
        ("Figures and logs", sum(use.figures + use.rest for use in uses)),
        ("Tiles, arrays, samples", shared["artifacts"]),
    ]
    st.html(bar(parts))
    with st.container(key="disk-rows", gap="xsmall"):
        for use in uses[:SHOWN]:
            _row(use)
    if len(uses) > SHOWN:
        st.html(f'<p class="focus-note">and {len(uses) - SHOWN} smaller ones</p>')
    _confirm(uses)
    said = st.session_state.pop("disk-said", "")
    if said:
        st.html(f'<p class="focus-note" role="status" data-testid="disk-said">{escape(said)}</p>')


def bar(parts: list[tuple[str, int]]) -> str:
    """Shares of what FOCUS itself holds."""
    whole = max(sum(bytes_ for _, bytes_ in parts), 1)
    pieces = "".join(
        f'<i style="width:{100 * bytes_ / whole:.2f}%;background:{colour}"></i>'
        for (_, bytes_), colour in zip(parts, EXPERIMENT_COLOURS, strict=False)
    )
    legend = "".join(
        f'<span><i style="background:{colour}"></i>{escape(name)} {size(bytes_)}</span>'
        for (name, bytes_), colour in zip(parts, EXPERIMENT_COLOURS, strict=False)
    )
    words = ", ".join(f"{name} {size(bytes_)}" for name, bytes_ in parts)
    return (
        f'<div data-testid="disk" data-bytes="{whole}"><div class="focus-disk" role="img" aria-label="{escape(words)}">'
        f'{pieces}</div><div class="focus-legend">{legend}</div></div>'
    )


def _device(home: Path) -> tuple[int, int]:
    found = shutil.disk_usage(home)
    return found.total, found.free


def _row(use: DiskUse) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"disk-{use.id}"):
        st.html(
            f'<div class="focus-row plain" data-testid="disk-row" data-id="{use.id}" data-bytes="{use.total}">'
            f'<span><a href="{experiment_link(use.id)}" target="_self">{escape(use.name)}</a> '
            f"{pill(STATUS_LOOK[use.status])}</span>"
            f'<span class="when">{_sizes(use)}</span></div>',
            width="stretch",
        )
        st.button(
            "Delete",
            key=f"delete-{use.id}",
            type="tertiary",
            disabled=use.status in BUSY,
            help="Stop it first" if use.status in BUSY else None,
            on_click=_choose,
            args=(use.id,),
        )


def _sizes(use: DiskUse) -> str:
    return f"{size(use.total)}, {size(use.checkpoints)} in checkpoints" if use.checkpoints else str(size(use.total))


def _choose(experiment_id: str) -> None:
    st.session_state["deleting"] = experiment_id


def _confirm(uses: list[DiskUse]) -> None:
    """What goes, in bytes, before it goes."""
    chosen = next((use for use in uses if use.id == st.session_state.get("deleting")), None)
    if chosen is None:
        return
    try:
        freed = record().would_free(chosen.id)
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        return
    samples = (
        f" {freed.n_samples} drawn sample{'' if freed.n_samples == 1 else 's'} go with it." if freed.n_samples else ""
    )
    with st.container(key="confirm-deletion"):
        st.warning(
            f"Deleting **{chosen.name}** frees {size(freed.total)}: {size(freed.run_folder)} in its folder and "
            f"{size(freed.artifacts)} in {freed.n_artifacts} pictures and arrays that nothing else shows.{samples} "
            "This cannot be undone.",
            icon=":material/delete_forever:",
        )
        with st.container(horizontal=True):
            st.button(
                f"Delete {size(freed.total)}", type="primary", key="confirm-delete", on_click=_delete, args=(chosen,)
            )
            st.button("Keep it", key="keep", on_click=_choose, args=("",))


def _delete(use: DiskUse) -> None:
    state = st.session_state
    state["deleting"] = ""
    try:
        freed = record().delete_experiment(use.id)
    except UserError as error:
        state["disk-said"] = str(error)
        return
    state["disk-said"] = f"{use.name} was deleted; {size(freed.total)} are free again."
