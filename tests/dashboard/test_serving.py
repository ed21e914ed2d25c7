"""How the dashboard's process is set up."""

from __future__ import annotations

from typing import Any

import pytest
import streamlit as st
from streamlit import config
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_cache import populate_hash_if_needed

from dashboard import serve


def test_an_element_is_never_sent_as_the_hash_of_what_the_browser_may_have_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reader who pressed at random for 25 minutes came upon a browser that had."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(st.App, "run", lambda _, config: given.update(config))
    serve.main([])
    option = "global.minCachedMessageSize"
    before = config.get_option(option)
    figure = ForwardMsg()
    figure.delta.new_element.markdown.body = "x" * 10_000_000
    try:
        config.set_option(option, given.get(option, before))
        populate_hash_if_needed(figure)
    finally:
        config.set_option(option, before)
    assert not figure.metadata.cacheable
