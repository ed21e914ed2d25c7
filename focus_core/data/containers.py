"""Arrays in .npz, HDF5 and FITS files, opened in place; an ambiguous file is refused.

Arrays that can be memory-mapped are: members of an uncompressed .npz, contiguous HDF5 data and FITS images. A
compressed member is unpacked into memory, up to a bound; compressed HDF5 is read piece by piece.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.data.stored import Maps
from focus_core.errors import UserError

# Limit for a compressed .npz: a few kilobytes can unpack into any number of gigabytes.
LARGEST_UNPACKED = 2**30
_LARGEST_HEADER = 2**16
NPZ, HDF5, FITS = (".npz",), (".h5", ".hdf5"), (".fits", ".fit", ".fts")
CONTAINERS = (*NPZ, *HDF5, *FITS)
_COMPANIONS = "params"  # the name of θ beside its maps in the output of `focus sample`


@dataclass(frozen=True)
class Member:
    """An array in a container: its place and name, its shape and type, and how it is opened."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    open: Callable[[], Maps]


def open_container(path: Path) -> Maps:
    """The one array of maps in the file: (n, N, N), (n, 1, N, N), or one map (N, N)."""
    members = _members(path)
    found = [m for m in members if m.dtype.kind == "f" and _is_maps(m.shape)]
    stacks = [m for m in found if len(m.shape) > 2]
    found = [m for m in stacks if m.name == "maps"] or stacks or found
    return _one(path, found, members, "maps of shape (n, N, N)").open()


def read_matrix(path: Path) -> tuple[tuple[str, ...] | None, NDArray[np.float64]]:
    """The one table (n, d) in the file, and the names of its columns if there is a `param_names` beside it."""
    members = _members(path)
    found = [m for m in members if m.dtype.kind == "f" and len(m.shape) == 2]
    found = [m for m in found if m.name == _COMPANIONS] or found
    values = np.array(_one(path, found, members, "parameters of shape (n, d)").open()[:], dtype=np.float64)
    names = next((m for m in members if m.name == "param_names" and m.shape == values.shape[1:]), None)
    return None if names is None else tuple(str(name) for name in names.open()[:]), values


def read_number(path: Path, name: str) -> float | None:
    """A single number of the file, such as `box_size`; None if it is missing or not finite."""
    found = next((m for m in _members(path) if m.name == name and m.shape in ((), (1,))), None)
    value = math.nan if found is None else float(np.asarray(found.open()).ravel()[0])
    return value if math.isfinite(value) else None


def _is_maps(shape: tuple[int, ...]) -> bool:
    square = len(shape) >= 2 and shape[-1] == shape[-2]
    return square and 0 not in shape and (len(shape) in (2, 3) or (len(shape) == 4 and shape[1] == 1))


def _one(path: Path, found: list[Member], members: list[Member], what: str) -> Member:
    if len(found) == 1:
        return found[0]
    held = ", ".join(f"{m.name} {m.shape} {m.dtype}" for m in members[:6]) or "no array"
    some = f"{len(found)} arrays that may be the {what}" if found else f"no floating-point {what}"
    raise UserError(f"{path}: holds {some} ({held}); save the one that is meant as a .npy file.")


def _members(path: Path) -> list[Member]:
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; check the path.")
    suffix = path.suffix.lower()
    if suffix in NPZ:
        return _npz_members(path)
    return _hdf5_members(path) if suffix in HDF5 else _fits_members(path)


def _npz_members(path: Path) -> list[Member]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            return [_npz_member(path, archive, info) for info in infos]
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, NotImplementedError) as error:
        raise UserError(f"{path}: is not a .npz file, or is damaged ({error}); copy or make it again.") from error


def _npz_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    name = info.filename.removesuffix(".npy")
    with archive.open(info) as file:
        head = file.read(_LARGEST_HEADER)
    shape, fortran, dtype, offset = _npy_header(head, f"{path}: {name}")
    promised = math.prod(shape) * dtype.itemsize + offset
    if promised > info.file_size:
        raise UserError(f"{path}: {name} promises {promised} bytes and has {info.file_size}; copy or make it again.")

    def open_member() -> Maps:
        if info.compress_type == zipfile.ZIP_STORED and shape and not fortran:
            start = _data_offset(path, info) + offset
            return np.memmap(path, dtype, "r", start, shape)
        if info.file_size > LARGEST_UNPACKED:
            raise UserError(
                f"{path}: {name} unpacks to {info.file_size / 2**30:.1f} GiB, more than the {LARGEST_UNPACKED >> 30} "
                "that are held in memory; save it as a .npy file, or by np.savez without compression."
            )
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays[name])

    return Member(name, shape, dtype, open_member)


