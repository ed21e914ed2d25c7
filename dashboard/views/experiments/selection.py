"""Under the table of experiments: the actions on the marked ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape

import streamlit as st

from dashboard.look.texts import sentence
from dashboard.parts.acts import Act, Kind, draw, question
from dashboard.parts.deletion import ask_to_delete, deletion_question
from dashboard.parts.state import compare_query, follow, keep
from dashboard.record.actions import add_tags, each, stop
from dashboard.record.connection import record
from focus_store.contracts import UNDER_WAY, ExperimentSummary

SLOT_WIDTH = 110  # px: Archive and Restore share a place
MARKED = "marked"


def selection_bar(chosen: Sequence[ExperimentSummary], count: str, *, archived: bool) -> None:
    """Disabled until a marked experiment allows the action, so that the row never moves."""
    ids = [row.id for row in chosen]
    with st.container(horizontal=True, vertical_alignment="center", key="selection"):
        words = f"<b>{len(ids)} selected</b>" if ids else "Mark rows to compare them"
        # Of one width, so that the buttons keep their place when the marks are cleared.
        st.html(f'<span class="focus-note" data-testid="selected">{words}</span>', width=190)
        compares = st.button(
            "Compare", icon=":material/compare_arrows:", key="compare", type="primary", disabled=len(ids) < 2
        )
        if compares:
            follow("compare", **compare_query(ids))
        if st.button("Clone", icon=":material/content_copy:", key="clone", disabled=len(ids) != 1):
            follow("new", parent=ids[0])
        _tag([] if archived else ids)
        resting = {row.id: row.name for row in chosen if row.status not in UNDER_WAY}
        draw(_acts(chosen, archived=archived))
        st.space("stretch")
        st.html(f'<div class="focus-note" data-testid="count">{count}</div>', width="content")
    question(_acts(chosen, archived=archived))
    deletion_question(MARKED, resting, _unmark)


def _unmark() -> None:
    keep(MARKED, "", "")


def _acts(chosen: Sequence[ExperimentSummary], *, archived: bool) -> list[Act]:
    """The acts, each for those marked experiments that allow it."""
    resting = {row.id: row.name for row in chosen if row.status not in UNDER_WAY}
    moving = [row for row in chosen if row.status in UNDER_WAY and not archived]
    ids = [row.id for row in moving]
    restore = partial(_ask, [row.id for row in chosen], record().experiments.restore, "Back in the list")
    archive = partial(_ask, list(resting), record().experiments.archive, "Archived")
    put_away = (
        Act("restore", "Restore", Kind.OTHER, restore, icon="unarchive", possible=bool(chosen), width=SLOT_WIDTH)
        if archived
        else Act(
            "archive", "Archive", Kind.OTHER, archive, icon="archive", possible=bool(resting), width=SLOT_WIDTH,
            help="Nothing is deleted",
        )
    )  # fmt: skip
    what = moving[0].name if len(moving) == 1 else f"{len(moving)} experiments"
    stops = Act(
        "stop", "Stop", Kind.UNDO, partial(_ask, ids, stop, "Asked to stop"), icon="stop", possible=bool(ids),
        question=f"Stop {escape(what)}? You started something seconds ago.",
    )  # fmt: skip
    deletes = Act(
        "delete", "Delete", Kind.OTHER, partial(ask_to_delete, MARKED, resting), icon="delete", possible=bool(resting)
    )
    return [put_away, deletes, stops]


def _ask(ids: Sequence[str], ask: Callable[[str], None], done: str) -> None:
    taken, refused = each(ids, ask)
    for refusal in refused:
        st.toast(sentence(refusal), icon=":material/error:")
    if taken:
        st.toast(f"{done}: {taken} experiment{'s' if taken > 1 else ''}.", icon=":material/check:")


def _tag(ids: Sequence[str]) -> None:
    with st.popover("Tag", icon=":material/label:", disabled=not ids):
        st.multiselect(
            "Tags", record().experiments.tags(), key="tags-to-add", accept_new_options=True, placeholder="New or known"
        )
        st.button("Add to the marked ones", key="add-tags", on_click=_add_tags, args=(ids,), disabled=not ids)


def _add_tags(ids: Sequence[str]) -> None:
    tags = st.session_state.get("tags-to-add") or []
    if tags:
        _ask(ids, partial(add_tags, tags=tags), "Tagged")
        st.session_state["tags-to-add"] = []
