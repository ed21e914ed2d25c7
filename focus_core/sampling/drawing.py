"""Drawing as many maps as fit on disk: finished pieces are kept beside the target until the last one completes it.

    maps.npz.partial/    plan.json  000000.npy  000001.npy …  lock

A piece is written completely or not at all, and has the same maps whenever it is drawn; so a call that was stopped or
killed continues where it was and produces the same file, byte for byte. Memory holds one piece.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from focus_core.data.folder import write_maps as write_npy
from focus_core.diffusion.method import Sampler
from focus_core.diffusion.noise import map_seed
from focus_core.disk.atomic import remove_torn, replacing, write_text
from focus_core.disk.locks import take
from focus_core.errors import StopRequested, UserError
from focus_core.map_model import draw_maps, maps_at_once
from focus_core.sampling.from_run import LoadedRun

PARTIAL = ".partial"
_PLAN, _LOCK = "plan.json", "lock"
# The arrays of a file of maps, in this order; `maps` may be larger than memory.
CONTENTS = ("maps", "params", "param_names", "box_size", "seed", "checkpoint_sha256")

# (network evaluations done, total, maps finished); an earlier call's evaluations count as done.
DrawingProgress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class MapRequest:
    """One map at each row of θ (n, d). Equal requests from one checkpoint give equal files on equal devices."""

    theta: NDArray[np.float64]
    seed: int
    sampler: Sampler
    guidance: float

    def __len__(self) -> int:
        return len(self.theta)

    def plan(self, run: LoadedRun, piece: int) -> dict[str, Any]:
        """What must be equal for pieces of an earlier call to belong to this one, in words that a user can compare."""
        theta = np.ascontiguousarray(self.theta, dtype="<f8")
        plain = {
            "maps": len(self),
            "theta": f"sha256 {hashlib.sha256(theta.tobytes()).hexdigest()[:16]}",
            "seed": self.seed,
            **{f"sampler.{name}": value for name, value in asdict(self.sampler).items()},
            "guidance": self.guidance,
            "weights": run.weights,
            "checkpoint": run.checkpoint_sha256,
            "maps in a piece": piece,
            "device": run.model.device.type,
        }
        return cast(dict[str, Any], json.loads(json.dumps(plain)))


def draw_to_file(
    run: LoadedRun, drawing: MapRequest, path: Path, fresh: bool = False, progress: DrawingProgress | None = None
) -> None:
    """Draw the missing maps and assemble the .npz, atomically.

    `progress` may raise StopRequested; the finished pieces then stay, and the same call continues with them. UserError
    for pieces of a different request, unless `fresh`, which deletes them, and if another process draws this file.
    """
    piece = maps_at_once(run.model)
    partial = path.with_name(path.name + PARTIAL)
    with _ours(partial, path):
        _agree(partial, drawing.plan(run, piece), path, fresh)
        remove_torn(path)  # as large as the file itself, if a call was killed while assembling one
        pieces = Pieces(partial, len(drawing), piece, run.grid)
        try:
            _draw_missing(run, drawing, pieces, progress)
        except StopRequested as stop:
            kept = f"{pieces.finished_maps()} of {len(drawing)} maps are kept in {partial}"
            raise StopRequested(f"{stop}; {kept}, and the same command continues.") from stop
        with replacing(path) as file:
            write_maps(file, labels(run, drawing.theta, drawing.seed), pieces.shape, iter(pieces))
        pieces.remove()


@dataclass(frozen=True)
class Pieces:
    """The maps 0 … n − 1 in files of `size` maps each, the last one shorter."""

    folder: Path
    n: int
    size: int
    grid: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.n, self.grid, self.grid

    def firsts(self) -> range:
        return range(0, self.n, self.size)

    def length(self, first: int) -> int:
        return min(self.size, self.n - first)

    def is_there(self, first: int) -> bool:
        """Whether a complete piece is on the disk; a damaged one counts as missing, and is drawn again."""
        try:
            found = np.load(self._path(first), mmap_mode="r", allow_pickle=False)
        except (FileNotFoundError, ValueError, EOFError):
            return False
        return bool(found.shape == (self.length(first), self.grid, self.grid) and found.dtype == np.float32)

    def finished_maps(self) -> int:
        return sum(self.length(first) for first in self.firsts() if self.is_there(first))

    def write(self, first: int, maps: NDArray[np.float32]) -> None:
        write_npy(self._path(first), [maps], maps.shape)

    def remove(self) -> None:
        for path in self.folder.glob("*.npy"):
            path.unlink()

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (np.load(self._path(first), allow_pickle=False) for first in self.firsts())

    def _path(self, first: int) -> Path:
        return self.folder / f"{first // self.size:06d}.npy"


def _draw_missing(run: LoadedRun, drawing: MapRequest, pieces: Pieces, progress: DrawingProgress | None) -> None:
    missing = [first for first in pieces.firsts() if not pieces.is_there(first)]
    report = progress or (lambda done, total, maps: None)
    # A sampler that chooses its steps draws map by map: a short piece is less work for it, and no more for any other.
    alone = drawing.sampler.spec.chooses_steps
    each = run.model.method.evaluations(drawing.sampler)
    cost = {first: each * (pieces.length(first) if alone else 1) for first in pieces.firsts()}
    total = sum(cost.values())
    done, maps = total - sum(cost[first] for first in missing), pieces.n - sum(map(pieces.length, missing))
    for first in missing:
        report(done, total, maps)
        rows = slice(first, first + pieces.length(first))
        seeds = [map_seed(drawing.seed, i) for i in range(rows.start, rows.stop)]

        def tell(step: int, steps: int, before: int = done, finished: int = maps) -> None:
            report(before + step, total, finished)

        drawn = draw_maps(run.model, drawing.theta[rows], seeds, drawing.sampler, drawing.guidance, tell)
        pieces.write(first, drawn)
        done, maps = done + cost[first], maps + pieces.length(first)
    report(total, total, pieces.n)


def labels(run: LoadedRun, theta: NDArray[np.float64], seed: int) -> dict[str, NDArray[Any]]:
    """The labels beside the maps in a file: θ of each, its names, and the origin of the maps."""
    return {
        "params": np.asarray(theta, dtype=np.float64),
        "param_names": np.array(run.space.names),
        "box_size": np.array(np.nan if run.box_size is None else run.box_size, dtype=np.float64),
        "seed": np.array(seed, dtype=np.int64),
        "checkpoint_sha256": np.array(run.checkpoint_sha256),
    }


def write_maps(
    file: IO[bytes],
    arrays: Mapping[str, NDArray[Any]],
    shape: tuple[int, ...],
    maps: Iterator[NDArray[np.float32]],
) -> None:
    """The .npz that `np.savez` would write, with `maps` streamed into it piece by piece."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        with archive.open("maps.npy", "w", force_zip64=True) as member:
            header = {"descr": np.lib.format.dtype_to_descr(np.dtype("<f4")), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(member, header)
            for piece in maps:
                member.write(np.ascontiguousarray(piece, dtype="<f4").data)
        for name in CONTENTS[1:]:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, arrays[name], allow_pickle=False)


