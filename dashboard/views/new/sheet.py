"""What one page *New* holds in its session, and how it is kept in the record while it is unfinished.

A session ends with a reload, and with the server. So the content of the page is written into the record with every
change, under a token that the address carries; any page opened at that address shows it again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from dashboard.parts.state import came_by_history
from dashboard.record.connection import record
from dashboard.views.new.draft import Draft, content, restored
from dashboard.views.new.form import dated
from focus_core.errors import UserError
from focus_store.contracts import Unfinished

EDIT = "edit"
_SHEET, _WRITER = "new-sheet", "new-writer"


@dataclass(frozen=True)
class Sheet:
    """`kept` is the record's copy of the draft; None while nothing was changed."""

    draft: Draft
    kept: Unfinished | None = None
    tokens: tuple[str, ...] = ()  # all tokens it was kept under: a browser may report an address that has just changed
    parted_from: str | None = None  # the token of another page that continued from the same beginning
    lost: bool = False  # the address names something that is no longer kept


def held() -> Sheet | None:
    sheet: Sheet | None = st.session_state.get(_SHEET)
    return sheet


def hold(sheet: Sheet | None) -> None:
    if sheet is not held():
        st.session_state[_SHEET] = sheet


def goes_on(sheet: Sheet | None, origin: str) -> Sheet | None:
    """The sheet, if the address refers to it.

    The session has the latest state of its page; but an entry of the browser's history states itself what was shown.
    """
    if sheet is None or sheet.draft.origin != origin:
        return None
    token = st.query_params.get(EDIT)
    if came_by_history():
        return sheet if token == (sheet.kept.token if sheet.kept else None) else None
    return sheet if token is None or token in sheet.tokens else None


def opened(origin: str, before: Draft | None, seen: Mapping[str, Any], day: str) -> Sheet | None:
    """The draft kept under the address's token, if it belongs to this origin and is still valid.

    It shows `day` as the date that a run gets when it is queued; a draft in the record keeps its own.
    """
    token = st.query_params.get(EDIT)
    kept = record().forms.get(token) if token else None
    if kept is None or kept.content.get("origin") != origin:
        return None
    try:
        plain = dict(kept.content)
        if plain["base"] is None:
            plain["text"] = dated(str(plain["text"]), day)
        draft = restored(plain, before, seen)
    except (UserError, KeyError, TypeError, ValueError):  # written by another version
        return None
    return Sheet(draft, kept, (kept.token,))


def kept(sheet: Sheet) -> Sheet:
    """The sheet, with its draft in the record."""
    plain = content(sheet.draft)
    if sheet.kept is not None and sheet.kept.content == plain:
        return sheet
    form = record().forms.keep(plain, st.session_state.setdefault(_WRITER, uuid.uuid4().hex), sheet.kept)
    parted = sheet.kept.token if sheet.kept is not None and sheet.kept.token != form.token else sheet.parted_from
    return replace(sheet, kept=form, tokens=tuple(dict.fromkeys([*sheet.tokens, form.token])), parted_from=parted)
