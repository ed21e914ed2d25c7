"""Files named by their content: home/artifacts/ab/abcdef….webp. Written once, never changed, shared if equal."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.disk.atomic import write_bytes
from focus_core.errors import UserError
from focus_store.files.remote import RemoteFolder

SUFFIXES = {
    "image/webp": ".webp",
    "image/png": ".png",
    "application/x-npz": ".npz",
    "application/json": ".json",
    "text/html": ".html",
}
MEDIA_TYPES = {suffix: media for media, suffix in SUFFIXES.items()}


@dataclass(frozen=True)
class StoredFile:
    digest: str  # sha256
    suffix: str
    bytes: int
    path: str  # relative to the root


class ArtifactFolder:
    """With a `remote`, the folder keeps what this host wrote or read, and the store has everything."""

    def __init__(self, root: Path, remote: RemoteFolder | None = None) -> None:
        self.root, self.remote = root, remote

    def put(self, content: bytes, suffix: str) -> StoredFile:
        """Store bytes under their sha256; equal content is stored once. Atomic: a reader never sees half a file.

        StoreAway if the store cannot be reached; the same put must then be repeated.
        """
        digest = hashlib.sha256(content).hexdigest()
        relative = f"{digest[:2]}/{digest}{suffix}"
        target = self.root / relative
        known = target.exists()
        if not known:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(target, content)
        if self.remote is not None and not (known and self.remote.exists(f"artifacts/{relative}")):
            self.remote.put_bytes(content, f"artifacts/{relative}")
        return StoredFile(digest, suffix, len(content), relative)

    def find(self, digest: str) -> Path | None:
        """The file of that digest, or None. Anything that is not a sha256 finds nothing, since it comes from URLs."""
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            return None
        here = next(iter(sorted((self.root / digest[:2]).glob(f"{digest}.*"))), None)
        return here if here is not None or self.remote is None else self._fetch(self.remote, digest)

    def _fetch(self, remote: RemoteFolder, digest: str) -> Path | None:
        for suffix in MEDIA_TYPES:
            relative = f"{digest[:2]}/{digest}{suffix}"
            target = self.root / relative
            if remote.fetch(f"artifacts/{relative}", target):
                if hashlib.sha256(target.read_bytes()).hexdigest() == digest:
                    return target
                target.unlink()
                raise UserError(f"artifact {digest}: came damaged from {remote.url}.")
        return None

    def remove(self, path: str) -> None:
        """Delete a file by its path relative to the root; a missing one is not an error."""
        (self.root / path).unlink(missing_ok=True)
        if self.remote is not None:
            self.remote.remove(f"artifacts/{path}")

    def read(self, digest: str) -> bytes:
        path = self.find(digest)
        if path is None:
            raise UserError(f"artifact {digest}: is not in {self.root}; it was deleted, or another record wrote it.")
        return path.read_bytes()

    def arrays(self, digest: str) -> dict[str, NDArray[Any]]:
        """The arrays of an .npz artifact. Never unpickles."""
        try:
            with np.load(io.BytesIO(self.read(digest)), allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (ValueError, OSError) as error:
            raise UserError(f"artifact {digest}: is not a file of arrays ({error}).") from error
