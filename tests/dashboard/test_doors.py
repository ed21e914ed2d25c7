"""What the dashboard tells a browser about where its pages may reach: nowhere but here."""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser
from typing import Any

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message
from streamlit import net_util
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner

from dashboard.serve import make_app
from dashboard.server.document import DOCUMENT_ROUTES
from dashboard.server.doors import content_security_policy, inline_script_hashes


def answer(app: ASGIApp, path: str) -> tuple[dict[str, str], str]:
    """Headers and text of a GET, without a server."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "root_path": "", "headers": []}
    asyncio.run(app({**scope, "query_string": b"", "server": ("here", 1), "scheme": "http"}, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return headers, b"".join(message.get("body", b"") for message in sent[1:]).decode(errors="replace")


def rules() -> dict[str, list[str]]:
    parts = (rule.split() for rule in content_security_policy().split(";"))
    return {name: values for name, *values in parts}


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> ASGIApp:
    """Our part of what the dashboard serves, without Streamlit's."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(net_util, "get_external_ip", net_util.get_external_ip)
    monkeypatch.setattr(ScriptRunner, "_run_script", ScriptRunner._run_script)
    monkeypatch.setattr(st, "App", lambda _, **options: given.update(options))
    make_app()
    return Starlette(routes=given["routes"], middleware=given.get("middleware"))


@pytest.mark.parametrize("path", ["/", "/compare", "/plotly.min.js", "/artifacts/none.webp", "/nothing/here"])
def test_every_answer_carries_the_policy_and_keeps_its_address_to_itself(path: str, served: ASGIApp) -> None:
    headers, _ = answer(served, path)
    assert headers["content-security-policy"] == content_security_policy()
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_the_policy_names_no_address_so_that_it_holds_on_any_host_and_behind_a_proxy() -> None:
    assert not re.search(r"//|\*|\bhttps?:|\bwss?:|\d\.\d|localhost", content_security_policy())


def test_the_policy_lets_nothing_out_and_no_text_become_a_script() -> None:
    policy = rules()
    assert policy["default-src"] == policy["connect-src"] == policy["form-action"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'self'"]
    assert policy["object-src"] == ["'none'"]
    assert not {"'unsafe-inline'", "'unsafe-eval'", "data:"} & set(policy["script-src"])


def test_the_scripts_that_stand_in_the_document_itself_are_named_by_their_hash() -> None:
    found: list[str] = []

    class Scripts(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "script" and "src" not in dict(attrs):
                found.append(tag)

    _, html = answer(Starlette(routes=DOCUMENT_ROUTES), "/")
    Scripts().feed(html)
    hashes = inline_script_hashes(html)
    assert len(hashes) == len(found) > 0
    assert set(hashes) <= set(rules()["script-src"])


def test_the_server_asks_nobody_for_its_public_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_util, "get_external_ip", net_util.get_external_ip)
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda *_, **__: pytest.fail("asked outside"))
    make_app()
    assert net_util.get_external_ip() is None
