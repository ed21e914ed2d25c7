"""Below a prefix: what a page names has it, and what is asked of us may come with it or without."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Message
from streamlit import config

from dashboard.look.prefix import below
from dashboard.measured.tiles import difference_url, tile_url
from dashboard.parts.state import dataset_link, experiment_link, sample_link
from dashboard.server.prefixed import WithoutPrefix
from dashboard.server.routes import artifact_url

OPTION = "server.baseUrlPath"


@pytest.fixture(params=["focus", "/focus/"])
def prefixed(request: pytest.FixtureRequest) -> Iterator[None]:
    before = config.get_option(OPTION)
    config.set_option(OPTION, request.param)
    yield
    config.set_option(OPTION, before)


def asked(path: str) -> tuple[int, str]:
    """Status, and what was answered or where it led: by a route of ours, else by Streamlit."""

    async def ours(request: Request) -> Response:
        return PlainTextResponse(f"ours {request.path_params['name']}")

    async def streamlit(_: Request) -> Response:
        return PlainTextResponse("streamlit")

    routes: list[BaseRoute] = [Route("/look/{name}", ours)]
    theirs = Mount("/", routes=[Route("/{path:path}", streamlit)])
    app = Starlette(routes=[*routes, theirs], middleware=[Middleware(WithoutPrefix, routes=routes)])
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "root_path": "", "headers": []}
    asyncio.run(app({**scope, "query_string": b"", "server": ("here", 1), "scheme": "http"}, receive, send))
    headers = dict(sent[0]["headers"])
    return sent[0]["status"], headers.get(b"location", sent[1]["body"]).decode()


@pytest.mark.usefixtures("prefixed")
def test_whatever_a_page_names_lies_below_the_prefix() -> None:
    named = [
        experiment_link("a"), sample_link("a"), dataset_link("a b"), artifact_url("0" * 64),
        tile_url("0" * 64, 0, 0, (1.0, 2.0)), difference_url("0" * 64, 0, 1, 0.3), below("/"),
    ]  # fmt: skip
    assert [address for address in named if not address.startswith("/focus/")] == []


@pytest.mark.usefixtures("prefixed")
def test_our_routes_answer_with_and_without_the_prefix_and_what_is_streamlit_s_stays_its() -> None:
    assert asked("/focus/look/sheet") == asked("/look/sheet") == (200, "ours sheet")
    assert asked("/focus/_stcore/health") == (200, "streamlit")
    assert asked("/focused/look/sheet") == (200, "streamlit")


@pytest.mark.usefixtures("prefixed")
def test_the_prefix_alone_leads_to_its_folder_in_which_the_document_s_files_lie() -> None:
    assert asked("/focus") == asked("/") == (307, "/focus/")


def test_without_a_prefix_nothing_changes() -> None:
    assert below("/new") == "/new"
    assert experiment_link("a") == "/experiment?id=a"
    assert asked("/look/sheet") == (200, "ours sheet")