def _npy_header(head: bytes, what: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """(shape, Fortran order, type, bytes before the data) of a .npy file that begins with `head`."""
    import io

    file = io.BytesIO(head)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise UserError(f"{what} holds pickled Python objects, which FOCUS does not load; save plain numbers.")
    return shape, fortran, dtype, file.tell()


def _data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: after its local header, whose names and extras have their own lengths."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        local = file.read(30)
    return info.header_offset + 30 + int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")


@dataclass(frozen=True)
class FirstChannel:
    """(n, 1, N, N) as (n, N, N), for arrays in which slicing would read everything."""

    stored: Maps

    @property
    def shape(self) -> tuple[int, ...]:
        return self.stored.shape[:1] + self.stored.shape[2:]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.stored.dtype

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        return np.asarray(self.stored[index])[..., 0, :, :]


@dataclass(frozen=True)
class _Pieces:
    """HDF5 data that cannot be mapped (in chunks, or compressed), read on access."""

    data: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.data.dtype)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        if not isinstance(index, np.ndarray | list):
            return np.asarray(self.data[index])
        chosen = np.asarray(index)
        if chosen.dtype == bool:
            chosen = np.flatnonzero(chosen)
        rows, back = np.unique(chosen, return_inverse=True)  # HDF5 requires them unique and in order
        return np.asarray(self.data[rows])[back]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.data[:], dtype=dtype)


def _hdf5_members(path: Path) -> list[Member]:
    try:
        import h5py
    except ImportError:
        raise UserError(
            f"{path}: is an HDF5 file, and h5py, which reads them, is not installed; run `pip install h5py`, or save "
            "the array as a .npy file."
        ) from None
    members: list[Member] = []
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"{path}: cannot be read as HDF5 ({error}); copy or make it again.") from error

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            members.append(_hdf5_member(path, name, item))

    file.visititems(note)
    return members


def _hdf5_member(path: Path, name: str, item: Any) -> Member:
    shape, dtype, offset = tuple(item.shape or ()), np.dtype(item.dtype), item.id.get_offset()

    def open_member() -> Maps:
        if offset is not None and shape and not dtype.hasobject:
            return np.memmap(path, dtype, "r", offset, shape)
        if dtype.hasobject:
            return np.array([str(text, "utf-8") if isinstance(text, bytes) else str(text) for text in item[:]])
        return _Pieces(item) if shape else np.asarray(item[()])

    return Member(name.rpartition("/")[2], shape, dtype, open_member)


_FITS_BLOCK, _FITS_CARD = 2880, 80
_FITS_TYPES: Mapping[int, str] = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


def _fits_members(path: Path) -> list[Member]:
    """The images of a FITS file, primary and extensions (Pence et al. 2010); tables are skipped."""
    members, position, size = [], 0, path.stat().st_size
    with path.open("rb") as file:
        while position < size:
            file.seek(position)
            cards = _fits_header(path, file)
            start = file.tell()
            shape = tuple(int(cards[f"NAXIS{i}"]) for i in range(int(cards.get("NAXIS", "0")), 0, -1))
            image = position == 0 or cards.get("XTENSION", "").strip("' ") == "IMAGE"
            dtype = np.dtype(_FITS_TYPES.get(int(cards.get("BITPIX", "0")), "u1"))
            length = math.prod(shape) * dtype.itemsize if shape else 0
            length = (length + int(cards.get("PCOUNT", "0"))) * int(cards.get("GCOUNT", "1"))
            if start + length > size:
                raise UserError(f"{path}: is truncated: its header promises {length} bytes; copy or make it again.")
            if image and shape:
                members.append(_fits_member(path, cards, shape, dtype, start))
            position = start + -(-length // _FITS_BLOCK) * _FITS_BLOCK
    return members


def _fits_member(
    path: Path, cards: Mapping[str, str], shape: tuple[int, ...], dtype: np.dtype[Any], start: int
) -> Member:
    name = cards.get("EXTNAME", "image").strip("' ")
    scale, zero = float(cards.get("BSCALE", "1")), float(cards.get("BZERO", "0"))

    def open_member() -> Maps:
        if (scale, zero) != (1.0, 0.0):
            raise UserError(
                f"{path}: the image {name} is scaled (BSCALE {scale:g}, BZERO {zero:g}); save it as floating-point "
                "numbers, in FITS or .npy."
            )
        return np.memmap(path, dtype, "r", start, shape)

    return Member(name, shape, dtype, open_member)


def _fits_header(path: Path, file: Any) -> dict[str, str]:
    """Keyword → value as text, comments removed; the file is then positioned after the header's last block."""
    cards: dict[str, str] = {}
    while block := file.read(_FITS_BLOCK):
        text = block.decode("ascii", errors="replace")
        for i in range(0, len(text), _FITS_CARD):
            card = text[i : i + _FITS_CARD]
            if not cards and not re.match(r"(SIMPLE|XTENSION)", card):
                raise UserError(f"{path}: is not a FITS file; copy or make it again.")
            if card.rstrip() == "END":
                return cards
            if card[8:10] == "= ":
                value = card[10:]
                quoted = re.match(r"\s*('[^']*')", value)
                cards[card[:8].strip()] = quoted[1] if quoted else value.partition("/")[0].strip()
    raise UserError(f"{path}: is truncated within its header; copy or make it again.")
