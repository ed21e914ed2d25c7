"""Addresses and the few values that survive a rerun. Ids only: arrays live in caches, never in a session."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.look.prefix import below

Key = TypeVar("Key", bound=str)
_PAGES: dict[str, st.Page] = {}


def remember_pages(pages: dict[str, st.Page]) -> None:
    """The frame registers the pages' names once per run, so that views can link to one another without importing it."""
    _PAGES.update(pages)


def follow(name: str, **query: str) -> NoReturn:
    st.switch_page(_PAGES[name], query_params=query)
    raise AssertionError("st.switch_page ends the run")


def experiment_link(experiment_id: str) -> str:
    return below(f"/experiment?id={experiment_id}")


def sample_link(experiment_id: str) -> str:
    return below(f"/sample?model={experiment_id}")


def dataset_link(name: str) -> str:
    return below(f"/datasets?dataset={quote(name)}")


def compare_query(experiment_ids: Sequence[str]) -> dict[str, str]:
    """The address of a comparison: short ids in order, which determines their colours."""
    return {"ids": ",".join(experiment_ids)}


def keep(name: str, value: object, default: object) -> None:
    """Write a choice into the address, so that Back, a reload and a second tab find it; a default is left out.

    A widget's value is kept by `choice` or `entry`, never by Streamlit's `bind`: there browser and server both write
    the address, each without the other's latest change. Called in every run: a live part that was requested before the
    reader's choice still brings the previous address.
    """
    words = _written(value)
    if value == default or (isinstance(value, float) and words == _written(default)):
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != words:
        st.query_params[name] = words


def _written(value: object) -> str:
    """In the form that `_read` reads; a slider's number without the rounding error of its steps."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def choice(name: str, words: Mapping[Key, str], default: Key | None = None, drawn_as: object = None) -> dict[str, Any]:
    """The arguments of a widget for one of a few things: the address has their short keys, the page their labels.

    Older addresses contain the labels, Markdown and all. They still work. `drawn_as` changes if the same choice may be
    drawn by another kind of widget.
    """
    chosen = st.session_state.get(name)
    if name not in st.session_state or came_by_history():
        asked = st.query_params.get(name)
        chosen = next((key for key, word in words.items() if asked in (key, word)), None)
    if chosen not in words:  # nothing requested, or the options have changed
        chosen = default
    _stand_at(name, chosen, drawn_as)
    keep(name, chosen, default)
    return {"key": name, "options": list(words), "format_func": words.__getitem__}


def among(name: str, words: Iterable[str], default: str | None = None, drawn_as: object = None) -> dict[str, Any]:
    """A `choice` among words that are their own keys."""
    return choice(name, {word: word for word in words}, default, drawn_as)


def entry(
    name: str,
    default: float | bool | str | None,
    kind: type[float | bool | str] | None = None,
    *,
    low: float = -math.inf,
    high: float = math.inf,
) -> dict[str, Any]:
    """The arguments of a widget for a number, a switch or a text; the address has its value.

    `kind` is int, float, bool or str, needed if the default is None. Anything that is no such value, or lies beyond the
    ends (from an older address, or from another model's slider), counts as not given.
    """
    value = st.session_state.get(name, default)
    if name not in st.session_state or came_by_history():
        value = _read(st.query_params.get(name), kind or type(default), default)
    if isinstance(value, int | float) and not low <= value <= high:
        value = default
    _stand_at(name, value, (low, high))
    keep(name, value, default)
    return {"key": name}


def _read(asked: str | None, kind: Callable[[str], Any], default: Any) -> Any:
    if asked is None:
        return default
    if kind is bool:
        return {"true": True, "false": False}.get(asked, default)
    try:
        value = kind(asked)
    except ValueError:
        return default
    # Beyond these a browser has no whole numbers.
    return default if isinstance(value, int | float) and not abs(value) < 2**53 else value


def _stand_at(name: str, value: object, drawn_as: object) -> None:
    """A widget of another kind, or a slider with other ends, is another one to Streamlit and begins at its default."""
    state = st.session_state
    before = state.get(f"{name}-drawn-as", drawn_as)
    state[f"{name}-drawn-as"] = drawn_as
    if name not in state or state[name] != value or before != drawn_as or not _stands_in_browser(name):
        state[name] = value


def _stands_in_browser(name: str) -> bool:
    """Whether this run was requested by a page that has the widget.

    Streamlit sends a widget's value once. A browser that is still fetching the widget's code while a live part of it
    is redrawn would show the default instead, and send that back as if it had been chosen.
    """
    run = get_script_run_ctx()
    if run is None:
        return True
    state = run.session_state._state
    widget = state._key_id_mapper.get_id_from_key(name, None)
    return widget is not None and widget in state._new_widget_state.states


def open_tab(name: str, words: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of `st.tabs`: the address has the short key of the open tab; the first one is left out.

    Keys rather than labels, because a label may contain a count.
    """
    asked, keys, widget = st.query_params.get(name), list(words), f"{name}-tabs"
    opened = next((key for key, word in words.items() if asked in (key, word)), keys[0])
    st.session_state[widget] = words[opened]
    keep(name, opened, keys[0])

    def keep_open() -> None:
        told = st.session_state[widget]
        keep(name, next((key for key, word in words.items() if word == told), keys[0]), keys[0])

    return {"tabs": list(words.values()), "key": widget, "on_change": keep_open}


def asked_number(name: str, default: int) -> int:
    """A whole number from the address, or the default if there is none."""
    asked = st.query_params.get(name, "")
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else default


def epoch_to_show(slider: str, of: str, newest: int) -> int:
    """Position of the slider: at first from the address, then where the reader put it; at the newest epoch it follows.

    `of` identifies whose epochs these are: the position for others does not apply to them.
    """
    seen = st.session_state.get(f"{slider}-seen")
    st.session_state[f"{slider}-seen"] = (of, newest)
    if seen is None or seen[0] != of or slider not in st.session_state or came_by_history():
        return asked_number("epoch", newest)
    stood = int(st.session_state[slider])
    return newest if stood == seen[1] else stood


def came_by_history() -> bool:
    """Whether the browser's Back or Forward led here: then the address determines the content, not the widgets."""
    run = get_script_run_ctx()
    return run is not None and run.is_history_navigation
