"""Answering sample requests with warm models: the networks of recent requests stay loaded.

Runs in the solo pool, one request at a time. The only module of the package that imports torch.
"""

from __future__ import annotations

import io
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil
from numpy.typing import NDArray
from sqlalchemy.exc import OperationalError

from focus_core.catalogue.map_statistics import statistics_of
from focus_core.errors import StopRequested, UserError
from focus_core.figures.tiles import render_tile, stretch
from focus_core.run_files import TRUTH
from focus_core.sampling.from_run import LoadedRun, Weights, load_run, sample_maps
from focus_core.statistics.measuring import measure_field
from focus_core.statistics.truth_at import truth_at
from focus_core.training.checkpoint import path_of_role
from focus_store.contracts import Claim, JobStatus, SampleMeasurement, SampleSpec, Wish
from focus_store.files.artifacts import StoredFile
from focus_store.files.remote import StoreAway
from focus_store.files.run_uploads import fetched_folder
from focus_store.record.record import Record
from worker.jobs.work import check_targets

WARM_MODELS = 2
_PROGRESS_SECONDS = 0.3
# Memory that sampling needs besides the weights: activations of one batch and the maps.
_SPARE_BYTES = 512 * 2**20

log = logging.getLogger(__name__)


class WarmModels:
    """The most recently used runs, by checkpoint file and its modification time: a new checkpoint is a new model."""

    def __init__(self, size: int = WARM_MODELS) -> None:
        self._size = size
        self._runs: OrderedDict[tuple[Path, int, str], LoadedRun] = OrderedDict()

    def get(self, folder: Path, weights: Weights, checkpoint: str) -> LoadedRun:
        path = folder / path_of_role(checkpoint)
        if not path.exists():
            raise UserError(f"{path}: there is no such checkpoint; the first epoch writes one.")
        key = (path, path.stat().st_mtime_ns, weights)
        if key not in self._runs:
            self._make_room(path)
            self._runs[key] = load_run(folder, weights, checkpoint)
        self._runs.move_to_end(key)
        return self._runs[key]

    def _make_room(self, path: Path) -> None:
        """Drop old models, and refuse to load one that would push a training run out of memory."""
        while len(self._runs) >= self._size:
            self._runs.popitem(last=False)
        needed, free = path.stat().st_size + _SPARE_BYTES, psutil.virtual_memory().available
        if needed > free:
            self._runs.clear()
            raise UserError(
                f"{path}: needs about {needed / 2**30:.1f} GiB of memory, but {free / 2**30:.1f} GiB are free; "
                "wait for the training to end, or pause it."
            )


_WARM = WarmModels()


def answer(record: Record, claim: Claim, shutting_down: Callable[[], bool]) -> None:
    """Draw the maps of one request and write them to the record; a UserError becomes the request's message."""
    spec = record.samples.specification(claim.id)
    began = time.monotonic()
    with _Lease(record, claim, shutting_down) as lease:
        try:
            check_targets((record.artifacts.root,))
            folder = run_folder(record, spec)
            run = _WARM.get(folder, cast(Weights, spec.weights), spec.checkpoint)
            maps = sample_maps(
                run, spec.theta, spec.n, spec.seed, spec.sampler, spec.steps, spec.guidance, progress=lease.report
            )
        except UserError as error:
            record.leases.release(claim, JobStatus.FAILED, "refused", str(error))
            return
        except StopRequested:
            log.info("%s goes back to the queue", claim.id)
            record.leases.release(claim, JobStatus.QUEUED, "stopped")
            return
    value_range = stretch(maps)
    put = record.artifacts.put
    try:
        result, tiles = put(result_file(run, spec, maps), ".npz"), _tiles(maps, value_range, put)
    except StoreAway as error:
        record.leases.release(claim, JobStatus.FAILED, "refused", f"{error} Ask again when it is back.")
        return
    record.samples.finish(
        claim,
        checkpoint_sha256=run.checkpoint_sha256,
        result=result,
        tiles=tiles,
        value_range=value_range,
        measured=_measured(folder, run, spec, maps),
        seconds=time.monotonic() - began,
    )


def run_folder(record: Record, spec: SampleSpec) -> Path:
    """The folder with the checkpoint: the run's own, or, for a run on another host, a copy of it with its truth."""
    settings, copies = record.settings, record.run_copies
    folder = settings.run_folder(spec.experiment)
    if copies is None or not copies.is_behind(spec.experiment, folder):
        return folder
    fetched = fetched_folder(settings.home, spec.experiment)
    copies.fetch(spec.experiment, fetched, only={str(path_of_role(spec.checkpoint)), TRUTH})
    return fetched


def result_file(run: LoadedRun, spec: SampleSpec, maps: NDArray[np.float32]) -> bytes:
    """The .npz that `focus sample --out` would write."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        maps=maps,
        params=np.broadcast_to(np.asarray(spec.theta, dtype=np.float64), (len(maps), len(spec.theta))),
        param_names=np.array(run.space.names),
        box_size=np.float64(np.nan if run.box_size is None else run.box_size),
        seed=np.int64(spec.seed),
        checkpoint_sha256=np.array(run.checkpoint_sha256),
    )
    return buffer.getvalue()


def _tiles(
    maps: NDArray[np.float32], shown: tuple[float, float], put: Callable[[bytes, str], StoredFile]
) -> list[StoredFile]:
    return [put(render_tile(map2d, *shown), ".webp") for map2d in maps]


def _measured(
    folder: Path, run: LoadedRun, spec: SampleSpec, maps: NDArray[np.float32]
) -> dict[str, SampleMeasurement]:
    """Every statistic of the catalogue that such maps have, by name."""
    measured = {}
    for statistic in statistics_of(run.normalised):
        found = measure_field(statistic, maps, run.box_size, run.normalised, "generated maps")
        arrays = {
            **statistic.coordinates(found),
            "generated": found.values,
            "box_size": np.array(np.nan if run.box_size is None else run.box_size, dtype=np.float64),
            "grid": np.array(run.grid, dtype=np.int64),
            "unit": np.array(statistic.unit(run.box_size, run.normalised)),
        }
        truth = _truth(folder, run, spec) if statistic.smoothed_truth else None
        measured[statistic.name] = SampleMeasurement(arrays, truth)
    return measured


def _truth(folder: Path, run: LoadedRun, spec: SampleSpec) -> dict[str, Any]:
    """The smoothed truth at the request's θ, or the reason why its simulations give none there."""
    try:
        return truth_at(folder, run.space, spec.theta).to_dict()
    except UserError as error:
        return {"reason": str(error)}


class _Lease:
    """Renews a claim from a thread while the sampler computes, and reports progress from the sampler's thread."""

    def __init__(self, record: Record, claim: Claim, shutting_down: Callable[[], bool]) -> None:
        self._record, self._claim, self._shutting_down = record, claim, shutting_down
        self._done, self._lost = threading.Event(), False
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._reported = 0.0

    def __enter__(self) -> _Lease:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def report(self, done: int, total: int) -> None:
        """Called after every network evaluation; raises StopRequested if sampling should end."""
        if self._lost or self._shutting_down():
            raise StopRequested("the request goes back to the queue")
        if time.monotonic() - self._reported > _PROGRESS_SECONDS:
            self._record.samples.set_progress(self._claim, done / total)
            self._reported = time.monotonic()

    def _keep(self) -> None:
        while not self._done.wait(self._record.settings.heartbeat_seconds):
            try:
                self._lost = self._record.leases.renew(self._claim) is Wish.LOST
            except OperationalError as error:
                log.warning("%s: the record cannot be reached (%s)", self._claim.id, error)
