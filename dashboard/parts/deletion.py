"""Deleting experiments from any page: a question that states the bytes, and the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from html import escape

import streamlit as st

from dashboard.look.texts import plain
from dashboard.look.words import size
from dashboard.record.actions import each
from dashboard.record.connection import record
from focus_core.errors import UserError
from focus_store.record.disk import Freed

STOP_FIRST = "Stop it first"
LIST = "list"
_NAMED, _SAID_SECONDS = 6, 60.0


def ask_to_delete(place: str, names: Mapping[str, str]) -> None:
    """For a button's `on_click`: asks about these experiments (name by id), or says why they cannot be deleted.

    The bytes are counted once, here: live pages redraw the question every second.
    """
    state = st.session_state
    try:
        for experiment_id in names:
            record().disk.refuse_busy(experiment_id)
        state[f"deleting-{place}"] = (dict(names), record().disk.would_free(*names))
    except UserError as error:
        _say(place, str(error))


def deletion_question(place: str, of: Mapping[str, str], on_deleted: Callable[[], None] = lambda: None) -> None:
    """What will be deleted, in bytes; shown while it concerns `of`. Below it the result of the last deletion."""
    names, freed = st.session_state.get(f"deleting-{place}") or ({}, None)
    if freed is not None and set(names) <= set(of):
        _question(place, names, freed, on_deleted)
    deletion_said(place)


def deletion_said(place: str) -> None:
    """Shown for a while rather than for one run: live pages run again within seconds."""
    said, since = st.session_state.get(f"deletion-said-{place}", ("", 0.0))
    if said and time.monotonic() - since < _SAID_SECONDS:
        st.html(f'<p class="focus-note" role="status" data-testid="deletion-said">{escape(said)}</p>')


def _question(place: str, names: Mapping[str, str], freed: Freed, on_deleted: Callable[[], None]) -> None:
    with st.container(key=f"confirm-deletion-{place}"):
        st.warning(question(names, freed), icon=":material/delete_forever:")
        with st.container(horizontal=True):
            st.button(
                f"Delete {size(freed.total)}" if freed.total else "Delete it" if len(names) == 1 else "Delete them",
                type="primary",
                key=f"confirm-delete-{place}",
                on_click=_delete,
                args=(place, names, on_deleted),
            )
            st.button("Keep it" if len(names) == 1 else "Keep them", key=f"keep-{place}", on_click=_keep, args=(place,))


def question(names: Mapping[str, str], freed: Freed) -> str:
    shown = ", ".join(f"**{plain(name)}**" for name in list(names.values())[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    if not freed.total:
        return f"Deleting {shown}{more} frees no disk space: only configuration and notes go. This cannot be undone."
    folder = "its folder" if len(names) == 1 else f"{len(names)} folders"
    go = "go" if freed.n_samples > 1 else "goes"
    samples = f" {freed.n_samples} drawn sample{'s' * (freed.n_samples > 1)} {go} too." if freed.n_samples else ""
    return (
        f"Deleting {shown}{more} frees {size(freed.total)}: {size(freed.run_folder)} in {folder} and "
        f"{size(freed.artifacts)} in {freed.n_artifacts} pictures and arrays that nothing else shows.{samples} "
        "This cannot be undone."
    )


def _keep(place: str) -> None:
    st.session_state[f"deleting-{place}"] = None


def _delete(place: str, names: Mapping[str, str], on_deleted: Callable[[], None]) -> None:
    _keep(place)
    freed: list[int] = []
    gone, refused = each(names, lambda one: freed.append(record().disk.delete(one).total))
    if gone:
        what = next(iter(names.values())) if len(names) == 1 else f"{gone} experiments"
        were = "were" if gone > 1 else "was"
        free = f"; {size(sum(freed))} are free again" if sum(freed) else ""
        refused.insert(0, f"{what} {were} deleted{free}.")
    _say(place, " ".join(refused))
    if gone:
        on_deleted()


def _say(place: str, sentence: str) -> None:
    st.session_state[f"deletion-said-{place}"] = (sentence, time.monotonic())


def leave_for_list(experiment_id: str) -> None:
    """After a deletion the page of that experiment leads to the list, which reports it."""
    state = st.session_state
    state["deletion-said-" + LIST] = state.pop(f"deletion-said-{experiment_id}")
    state["deleted-here"] = experiment_id
