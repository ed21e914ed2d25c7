"""What the dashboard serves besides its pages: images and arrays by content hash, plotly.js, and a health answer."""

from __future__ import annotations

import importlib.resources
import re

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard.charts.chart import PLOTLY_ROUTE
from dashboard.look.prefix import below
from dashboard.measured.tiles import TILE_ROUTE
from dashboard.record.connection import artifact_file, laboratory
from focus_core.errors import UserError

# The content under a hash never changes, so a browser need not ask twice.
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_MEDIA = {"webp": "image/webp", "npz": "application/octet-stream", "png": "image/png", "html": "text/html"}
_DIGEST = re.compile(r"[0-9a-f]{64}")


def artifact_url(digest: str, suffix: str = "webp") -> str:
    return below(f"/artifacts/{digest}.{suffix}")


async def _health(_: Request) -> Response:
    """200 with the laboratory's numbers; 503 with the sentence that a page would show."""
    try:
        state = await run_in_threadpool(laboratory)
    except UserError as error:
        return JSONResponse({"status": "unavailable", "message": str(error)}, status_code=503)
    return JSONResponse(
        {
            "status": "ok",
            "running": state.running,
            "queued": state.queued,
            "failed": state.failed,
            "workers": len(state.workers),
        }
    )


async def _artifact(request: Request) -> Response:
    digest, suffix = request.path_params["digest"], request.path_params["suffix"]
    if not _DIGEST.fullmatch(digest) or suffix not in _MEDIA:
        return PlainTextResponse("no such artifact", status_code=404)
    try:
        path = await run_in_threadpool(artifact_file, digest)
    except UserError as error:
        return PlainTextResponse(str(error), status_code=503)
    if path is None or path.suffix != f".{suffix}":
        return PlainTextResponse("no such artifact", status_code=404)
    headers = dict(_FOR_EVER)
    if suffix == "html":  # a separate document, to keep or to send: never a page of this server
        headers["Content-Disposition"] = "attachment"
    name = request.query_params.get("name")
    if name and re.fullmatch(r"[\w.-]{1,120}", name, flags=re.ASCII):
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return FileResponse(path, media_type=_MEDIA[suffix], headers=headers)


async def _plotly(_: Request) -> Response:
    """From the installed wheel, so that its version matches the figures and nothing is fetched from outside."""
    file = importlib.resources.files("plotly") / "package_data" / "plotly.min.js"
    return FileResponse(str(file), media_type="text/javascript", headers={"Cache-Control": "public, max-age=86400"})


async def _home(_: Request) -> Response:
    """Streamlit's default page answers at / alone, but people also type its name."""
    return RedirectResponse(below("/"))


ROUTES = [
    Route("/experiments", _home),
    Route("/api/health", _health),
    Route("/artifacts/{digest}.{suffix}", _artifact),
    Route(PLOTLY_ROUTE, _plotly),
    TILE_ROUTE,
]
