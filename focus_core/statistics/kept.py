"""Measurements of a dataset, kept by its digest: a check and all runs on it measure its maps once."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from focus_core.catalogue.map_statistics import statistics_of
from focus_core.catalogue.statistic_spec import Arrays
from focus_core.data.dataset import MapDataset
from focus_core.disk.atomic import replacing
from focus_core.paths import measured_folder
from focus_core.statistics.measuring import DatasetCurves


def measured_of(dataset: MapDataset, home: Path) -> Arrays:
    """The arrays of `DatasetCurves`, from the copy kept in `home`, or measured now, in pieces of bounded memory."""
    known = kept(dataset, home)
    if known is not None:
        return known
    curves = DatasetCurves(dataset)
    for _, maps in dataset.chunks():
        curves.add(maps)
    found = curves.arrays()
    keep(dataset, home, found)
    return found


def kept(dataset: MapDataset, home: Path) -> Arrays | None:
    """None if it was not measured yet, or by different code; a damaged file is measured again."""
    try:
        with np.load(_file(dataset, home), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile):
        return None


def keep(dataset: MapDataset, home: Path, measured: Arrays) -> None:
    """If the home cannot be written, the next start takes longer; nothing else happens."""
    with suppress(OSError):
        file = _file(dataset, home)
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as opened:
            np.savez(opened, allow_pickle=False, **measured)


def _file(dataset: MapDataset, home: Path) -> Path:
    """Named by all that the numbers follow from. The file's stamp is added to the digest, which may be of samples."""
    stamp = dataset.maps_file.stat()
    said: dict[str, Any] = {
        "digest": dataset.digest,
        "file": [stamp.st_size, stamp.st_mtime_ns],
        "maps": [*dataset.maps.shape],
        "simulations": hashlib.sha256(dataset.map_simulation.tobytes()).hexdigest(),
        "box_size": dataset.box_size,
        "normalised": dataset.normalised,
        "code": {statistic.name: _code(statistic.measure) for statistic in statistics_of(dataset.normalised)},
        "versions": [np.__version__, scipy.__version__],
    }
    name = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return measured_folder(home) / f"{name[:32]}.npz"


def _code(path: str) -> str:
    """The content of the module in which a statistic is measured."""
    found = importlib.util.find_spec(path.partition(":")[0])
    assert found is not None
    assert found.origin is not None
    return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()
