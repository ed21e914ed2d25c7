"""What a reader pressed on a page that they have left by the time it is heard.

Two quick clicks, on Clone and on Pause say: the first changes the page, the second is waiting when the next page has
been drawn. Streamlit runs it all the same. It tells the browser that the page before is drawn again, draws nothing,
because the part that was pressed is gone, and so the browser clears the page that is there: it stays empty under the
right address. What was pressed too late is left out here instead, as Streamlit itself does where it hears it later.
"""

from __future__ import annotations

from dataclasses import replace

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData


def in_time(runner: ScriptRunner, asked: RerunData) -> RerunData | None:
    """What is left of a wish to draw parts of a page: those that are there, on the page that is there."""
    if not asked.fragment_id_queue:
        return asked
    if asked.page_script_hash != runner._pages_manager.current_page_script_hash:
        return None
    there = [part for part in asked.fragment_id_queue if runner._fragment_storage.contains(part)]
    return replace(asked, fragment_id_queue=there) if there else None
