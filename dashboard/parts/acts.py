"""Acts: the buttons that start work and those that undo it, on every page.

Two rules live here, so that no page needs its own. Acts have slots in a fixed order, starting work last, and a slot
with nothing to do is disabled and keeps its place, so that a second click never meets a different button. An act that
undoes work asks first if the same reader started something, or undid something else in this slot, moments ago.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import streamlit as st

from dashboard.look.texts import sentence
from focus_core.errors import UserError

AFTER_START_SECONDS = 5.0
# Rows of a queue move up when one is cancelled, so that the next one is under the pointer.
AFTER_UNDO_SECONDS = 2.0
QUESTION_SECONDS = 60.0  # then it is withdrawn, and nothing was done


class Kind(IntEnum):
    """In the order of their slots."""

    OTHER = 0
    UNDO = 1
    START = 2


@dataclass(frozen=True)
class Act:
    """`key` is the widget's: a word for its slot, and after a hyphen its object if a page has several."""

    key: str
    label: str
    kind: Kind
    does: Callable[[], object]
    icon: str
    possible: bool = True
    question: str = ""  # of an act that undoes: what it would do, and to what
    look: Literal["primary", "secondary", "tertiary"] = "secondary"
    width: int | Literal["content"] = "content"
    help: str | None = None


@dataclass(frozen=True)
class _Asked:
    """What the reader is asked. Compared by its text too: pages of two experiments have acts with the same key."""

    key: str
    question: str
    at: float


@dataclass(frozen=True)
class Done:
    """The reader's last act that started or undid something."""

    key: str
    kind: Kind
    at: float


def draw(acts: Sequence[Act]) -> None:
    """All of them, possible or not. `question` is drawn below, on the same page."""
    for act in sorted(acts, key=lambda act: act.kind):
        st.button(
            act.label,
            key=act.key,
            icon=f":material/{act.icon}:",
            type=act.look,
            disabled=not act.possible,
            width=act.width,
            help=act.help,
            on_click=_press,
            args=(act,),
        )


def question(acts: Sequence[Act]) -> None:
    """The question of the act that was pressed in haste, if it is one of these."""
    asking: _Asked | None = st.session_state.get("asked-act")
    if asking is None or time.monotonic() - asking.at > QUESTION_SECONDS:
        return
    same = (act for act in acts if act.possible and (act.key, act.question) == (asking.key, asking.question))
    if (asked := next(same, None)) is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="act-question"):
        st.html(f'<span class="focus-warn" role="alert">△ {asked.question}</span>', width="content")
        st.button(f"{asked.label} it", key="act-sure", type="primary", on_click=_do, args=(asked,))
        st.button("Keep it", key="act-keep", on_click=_forget)


def note_start(key: str = "start") -> None:
    """Something was started by other means than an act of this module."""
    st.session_state["last-act"] = Done(key, Kind.START, time.monotonic())


def _press(act: Act) -> None:
    """A callback, because it runs before the rest of the rerun: no click is lost to a refresh in between."""
    if act.kind is Kind.UNDO and is_hasty(act.key, st.session_state.get("last-act"), time.monotonic()):
        st.session_state["asked-act"] = _Asked(act.key, act.question, time.monotonic())
    else:
        _do(act)


def is_hasty(key: str, last: Done | None, now: float) -> bool:
    """Whether an act that undoes work follows another one too quickly to be surely intended."""
    if last is None or last.key == key:
        return False
    if last.kind is Kind.START:
        return now - last.at < AFTER_START_SECONDS
    return last.key.partition("-")[0] == key.partition("-")[0] and now - last.at < AFTER_UNDO_SECONDS


def _do(act: Act) -> None:
    _forget()
    try:
        act.does()
    except UserError as error:
        st.toast(sentence(error), icon=":material/error:")
    if act.kind is not Kind.OTHER:
        st.session_state["last-act"] = Done(act.key, act.kind, time.monotonic())


def _forget() -> None:
    st.session_state.pop("asked-act", None)
