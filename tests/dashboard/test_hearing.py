"""What a run says of where it was asked from, and what it forgets when the reader came by Back or Forward."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest
from streamlit.proto.ClientState_pb2 import ContextInfo
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.runtime.state import SafeSessionState, SessionState

from dashboard.server import hearing

PAGES: Any = [
    SimpleNamespace(_script_hash="of the list", url_path=""),
    SimpleNamespace(_script_hash="of sample", url_path="sample"),
]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries that a run on /sample?model=a tells its browser."""
    queries: list[str] = []
    state: Any = SessionState()
    state.query_params.populate_from_query_string("model=a")
    run = SimpleNamespace(
        context_info=ContextInfo(url="http://127.0.0.1:8501/sample#7"),
        pages_manager=SimpleNamespace(intended_page_script_hash="of sample", intended_page_name=""),
        query_string="model=a&status=Done",  # as the browser asked, which a filter of the page before belonged to
        session_state=SafeSessionState(state, lambda: None),
        enqueue=lambda m: queries.append(m.page_info_changed.query_string),
    )
    monkeypatch.setattr(hearing, "get_script_run_ctx", lambda: run)
    return queries


def test_a_run_tells_where_it_was_asked_from_and_keeps_its_query(told: list[str]) -> None:
    hearing.tell_where_asked(PAGES)
    assert [unquote(query) for query in told] == ["model=a&asked-from=/sample#7#sample"]


def test_what_a_browser_says_back_of_it_is_no_part_of_the_query(told: list[str]) -> None:
    hearing.tell_where_asked(PAGES)
    assert hearing.without_mark(told[0]) == "model=a"
    assert hearing.without_mark("") == ""


def test_the_runs_that_follow_from_one_wish_have_its_number() -> None:
    first, second = (RerunData(context_info=ContextInfo(url="http://127.0.0.1:8501/sample")) for _ in range(2))
    url = hearing.numbered(first).context_info.url  # type: ignore[union-attr]
    assert hearing.numbered(first).context_info.url == url  # type: ignore[union-attr]
    assert hearing.numbered(second).context_info.url != url  # type: ignore[union-attr]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[RerunData]:
    """What Streamlit runs of what a browser asks for, once it has been told how to hear."""
    ran: list[RerunData] = []
    monkeypatch.setattr(ScriptRunner, "_run_script", lambda runner, asked: ran.append(asked))
    hearing.hear_what_is_meant()
    return ran


def drawing(page: str) -> Any:
    state: Any = SessionState()
    state.query_params.bind_widget("status", "list-status", "string_value", "list")
    return SimpleNamespace(
        _session_state=SafeSessionState(state, lambda: None),
        _pages_manager=SimpleNamespace(current_page_script_hash=page),
        _fragment_storage=SimpleNamespace(contains=lambda part: False),
    )


def test_every_run_hears_its_query_without_the_mark_and_has_a_number(runs: list[RerunData]) -> None:
    asked = RerunData(query_string="model=a&asked-from=%2Fsample", context_info=ContextInfo(url="http://here/sample"))
    ScriptRunner._run_script(drawing("sample"), asked)
    assert [run.query_string for run in runs] == ["model=a"]
    where = runs[0].context_info
    assert where is not None
    assert "#" in where.url


def test_a_run_after_back_begins_without_what_widgets_wrote_and_another_one_with_it(runs: list[RerunData]) -> None:
    for history, kept in ((True, 0), (False, 1)):
        runner = drawing("list")
        ScriptRunner._run_script(runner, RerunData(is_history_navigation=history))
        with runner._session_state.query_params() as written:
            assert len(written._bindings_by_widget) == kept
    assert len(runs) == 2


def test_what_was_pressed_on_a_page_that_was_left_is_not_run(runs: list[RerunData]) -> None:
    ScriptRunner._run_script(drawing("new"), RerunData(page_script_hash="experiment", fragment_id_queue=["form"]))
    assert runs == []


def test_to_be_told_twice_changes_nothing_more(runs: list[RerunData]) -> None:
    once = ScriptRunner._run_script
    hearing.hear_what_is_meant()
    assert ScriptRunner._run_script is once


def test_back_keeps_what_widgets_wrote_into_the_address_of_the_page_it_leads_to() -> None:
    state: Any = SessionState()
    state.query_params.bind_widget("status", "list-status", "string_value", "list")
    safe = SafeSessionState(state, lambda: None)
    hearing.forget_where_widgets_wrote(safe)
    state.query_params.populate_from_query_string("status=Done&marked=a", {"main", "list"})
    state.query_params.remove_stale_bindings(frozenset())
    assert state.query_params.to_dict() == {"status": "Done", "marked": "a"}
