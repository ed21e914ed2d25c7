"""The head of a section on the Compare page: name and note at the left, its controls and its CSV at the right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape

import streamlit as st


@contextmanager
def section_head(title: str, key: str, note: str = "") -> Iterator[None]:
    """A hairline, the name, a note; the block's widgets in the same line."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"sect-{key}"):
        st.html(f'<b class="focus-title">{escape(title)}</b>', width="content")
        if note:
            st.html(f'<span class="focus-note">{escape(note)}</span>', width="content")
        st.space("stretch")
        yield


def download(what: str, make: Callable[[], str]) -> None:
    """CSV of the content below with every recorded value, made on request."""
    st.download_button(
        "CSV",
        make,
        file_name=f"focus_compare_{what}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"csv-{what}",
        type="tertiary",
    )
