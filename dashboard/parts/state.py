"""Addresses and the few values that outlive a rerun. Ids only: arrays live in caches, never in a session."""

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
    """The frame tells the pages' names once a run, so that views can lead to one another without importing it."""
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
    """The address of a comparison: short ids in order, which fixes their colours."""
    return {"ids": ",".join(experiment_ids)}


def keep(name: str, value: object, default: object) -> None:
    """The address names what was chosen, so that Back, a reload and a second tab find it; a default is not named.

    A widget's is kept by `choice` or `entry`, never by Streamlit's own `bind`: there browser and server both write the
    address, each without what the other has just written. Said in every run: a live part that was asked for before the
    reader chose still brings the address of before.
    """
    words = _written(value)
    if value == default or (isinstance(value, float) and words == _written(default)):
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != words:
        st.query_params[name] = words


def _written(value: object) -> str:
    """As `_read` reads it; a slider's number without what its steps' rounding leaves behind."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def choice(name: str, words: Mapping[Key, str], default: Key | None = None, drawn_as: object = None) -> dict[str, Any]:
    """The arguments of a widget for one of a few things: the address has their short keys, the page their words.

    Older addresses have the words, Markdown and all. They still open. `drawn_as` is what changes where the same choice
    may be drawn by another kind of widget.
    """
    chosen = st.session_state.get(name)
    if name not in st.session_state or came_by_history():
        asked = st.query_params.get(name)
        chosen = next((key for key, word in words.items() if asked in (key, word)), None)
    if chosen not in words:  # nothing asked for, or what there is to choose from has changed
        chosen = default
    _stand_at(name, chosen, drawn_as)
    keep(name, chosen, default)
    return {"key": name, "options": list(words), "format_func": words.__getitem__}


def among(name: str, words: Iterable[str], default: str | None = None, drawn_as: object = None) -> dict[str, Any]:
    """A `choice` of words that are their own keys."""
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

    `kind` is int, float, bool or str, where the default, None, does not tell. What is no such value, or beyond the ends
    (of an older address, or of another model's slider), counts as not given.
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
    """Whether this run was asked for by a page that has the widget.

    Streamlit tells a widget's value once. A browser that is still fetching the widget's code, while a live part of the
    page is drawn again, would show the default in its place, and send that back as if it had been chosen.
    """
    run = get_script_run_ctx()
    if run is None:
        return True
    state = run.session_state._state
    widget = state._key_id_mapper.get_id_from_key(name, None)
    return widget is not None and widget in state._new_widget_state.states


def open_tab(name: str, words: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of `st.tabs`: the address has the short key of the open one, the first is not named.

    Not their words, which may count what is in them.
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
    """A whole number of the address, or the default where it names none."""
    asked = st.query_params.get(name, "")
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else default


def epoch_to_show(slider: str, of: str, newest: int) -> int:
    """Where the slider stands: at first as the address says, then where the reader put it; at the newest it follows.

    `of` is whose epochs these are: where the slider stood for others says nothing about them.
    """
    seen = st.session_state.get(f"{slider}-seen")
    st.session_state[f"{slider}-seen"] = (of, newest)
    if seen is None or seen[0] != of or slider not in st.session_state or came_by_history():
        return asked_number("epoch", newest)
    stood = int(st.session_state[slider])
    return newest if stood == seen[1] else stood


def once(key: str, make: Callable[[], object]) -> None:
    """Give a widget its first value; afterwards the reader owns it."""
    if key not in st.session_state:
        st.session_state[key] = make()


def came_by_history() -> bool:
    """Whether the browser's Back or Forward led here: then the address says what stood on the page, not the widgets."""
    run = get_script_run_ctx()
    return run is not None and run.is_history_navigation
