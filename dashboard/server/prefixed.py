"""Passes requests below the prefix on to our routes."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.look.prefix import prefix


class WithoutPrefix:
    """Removes the prefix from requests for these routes, so that they need not know it; Streamlit's do.

    They also answer without it: a health check on this machine knows no proxy.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app, self._routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root = prefix()
        if root and scope["type"] == "http":
            if scope["path"] in ("/", root):  # what Streamlit's document refers to lies beside it, below the prefix
                await RedirectResponse(f"{root}/")(scope, receive, send)
                return
            scope = self._without(root, scope)
        await self._app(scope, receive, send)

    def _without(self, root: str, scope: Scope) -> Scope:
        if not scope["path"].startswith(f"{root}/"):
            return scope
        inner = {**scope, "path": scope["path"].removeprefix(root)}
        return inner if any(route.matches(inner)[0] is Match.FULL for route in self._routes) else scope
