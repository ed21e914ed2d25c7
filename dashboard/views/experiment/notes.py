"""Notes and tags of one experiment, saved when a field is left. Two windows that write at once lose nothing.

A field's content is saved by comparison with its previous content, and before anything is drawn: a callback reports
a change once, and Streamlit aborts it at a click that comes within milliseconds; the field would then show what was
never saved.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboard.look.texts import sentence
from dashboard.record import queries
from dashboard.record.connection import record
from focus_core.errors import UserError
from focus_store.contracts import ExperimentDetail
from focus_store.database.transitions import Conflict
from focus_store.record.notes import RefusedNotes


def notes(experiment_id: str) -> None:
    _save_note(experiment_id)
    _save_tags(experiment_id)
    detail, refused = queries.experiment(experiment_id), record().notes.refused(experiment_id)
    if refused.texts:
        _both_texts(detail, refused)
    else:
        _field(detail)
    _tags(detail)
    st.caption("Saved when you leave the field.")


def _save_note(experiment_id: str) -> None:
    """A refused text is kept by the record, which shows it beside the other one from then on."""
    state, field, seen = st.session_state, f"notes-{experiment_id}", f"notes-seen-{experiment_id}"
    if field not in state or seen not in state or state[field] == state[seen]:
        return
    text = state[field] or ""
    try:
        record().notes.set(experiment_id, text, expected=state[seen])
    except Conflict:
        del state[field]
        return
    state[seen] = text


def _field(detail: ExperimentDetail) -> None:
    experiment_id, state = detail.summary.id, st.session_state
    field, seen = f"notes-{experiment_id}", f"notes-seen-{experiment_id}"
    if field not in state:
        state[seen] = detail.notes
    st.text_area(
        "Notes",
        value=state[seen],
        key=field,
        height=220,
        placeholder="What was this run for, and what did it teach?",
        label_visibility="collapsed",
    )
    if detail.notes != state[seen]:  # not put into the field automatically: somebody may be typing there
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html('<span class="focus-note" role="status">Another window has written here since.</span>')
            st.button("Show its text", key="show-newer-note", on_click=_fill, args=(experiment_id, detail.notes))


def _fill(experiment_id: str, text: str) -> None:
    st.session_state[f"notes-{experiment_id}"] = st.session_state[f"notes-seen-{experiment_id}"] = text


def _both_texts(detail: ExperimentDetail, refused: RefusedNotes) -> None:
    """The note, the text written at the same time, and a field for one text that combines them."""
    joined = f"notes-joined-{detail.summary.id}"
    st.warning(
        "This note was written in two windows at the same time. Nothing is lost: keep one text, or save one that you "
        "make of both.",
        icon=":material/call_split:",
    )
    _text("Saved first", detail.notes, "Keep the first", "keep-theirs", detail, refused)
    for i, text in enumerate(refused.texts):
        number = f" ({i + 1})" if len(refused.texts) > 1 else ""
        last = "Keep the other" + number
        _text(f"Written at the same time{number}", text, last, f"keep-mine-{i}", detail, refused)
    texts = dict.fromkeys(filter(None, (detail.notes, *refused.texts)))
    st.text_area("One text from both", value="\n\n".join(texts), key=joined, height=180)
    st.button(
        "Save this text",
        key="keep-joined",
        type="primary",
        on_click=lambda: _settle(detail, st.session_state[joined] or "", refused),
    )


def _text(title: str, text: str, label: str, key: str, detail: ExperimentDetail, refused: RefusedNotes) -> None:
    shown = escape(text) if text else "<i>empty</i>"
    st.html(f'<div class="focus-note"><b>{title}</b></div><div class="focus-written" data-testid="{key}">{shown}</div>')
    st.button(label, key=key, on_click=_settle, args=(detail, text, refused))


def _settle(detail: ExperimentDetail, text: str, refused: RefusedNotes) -> None:
    experiment_id = detail.summary.id
    try:
        record().notes.settle(experiment_id, text, expected=detail.notes, last=refused.last)
    except Conflict:
        return  # a third text arrived; this one is shown beside it
    except UserError as error:
        st.toast(sentence(error), icon=":material/error:")
        return
    _fill(experiment_id, text)
    st.session_state.pop(f"notes-joined-{experiment_id}", None)


def _save_tags(experiment_id: str) -> None:
    state, field, seen = st.session_state, f"tags-{experiment_id}", f"tags-seen-{experiment_id}"
    if field in state and seen in state and state[field] != state[seen]:
        record().notes.set_tags(experiment_id, state[field], expected=state[seen])


def _tags(detail: ExperimentDetail) -> None:
    """Always those of the record: tags added in another window appear, removed ones disappear."""
    experiment_id, stored = detail.summary.id, list(detail.summary.tags)
    st.session_state[f"tags-{experiment_id}"] = st.session_state[f"tags-seen-{experiment_id}"] = stored
    known = sorted({*stored, *record().experiments.tags()})
    st.multiselect("Tags", known, key=f"tags-{experiment_id}", accept_new_options=True)
