"""Under the table of experiments: what can be done with the marked ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from dashboard.actions import add_tags, each, stop
from dashboard.record import record
from dashboard.state import compare_query, follow
from dashboard.views.deletion import ask_to_delete, deletion_question
from focus_store.contracts import ACTIVE, ExperimentSummary, Status

STOPPABLE = ACTIVE | {Status.QUEUED}
MARKED = "marked"


def selection_bar(chosen: Sequence[ExperimentSummary], count: str, *, archived: bool) -> None:
    """Disabled until something is marked that the action can be asked of, so that the row never jumps."""
    ids = [row.id for row in chosen]
    with st.container(horizontal=True, vertical_alignment="center", key="selection"):
        words = f"<b>{len(ids)} selected</b>" if ids else "Mark rows to compare them"
        st.html(f'<span class="focus-note" data-testid="selected">{words}</span>', width="content")
        compares = st.button(
            "Compare", icon=":material/compare_arrows:", key="compare", type="primary", disabled=len(ids) < 2
        )
        if compares:
            follow("compare", **compare_query(ids))
        if st.button("Clone", icon=":material/content_copy:", key="clone", disabled=len(ids) != 1):
            follow("new", parent=ids[0])
        if archived:
            _button("Restore", ":material/unarchive:", ids, record().restore, "Back in the list")
        else:
            moving = [row.id for row in chosen if row.status in STOPPABLE]
            _button("Stop", ":material/stop:", moving, stop, "Asked to stop")
            _tag(ids)
            resting = [row.id for row in chosen if row.status not in STOPPABLE]
            _button("Archive", ":material/archive:", resting, record().archive, "Archived", "Nothing is deleted")
        resting_names = {row.id: row.name for row in chosen if row.status not in STOPPABLE}
        st.button(
            "Delete",
            icon=":material/delete:",
            key="delete",
            disabled=not resting_names,
            on_click=ask_to_delete,
            args=(MARKED, resting_names),
        )
        st.space("stretch")
        st.html(f'<div class="focus-note" data-testid="count">{count}</div>', width="content")
    deletion_question(MARKED, resting_names, _unmark)


def _unmark() -> None:
    st.session_state["marked"] = ()


def _button(
    label: str, icon: str, ids: Sequence[str], ask: Callable[[str], None], done: str, help_text: str | None = None
) -> None:
    st.button(
        label,
        icon=icon,
        key=label.lower(),
        disabled=not ids,
        help=help_text,
        on_click=_ask,
        args=(ids, ask, done),
    )


def _ask(ids: Sequence[str], ask: Callable[[str], None], done: str) -> None:
    taken, refused = each(ids, ask)
    for sentence in refused:
        st.toast(sentence, icon=":material/error:")
    if taken:
        st.toast(f"{done}: {taken} experiment{'s' if taken > 1 else ''}.", icon=":material/check:")


def _tag(ids: Sequence[str]) -> None:
    with st.popover("Tag", icon=":material/label:", disabled=not ids):
        st.multiselect("Tags", record().tags(), key="tags-to-add", accept_new_options=True, placeholder="New or known")
        st.button("Add to the marked ones", key="add-tags", on_click=_add_tags, args=(ids,), disabled=not ids)


def _add_tags(ids: Sequence[str]) -> None:
    tags = st.session_state.get("tags-to-add") or []
    if tags:
        _ask(ids, partial(add_tags, tags=tags), "Tagged")
        st.session_state["tags-to-add"] = []
