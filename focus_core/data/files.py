"""Opening array files, with a specific message for each way in which they can be broken."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError

import numpy as np

from focus_core.data.containers import CONTAINERS, FirstChannel, open_container
from focus_core.data.stored import Maps, let_go
from focus_core.errors import UserError

_SAMPLED_MAPS = 64
_PIECE = 2**22


def open_array(path: Path) -> np.memmap:
    """Memory-map a .npy file; UserError if it is missing, truncated, or not an array of floating-point numbers."""
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; check the path.")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError, SyntaxError, TokenError) as error:
        raise UserError(f"{path}: {_what_is_wrong(path, error)}; copy or make it again.") from error
    if not isinstance(array, np.memmap):
        raise UserError(f"{path}: is not a .npy array; copy or make it again.")
    if array.dtype.kind != "f":
        raise UserError(f"{path}: holds {array.dtype} values; FOCUS reads floating-point numbers (float32).")
    return array


def open_maps(path: Path) -> Maps:
    """Maps of shape (n, N, N), or (n, 1, N, N) with its channel dropped, in a .npy, .npz, HDF5 or FITS file.

    Pixels are not read.
    """
    array = open_stack(path)
    if len(array.shape) != 3 or array.shape[1] != array.shape[2] or 0 in array.shape:
        raise UserError(f"{path}: has shape {array.shape}; maps have shape (n, N, N).")
    return array


def open_stack(path: Path) -> Maps:
    """As `open_maps`, and one map (N, N) too; a .npy of any shape."""
    return without_channel(open_container(path) if path.suffix.lower() in CONTAINERS else open_array(path))


def without_channel(array: Maps) -> Maps:
    """(n, 1, N, N) as (n, N, N), still memory-mapped if it was; any other array unchanged."""
    if len(array.shape) != 4 or array.shape[1] != 1:
        return array
    return array[:, 0] if isinstance(array, np.ndarray) else FirstChannel(array)


def sha256_of(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """sha256 of the whole file, in pieces of bounded memory; `progress(bytes)` is called after each."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            if progress is not None:
                progress(len(piece))
    return digest.hexdigest()


def fingerprint(maps: Maps, params_file: Path, stored_as: str | None = None) -> str:
    """A content digest that costs milliseconds: the labels, the array's shape and type, and 64 evenly spaced maps."""
    digest = hashlib.sha256(params_file.read_bytes())
    digest.update(f"{maps.shape} {maps.dtype.str}{stored_as or ''}".encode())
    for index in np.unique(np.linspace(0, len(maps) - 1, _SAMPLED_MAPS).astype(int)):
        digest.update(np.ascontiguousarray(maps[index]).tobytes())
    let_go(maps)
    return f"fingerprint:{digest.hexdigest()}"


def _what_is_wrong(path: Path, error: Exception) -> str:
    """Distinguishes a truncated file from one that never was an array."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            if file.read(6) != np.lib.format.MAGIC_PREFIX:
                return f"is not a .npy array ({size} bytes)"
            file.seek(0)
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            promised = math.prod(shape) * dtype.itemsize + file.tell()
    except (ValueError, EOFError, OSError, SyntaxError, TokenError):  # numpy parses the header as Python
        return f"is truncated or damaged within its header ({size} bytes)"
    if dtype.hasobject:
        return "holds pickled Python objects, which FOCUS does not load"
    if size < promised:
        return f"is truncated: its header promises {shape} {dtype}, {promised} bytes, but it has {size}"
    return f"cannot be read ({error})"
