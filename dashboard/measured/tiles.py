"""Map tiles drawn on request: any map of an epoch on any colour scale, by the hash of its arrays.

The record keeps a tile of each map on its own row's scale; a comparison needs one scale for all maps.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dashboard.look.prefix import below
from dashboard.record.connection import record
from focus_core.errors import UserError
from focus_core.figures.tiles import log_ratio, render_ratio_tile, render_tile

# The address contains the content's hash and the scale, so that its response never changes.
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_DIGEST = re.compile(r"[0-9a-f]{64}")


def tile_url(samples: str, row: int, column: int, scale: tuple[float, float]) -> str:
    """Map of figs/samples_epoch_XXXX.npz: column 0 is the true one. `scale` is log10 Σ at the ends."""
    return below(f"/tiles/{samples}/{row}/{column}.webp?low={scale[0]:.3f}&high={scale[1]:.3f}")


def difference_url(samples: str, row: int, column: int, limit: float) -> str:
    """log10 of a generated map over the true one of its row, from −limit to limit."""
    return below(f"/tiles/{samples}/{row}/{column}.webp?limit={limit:.3f}")


@functools.lru_cache(maxsize=16)
def _maps(home: str, digest: str) -> NDArray[Any]:
    """(rows, 1 + n, N, N): the true map first. Sixteen epochs of 16 maps of 256² are 70 MB."""
    found = record().artifacts.arrays(digest)
    return np.concatenate([found["real"][:, None], found["generated"]], axis=1)


def draw_tile(digest: str, row: int, column: int, low: float, high: float) -> bytes | None:
    """A lossless WebP; None if the arrays have no such map. UserError if there are no such arrays."""
    maps = _maps(record().settings.database_url, digest)
    if row >= maps.shape[0] or column >= maps.shape[1]:
        return None
    return render_tile(maps[row, column], low, high)


def draw_difference(digest: str, row: int, column: int, limit: float) -> bytes | None:
    """The same for the ratio of a generated map to the true one."""
    maps = _maps(record().settings.database_url, digest)
    if row >= maps.shape[0] or not 0 < column < maps.shape[1]:
        return None
    return render_ratio_tile(log_ratio(maps[row, column], maps[row, 0]), limit)


def map_values(digest: str, row: int, column: int, *, difference: bool) -> NDArray[np.float64]:
    """log10 Σ of a map (N, N), or log10 of its ratio to the true one."""
    maps = _maps(record().settings.database_url, digest)
    truth = maps[row, 0] if difference else np.ones_like(maps[row, 0])
    return log_ratio(maps[row, column], truth)


def difference_limits(digest: str) -> tuple[float, ...]:
    """For each row the 98th percentile of |log10 ratio|. A fixed ±0.3 left the tiles of good models blank."""
    maps = _maps(record().settings.database_url, digest)
    ratios = [np.abs([log_ratio(generated, row[0]) for generated in row[1:]]) for row in maps]
    return tuple(max(round(float(np.percentile(each, 98.0)), 3), 0.01) for each in ratios)


async def _tile(request: Request) -> Response:
    digest = request.path_params["digest"]
    try:
        ends = [float(request.query_params[name]) for name in ("low", "high") if name in request.query_params]
        low, high = ends or (0.0, float(request.query_params["limit"]))
        if not (_DIGEST.fullmatch(digest) and -100 < low < high < 100):
            raise ValueError
    except (KeyError, ValueError):
        return PlainTextResponse("a tile needs the hash of its arrays, and low < high", status_code=404)
    row, column = request.path_params["row"], request.path_params["column"]
    try:
        if ends:
            content = await run_in_threadpool(draw_tile, digest, row, column, low, high)
        else:
            content = await run_in_threadpool(draw_difference, digest, row, column, high)
    except (UserError, KeyError) as error:
        return PlainTextResponse(f"no such maps: {error}", status_code=404)
    if content is None:
        return PlainTextResponse("no such map", status_code=404)
    return Response(content, media_type="image/webp", headers=_FOR_EVER)


TILE_ROUTE = Route("/tiles/{digest}/{row:int}/{column:int}.webp", _tile)
