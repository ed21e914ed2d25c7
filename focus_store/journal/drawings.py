"""An epoch's figures, prepared for the record: WebP tiles of its maps, their arrays, its statistics."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.catalogue.map_statistics import MAP_STATISTICS
from focus_core.catalogue.statistic_spec import MapStatistic
from focus_core.errors import UserError
from focus_core.figures.tiles import render_tile, stretch
from focus_store.database.blobs import unpacked
from focus_store.files.artifacts import ArtifactFolder, StoredFile
from focus_store.files.remote import StoreAway

log = logging.getLogger(__name__)
SAMPLES = "samples"
_OF_ALL_FIGURES = frozenset({"seq", "time", "attempt", "kind", "epoch", "step", "name", "path", "arrays"})


@dataclass(frozen=True)
class Drawing:
    """A row of the table `figure`, or for a `statistic` of `measurement`, and what the list of experiments shows."""

    statistic: MapStatistic | None
    values: Mapping[str, Any]
    files: list[tuple[StoredFile, str]]
    summary: Mapping[str, Any] = field(default_factory=dict)


def read_drawing(event: Mapping[str, Any], run_folder: Path, folder: ArtifactFolder) -> Drawing | None:
    """Store the arrays and tiles of a `figure` event; None, with a line in the log, if they cannot be read."""
    statistic = MAP_STATISTICS.get(event["name"])
    if not event.get("arrays") or (statistic is None and event["name"] != SAMPLES):
        return None
    path = run_folder / event["arrays"]
    try:
        content = path.read_bytes()
        arrays = unpacked(content)
        stored = folder.put(content, ".npz")
        if statistic is None:
            return _samples(event, arrays, stored, folder)
        return _measurement(statistic, event, arrays, stored, content)
    except StoreAway:
        raise  # the figure is intact: the journal is read again from here when the store is back
    except (OSError, ValueError, KeyError, UserError) as error:
        log.warning("%s cannot be shown (%s: %s)", path, type(error).__name__, error)
        return None


def store_tiles(maps: NDArray[Any], shown: tuple[float, float], folder: ArtifactFolder) -> list[StoredFile]:
    """One WebP per map of (n, N, N), all on one scale of log10 Σ."""
    return [folder.put(render_tile(map_, *shown), ".webp") for map_ in maps]


def shared_range(maps: NDArray[Any]) -> tuple[float, float]:
    low, high = stretch(maps)
    return float(low), float(high)


def _samples(
    event: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], stored: StoredFile, folder: ArtifactFolder
) -> Drawing:
    real, generated = arrays["real"], arrays["generated"]
    ranges = [shared_range(np.concatenate([row[None], others])) for row, others in zip(real, generated, strict=True)]
    real_tiles = [store_tiles(row[None], shown, folder)[0] for row, shown in zip(real, ranges, strict=True)]
    generated_tiles = [store_tiles(row, shown, folder) for row, shown in zip(generated, ranges, strict=True)]
    tiles = [*real_tiles, *(tile for row in generated_tiles for tile in row)]
    unit = text(arrays.get("unit"))
    values = {
        "epoch": event["epoch"],
        "attempt": event["attempt"],
        "step": event["step"],
        "real_tiles": [tile.digest for tile in real_tiles],
        "generated_tiles": [[tile.digest for tile in row] for row in generated_tiles],
        "ranges": [list(shown) for shown in ranges],
        "theta": np.asarray(arrays["theta"], dtype=float).tolist(),
        "arrays": stored.digest,
        "unit": unit,
    }
    summary = {"thumbnail": generated_tiles[0][0].digest, "grid": int(real.shape[-1])}
    summary |= {"unit": unit} if unit else {}
    return Drawing(None, values, [(stored, "samples"), *((tile, "tile") for tile in tiles)], summary)


def _measurement(
    statistic: MapStatistic,
    event: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    stored: StoredFile,
    content: bytes,
) -> Drawing:
    # Values missing from a journal of an older version are computed.
    summary = statistic.summary(arrays) | {name: value for name, value in event.items() if name not in _OF_ALL_FIGURES}
    values = {
        "statistic": statistic.name,
        "epoch": event["epoch"],
        "attempt": event["attempt"],
        "step": event["step"],
        "content": content,
        "artifact": stored.digest,
        "summary": summary,
    }
    box_size = number(arrays.get("box_size"))
    listed = {} if summary.get(statistic.scalar) is None else {name: summary.get(name) for name in statistic.listed}
    return Drawing(statistic, values, [(stored, statistic.name)], listed | ({"box_size": box_size} if box_size else {}))


def text(array: NDArray[Any] | None) -> str | None:
    return str(array.item()) if array is not None and array.ndim == 0 and str(array.item()) else None


def number(array: NDArray[Any] | None) -> float | None:
    if array is None or array.size != 1 or not np.isfinite(float(array.reshape(-1)[0])):
        return None
    return float(array.reshape(-1)[0])