@contextmanager
def _ours(partial: Path, path: Path) -> Iterator[None]:
    """Hold the folder of pieces; UserError while another process draws into it."""
    partial.mkdir(exist_ok=True)
    with (partial / _LOCK).open("w") as lock:
        if not (take(lock) and _is_found(lock, partial / _LOCK)):
            raise UserError(f"--out: another process is drawing {path} at this moment; choose another file.")
        try:
            yield
        finally:
            if not any(partial.glob("*.npy")):  # stopped before the first piece, or complete
                shutil.rmtree(partial, ignore_errors=True)


def _is_found(lock: IO[str], path: Path) -> bool:
    """Whether other processes find this very lock: its last holder may have removed the folder before we had it."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _agree(partial: Path, plan: dict[str, Any], path: Path, fresh: bool) -> None:
    """Write the plan, or compare it with that of the existing pieces."""
    file = partial / _PLAN
    found = _read_plan(file)
    pieces = list(partial.glob("*.npy"))
    if found is not None and found != plan and pieces and not fresh:
        key = next(name for name in {**plan, **found} if plan.get(name) != found.get(name))
        raise UserError(
            f"--out: {partial} holds maps of another command ({key} {found.get(key)} there, {plan.get(key)} here); "
            "run that one again to finish it, choose another file, or give --fresh to throw them away."
        )
    if found != plan or fresh:
        for old in pieces:
            old.unlink()
        write_text(file, json.dumps(plan, indent=1) + os.linesep)


def _read_plan(file: Path) -> dict[str, Any] | None:
    """None if there is no plan, or one that a full disk cut short: nothing was drawn under it."""
    try:
        plain = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return plain if isinstance(plain, dict) else None
