"""Addresses and the few values that outlive a rerun. Ids only: arrays live in caches, never in a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn
from urllib.parse import quote

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

_PAGES: dict[str, st.Page] = {}


def remember_pages(pages: dict[str, st.Page]) -> None:
    """The frame tells the pages' names once a run, so that views can lead to one another without importing it."""
    _PAGES.update(pages)


def follow(name: str, **query: str) -> NoReturn:
    st.switch_page(_PAGES[name], query_params=query)
    raise AssertionError("st.switch_page ends the run")


def experiment_link(experiment_id: str) -> str:
    return f"/experiment?id={experiment_id}"


def sample_link(experiment_id: str) -> str:
    return f"/sample?model={experiment_id}"


def dataset_link(name: str) -> str:
    return f"/datasets?dataset={quote(name)}"


def compare_query(experiment_ids: Sequence[str]) -> dict[str, str]:
    """The address of a comparison: short ids in order, which fixes their colours."""
    return {"ids": ",".join(experiment_ids)}


def asked_epoch(newest: int) -> int:
    """The epoch of the address, or the newest where it names none."""
    asked = st.query_params.get("epoch", "")
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else newest


def once(key: str, make: Callable[[], object]) -> None:
    """Give a widget its first value; afterwards the reader owns it."""
    if key not in st.session_state:
        st.session_state[key] = make()


def came_by_history() -> bool:
    """Whether the browser's Back or Forward led here: then the address says what stood on the page, not the widgets."""
    run = get_script_run_ctx()
    return run is not None and run.is_history_navigation
