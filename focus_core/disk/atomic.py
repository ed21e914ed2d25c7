"""Files that are either completely there or not at all."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write to a temporary neighbour that replaces `path` when the block ends, or is removed if it fails.

    A replaced file is on the disk, not only in the system's memory.

    An OSError while writing, which Python raises without a name, names `path`. A device or a pipe (such as /dev/stdout)
    cannot be replaced and is written directly.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        with _named(path), path.open("wb") as file:
            yield file
        return
    with _named(path), neighbour(path) as temporary, temporary.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def neighbour(path: Path) -> Iterator[Path]:
    """As `replacing`, for writers that open their file by name. Its content may be lost in a power failure.

    Every writer has its own name, threads and other hosts included.
    """
    temporary = path.parent / f".{path.name}.{uuid.uuid4().int}.part"
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_torn(path: Path) -> None:
    """Remove temporary files left by killed writers of `path`; only for the sole writer of `path` at this moment.

    They are recognised by their whole name, and one that cannot be removed stays: it does no harm.
    """
    torn = re.compile(rf"\.{re.escape(path.name)}\.[0-9]+\.part")
    with suppress(OSError):
        for beside in path.parent.iterdir():
            if torn.fullmatch(beside.name):
                with suppress(OSError):
                    beside.unlink()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    with replacing(path) as file:
        file.write(content)
