"""What an epoch drew, ready for the record: WebP tiles of its maps, the arrays behind them, its spectra."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.errors import UserError
from focus_core.figures.tiles import render_tile, stretch
from focus_core.power_error import band_edges, power_error_of_arrays
from focus_store.database.blobs import blob
from focus_store.files.artifacts import ArtifactFolder, StoredFile
from focus_store.files.remote import StoreAway

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawing:
    """Rows for the tables `figure` or `spectrum`, by `name`, and what the list of experiments shows of them."""

    name: str
    values: Mapping[str, Any]
    files: list[tuple[StoredFile, str]]
    summary: Mapping[str, Any] = field(default_factory=dict)


def read_drawing(event: Mapping[str, Any], run_folder: Path, folder: ArtifactFolder) -> Drawing | None:
    """Store the arrays and tiles behind a `figure` event; None, with a line in the log, when they cannot be read."""
    reader = {"samples": _samples, "power_spectrum": _power}.get(event["name"])
    if reader is None or not event.get("arrays"):
        return None
    path = run_folder / event["arrays"]
    try:
        content = path.read_bytes()
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return reader(event, arrays, folder.put(content, ".npz"), folder)
    except StoreAway:
        raise  # nothing is wrong with the drawing: the journal is read again from here when the store is back
    except (OSError, ValueError, KeyError, UserError) as error:
        log.warning("%s cannot be shown (%s: %s)", path, type(error).__name__, error)
        return None


def store_tiles(maps: NDArray[Any], shown: tuple[float, float], folder: ArtifactFolder) -> list[StoredFile]:
    """One WebP a map of (n, N, N), all on one scale of log10 Σ."""
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
    return Drawing("samples", values, [(stored, "samples"), *((tile, "tile") for tile in tiles)], summary)


def _power(
    event: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], stored: StoredFile, folder: ArtifactFolder
) -> Drawing:
    power, box_size = arrays["generated"], number(arrays.get("box_size"))
    grid = int(number(arrays.get("grid")) or 2 * len(arrays["k"]))
    error = _what_the_error_is_of(event, arrays, grid)
    values = {
        "epoch": event["epoch"],
        "attempt": event["attempt"],
        "step": event["step"],
        "shape": list(power.shape),
        "k": blob(arrays["k"]),
        "power": blob(power),
        "real": blob(arrays["real"]),
        "n_modes": blob(arrays["n_modes"]) if "n_modes" in arrays else None,
        "box_size": box_size,
        "grid": grid,
        "unit": text(arrays.get("unit")) or "(Mpc/h)²",
        "arrays": stored.digest,
        "power_error": event.get("power_error"),
        **error,
        "power_ratio": event.get("power_ratio"),
        "bands": event.get("bands"),
    }
    summary = {
        **({"box_size": box_size} if box_size else {}),
        **(error if event.get("power_error") is not None else {}),
    }
    return Drawing("power_spectrum", values, [(stored, "power")], summary)


def _what_the_error_is_of(event: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], grid: int) -> dict[str, Any]:
    """Standard error, maps and simulations of the P(k) error; computed for journals that do not tell them yet."""
    names = ("power_uncertainty", "power_maps", "power_simulations")
    if "power_maps" in event or event.get("power_error") is None:
        return {name: event.get(name) for name in names}
    found = power_error_of_arrays(arrays, band_edges(grid))
    if found is None:
        return dict.fromkeys(names)
    return dict(zip(names, (found.uncertainty, found.n_maps, found.n_simulations), strict=True))


def text(array: NDArray[Any] | None) -> str | None:
    return str(array.item()) if array is not None and array.ndim == 0 and str(array.item()) else None


def number(array: NDArray[Any] | None) -> float | None:
    if array is None or array.size != 1 or not np.isfinite(float(array.reshape(-1)[0])):
        return None
    return float(array.reshape(-1)[0])
