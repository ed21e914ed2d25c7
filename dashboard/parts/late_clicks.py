"""Clicks on a page that the reader has left by the time they are handled.

Take two quick clicks, on Clone and on Pause: the first changes the page, the second is pending when the new page has
been drawn. Streamlit runs it all the same. It informs the browser that the previous page is drawn again, draws nothing,
because the part that was clicked is gone, and so the browser clears the current page: it stays empty under the
right address. Clicks that come too late are therefore dropped here, as Streamlit itself does with later ones.
"""

from __future__ import annotations

from dataclasses import replace

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData


def in_time(runner: ScriptRunner, asked: RerunData) -> RerunData | None:
    """The remainder of a request to redraw parts of a page: those that exist, on the current page."""
    if not asked.fragment_id_queue:
        return asked
    if asked.page_script_hash != runner._pages_manager.current_page_script_hash:
        return None
    there = [part for part in asked.fragment_id_queue if runner._fragment_storage.contains(part)]
    return replace(asked, fragment_id_queue=there) if there else None
