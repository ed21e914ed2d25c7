"""Corrections of a browser's requests before Streamlit draws anything. Installed in Streamlit at the start.

Back and Forward may come at any time, and what the browser receives in between belongs to the page that requested it.
A run that was requested before the reader went back still sends its page's address, and the browser would write it over
the address that the reader has gone to. So every run first states where it was requested; document.js beside this
module ignores the addresses of a run that was requested elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from urllib.parse import quote, urlencode, urlsplit

from streamlit.navigation.page import StreamlitPage
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.runtime.state import SafeSessionState

from dashboard.parts.late_clicks import in_time

ASKED_FROM = "asked-from"  # never in an address: document.js removes it
_MARK = re.compile(f"&{ASKED_FROM}=[^&]*")
_WISHES = count(1)


def hear_what_is_meant() -> None:
    run = ScriptRunner._run_script

    def run_as_meant(runner: ScriptRunner, asked: RerunData) -> None:
        heard = in_time(runner, asked)
        if heard is None:
            return
        if heard.is_history_navigation:
            forget_where_widgets_wrote(runner._session_state)
        run(runner, numbered(replace(heard, query_string=without_mark(heard.query_string))))

    if run.__name__ != run_as_meant.__name__:
        ScriptRunner._run_script = run_as_meant  # type: ignore[method-assign, assignment]


def forget_where_widgets_wrote(state: SafeSessionState) -> None:
    """Keep the address as it is after Back, since it is right.

    Streamlit removes from it whatever belongs to a widget that is not on the page being left. The previous page's
    widgets still belong to it if the page being left has not been drawn completely, so their values would be lost.
    """
    with state.query_params() as written:
        for widget in list(written._bindings_by_widget):
            written.unbind_widget(widget)


def numbered(asked: RerunData) -> RerunData:
    """With a number for the reader's request, which is passed on to the runs that follow from it (`st.switch_page`)."""
    where = asked.context_info
    if where is not None and where.url and "#" not in where.url:
        where.url += f"#{next(_WISHES)}"
    return asked


def without_mark(query: str) -> str:
    return _MARK.sub("", query)


def tell_where_asked(pages: Sequence[StreamlitPage]) -> None:
    """Sent first in a run, before its page and its address. A browser handles the page later than these."""
    run = get_script_run_ctx()
    if run is None or run.context_info is None or not run.context_info.url:
        return
    where = urlsplit(run.context_info.url)
    with run.session_state.query_params() as query:  # without what belongs to widgets of the page that is being left
        own = urlencode(query._query_params, doseq=True)
    mark = f"{where.path}#{where.fragment}#{_drawn(run.pages_manager, pages)}"
    message = ForwardMsg()
    message.page_info_changed.query_string = f"{own}&{ASKED_FROM}={quote(mark, safe='')}"
    run.enqueue(message)


def _drawn(manager: PagesManager, pages: Sequence[StreamlitPage]) -> str:
    """The last part of the address of the page that `st.navigation` will choose; "" for the default page."""
    asked, name = manager.intended_page_script_hash, manager.intended_page_name
    found = (page for page in pages if (page._script_hash == asked if asked else page.url_path == name))
    return next((page.url_path for page in found), "")
