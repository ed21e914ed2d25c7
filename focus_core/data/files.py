"""Opening array and table files, with a sentence for each way in which they can be broken."""

from __future__ import annotations

import csv
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import cast

import numpy as np
from numpy.typing import NDArray

from focus_core.errors import UserError

_SAMPLED_MAPS = 64


@dataclass(frozen=True)
class Table:
    """Rows of numbers (n, d), and the names of their columns if the file has them."""

    header: tuple[str, ...] | None
    values: NDArray[np.float64]


def open_array(path: Path) -> np.memmap:
    """Memory-map a .npy file; UserError if it is missing, truncated, or holds anything but floating-point numbers."""
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


def open_maps(path: Path) -> np.memmap:
    """Memory-map maps of shape (n, N, N), or (n, 1, N, N) with its channel dropped. Pixels are not read."""
    array = without_channel(open_array(path))
    if array.ndim != 3 or array.shape[1] != array.shape[2] or 0 in array.shape:
        raise UserError(f"{path}: has shape {array.shape}; maps have shape (n, N, N).")
    return array


def without_channel(array: np.memmap) -> np.memmap:
    """(n, 1, N, N) as (n, N, N), still memory-mapped; anything else as it is."""
    return cast(np.memmap, array[:, 0]) if array.ndim == 4 and array.shape[1] == 1 else array


def read_table(path: Path) -> Table:
    """Read rows of parameters from .npy, .csv (header required by nobody, read if there) or white-space text.

    In text, a commented or wordy first line is the header; columns called Name and seed are no parameters and are left
    out.
    """
    if path.suffix == ".npy":
        values = np.array(open_array(path), dtype=np.float64)
        if values.ndim != 2:
            raise UserError(f"{path}: has shape {values.shape}; parameters have shape (n, d).")
        return _checked(Table(None, values), path)
    lines = _lines(path)
    header: tuple[str, ...] | None = None
    if lines and (lines[0][1][0].startswith("#") or not _is_number(lines[0][1][-1])):
        words = [word.lstrip("#").strip() for word in lines.pop(0)[1]]
        header = tuple(word for word in words if word)
    keep = [i for i, name in enumerate(header) if name.lower() not in ("name", "seed")] if header else None
    lines = [(number, words) for number, words in lines if not words[0].startswith("#")]
    rows = [_numbers(path, number, words, header, keep) for number, words in lines]
    for (number, _), row in zip(lines, rows, strict=True):
        if len(row) != len(rows[0]):
            raise UserError(f"{path}, line {number}: has {len(row)} columns, but the first row has {len(rows[0])}.")
    names = tuple(header[i] for i in keep) if header and keep is not None else None
    return _checked(Table(names, np.array(rows, dtype=np.float64)), path)


def sha256_of(path: Path) -> str:
    """Of the whole file, in pieces of bounded memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(maps: np.memmap, params_file: Path) -> str:
    """A content digest that costs milliseconds: the labels, the array's shape and type, and 64 evenly spaced maps."""
    digest = hashlib.sha256(params_file.read_bytes())
    digest.update(f"{maps.shape} {maps.dtype.str}".encode())
    for index in np.unique(np.linspace(0, len(maps) - 1, _SAMPLED_MAPS).astype(int)):
        digest.update(np.ascontiguousarray(maps[index]).tobytes())
    return f"fingerprint:{digest.hexdigest()}"


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, words) of every line that is not blank."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file; check the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error}).") from error
    if path.suffix == ".csv":
        try:
            rows = [[word.strip() for word in row] for row in csv.reader(text.splitlines())]
        except csv.Error as error:
            raise UserError(f"{path}: cannot be read as CSV ({error}).") from error
    else:
        rows = [line.split() for line in text.splitlines()]
    return [(number, words) for number, words in enumerate(rows, 1) if any(words)]


def _numbers(
    path: Path, number: int, words: list[str], header: tuple[str, ...] | None, keep: list[int] | None
) -> list[float]:
    width = len(header) if header else len(words)
    if len(words) != width:
        raise UserError(f"{path}, line {number}: has {len(words)} columns, but the header names {width}.")
    chosen = [words[i] for i in keep] if keep is not None else words
    for word in chosen:
        if not _is_number(word):
            raise UserError(f"{path}, line {number}: '{word}' is not a number.")
    return [float(word) for word in chosen]


def _checked(table: Table, path: Path) -> Table:
    """The table, if it has rows and all of them are finite."""
    if not len(table.values):
        raise UserError(f"{path}: holds no rows of parameters.")
    bad = np.argwhere(~np.isfinite(table.values))
    if len(bad):
        row, column = bad[0]
        name = table.header[column] if table.header else f"column {column + 1}"
        raise UserError(f"{path}, row {row + 1}: {name} is {table.values[row, column]}; θ must be finite.")
    return table


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _what_is_wrong(path: Path, error: Exception) -> str:
    """A truncated file is told apart from one that never was an array."""
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
