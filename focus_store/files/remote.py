"""A folder elsewhere, by an fsspec address: an S3-compatible bucket, or a file system that several hosts share."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fsspec

from focus_core.disk.atomic import neighbour, write_bytes
from focus_core.errors import UserError

# An unreachable store is noticed within seconds; a checkpoint of gigabytes may take longer.
_S3_OPTIONS = {
    "use_listings_cache": False,
    "config_kwargs": {"connect_timeout": 5, "read_timeout": 60, "retries": {"max_attempts": 3}},
}


class StoreAway(UserError):
    """The store cannot be reached, or denies access. Writers retry; readers report it."""


class _MissingError(Exception):
    """The store has no such file."""


class RemoteFolder:
    """Files by their path relative to the address. Writing is atomic: a reader sees all of a file or none of it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def put_file(self, source: Path, relative: str) -> None:
        with self._translated():
            if self._local is None:
                self._files.put_file(str(source), self._path(relative))
            else:
                self._replace_local(relative, source.read_bytes())

    def put_bytes(self, content: bytes, relative: str) -> None:
        with self._translated():
            if self._local is None:
                self._files.pipe_file(self._path(relative), content)
            else:
                self._replace_local(relative, content)

    def read(self, relative: str) -> bytes | None:
        """The content, or None if there is no such file."""
        with self._translated():
            try:
                return bytes(self._files.cat_file(self._path(relative)))
            except FileNotFoundError:
                return None

    def fetch(self, relative: str, target: Path) -> bool:
        """Copy a file to `target`, atomically; False if there is none."""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with neighbour(target) as temporary, self._translated():
                try:
                    self._files.get_file(self._path(relative), str(temporary))
                except FileNotFoundError as error:
                    raise _MissingError from error  # missing in the store; a file missing on this host is another error
        except _MissingError:
            return False
        return True

    def exists(self, relative: str) -> bool:
        with self._translated():
            return bool(self._files.exists(self._path(relative)))

    def names(self, relative: str) -> list[str]:
        """Names of the files in a folder; empty if it does not exist."""
        with self._translated():
            try:
                return [str(path).rsplit("/", 1)[-1] for path in self._files.ls(self._path(relative), detail=False)]
            except FileNotFoundError:
                return []

    def remove(self, relative: str) -> None:
        """A missing one is not an error."""
        with self._translated(), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._path(relative))

    @functools.cached_property
    def _opened(self) -> tuple[Any, str]:
        options = _S3_OPTIONS if self.url.startswith(("s3://", "s3a://")) else {}
        files, root = fsspec.url_to_fs(self.url, **options)
        return files, str(root)

    @property
    def _files(self) -> Any:
        return self._opened[0]

    @property
    def _local(self) -> Path | None:
        """The path, if the address is a folder of a file system mounted on this machine."""
        return Path(self._opened[1]) if self.url.startswith(("file://", "local://")) else None

    def _path(self, relative: str) -> str:
        return f"{self._opened[1]}/{relative}"

    def _replace_local(self, relative: str, content: bytes) -> None:
        target = Path(self._path(relative))
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, content)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except _failures() as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise StoreAway(f"the artifact store {self.url}: cannot be used now ({reason}).") from error


def _failures() -> tuple[type[Exception], ...]:
    """Exceptions of an unreachable store: s3fs turns most into OSError, botocore keeps its own for the rest."""
    if find_spec("botocore") is None:
        return (OSError,)
    from botocore.exceptions import BotoCoreError, ClientError

    return (OSError, BotoCoreError, ClientError)
