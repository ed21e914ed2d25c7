"""Copies of run folders in the artifact store, so that another host can resume a run or sample from it.

A copy is a manifest, `runs/ID/manifest.json`, that names files by their content, and those files beside it. The
manifest is written last, so that a copy is always complete: the previous one until the next is there. (attempt, seq)
of the journal's last line determines which of two copies of a run is newer.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focus_core.errors import UserError
from focus_core.run_files import JOURNAL, is_copied
from focus_store.files.remote import RemoteFolder

MANIFEST = "manifest.json"
FETCHED = 4  # number of runs of other hosts that a sampler keeps
_GROWING = ".log", ".jsonl"  # read in one go, since they change while they are read
JournalEnd = tuple[int, int]
NOWHERE: JournalEnd = (0, -1)


@dataclass(frozen=True)
class Manifest:
    position: JournalEnd
    files: dict[str, str]  # path in the run's folder → sha256

    def to_bytes(self) -> bytes:
        return json.dumps({"attempt": self.position[0], "seq": self.position[1], "files": self.files}).encode()


class RunCopies:
    """One per process: it remembers what it has uploaded."""

    def __init__(self, remote: RemoteFolder) -> None:
        self._remote = remote
        self._hashed: dict[Path, tuple[tuple[int, int, int], str]] = {}

    def manifest(self, experiment_id: str) -> Manifest | None:
        content = self._remote.read(f"runs/{experiment_id}/{MANIFEST}")
        if content is None:
            return None
        plain: dict[str, Any] = json.loads(content)
        return Manifest((plain["attempt"], plain["seq"]), plain["files"])

    def is_behind(self, experiment_id: str, folder: Path) -> bool:
        """Whether the store has a newer copy of the run than this host's folder."""
        found = self.manifest(experiment_id)
        return found is not None and journal_position(folder) < found.position

    def upload(self, experiment_id: str, folder: Path) -> bool:
        """Copy what has changed. False if the store's copy is newer: another host continues the run.

        Checkpoints go before the journal: it may contain steps that no checkpoint has, as after a crash, but never the
        other way round.
        """
        there = self.manifest(experiment_id)
        has = set(there.files.values()) if there else set()
        files: dict[str, str] = {}
        journal = b""
        for path in sorted(
            _worth_keeping(folder), key=lambda path: (path.suffix in _GROWING, path.name == JOURNAL.name)
        ):
            name = str(path.relative_to(folder))
            if path.suffix in _GROWING:
                content = path.read_bytes()
                if name == str(JOURNAL):
                    content = journal = content[: content.rfind(b"\n") + 1]
                files[name] = hashlib.sha256(content).hexdigest()
                if files[name] not in has:
                    self._remote.put_bytes(content, f"runs/{experiment_id}/{files[name]}")
            else:
                with contextlib.suppress(FileNotFoundError):  # replaced between the check and the link: next time
                    files[name] = self._upload_file(experiment_id, path, has)
        position = last_position(journal)
        if there is not None and there.position > position:
            return False
        self._remote.put_bytes(Manifest(position, files).to_bytes(), f"runs/{experiment_id}/{MANIFEST}")
        for digest in has - set(files.values()):
            self._remote.remove(f"runs/{experiment_id}/{digest}")
        return True

    def fetch(self, experiment_id: str, folder: Path, only: Collection[str] | None = None) -> None:
        """Make `folder` the store's copy, the journal last; or fetch `only` these files. UserError if there is none."""
        found = self.manifest(experiment_id)
        if found is None:
            raise UserError(
                f"experiment {experiment_id}: has not been uploaded to {self._remote.url} yet; the training host will "
                "do so."
            )
        for name, digest in sorted(found.files.items(), key=lambda item: item[0] == str(JOURNAL)):
            if (only is None or name in only) and self._digest(folder / name) != digest:
                if not self._remote.fetch(f"runs/{experiment_id}/{digest}", folder / name):
                    raise UserError(f"experiment {experiment_id}: {name} was replaced just now; ask again.")
                if self._digest(folder / name) != digest:
                    (folder / name).unlink()
                    raise UserError(f"experiment {experiment_id}: {name} came damaged from {self._remote.url}.")

    def remove(self, experiment_id: str) -> None:
        self._remote.remove(f"runs/{experiment_id}/{MANIFEST}")
        for name in self._remote.names(f"runs/{experiment_id}"):
            self._remote.remove(f"runs/{experiment_id}/{name}")

    def _upload_file(self, experiment_id: str, path: Path, has: set[str]) -> str:
        """Uses a hard link of the file: a checkpoint that is replaced meanwhile stays complete under it."""
        with _second_name(path) as pinned:
            digest = self._digest(path, pinned)
            if digest not in has:
                self._remote.put_file(pinned, f"runs/{experiment_id}/{digest}")
                has.add(digest)
        return digest

    def _digest(self, path: Path, pinned: Path | None = None) -> str:
        """sha256 of a file, read again only if it has changed; "" if it does not exist."""
        file = pinned or path
        if not file.exists():
            return ""
        stat = file.stat()
        key = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        known = self._hashed.get(path)
        if known is None or known[0] != key:
            with file.open("rb") as stream:
                self._hashed[path] = (key, hashlib.file_digest(stream, "sha256").hexdigest())
        return self._hashed[path][1]


def fetched_folder(home: Path, experiment_id: str) -> Path:
    """Where a sampler keeps files of another host's run; the most recently used folders are kept."""
    root = home / "fetched"
    folder = root / experiment_id
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    for old in sorted(root.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[FETCHED:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def journal_position(folder: Path) -> JournalEnd:
    path = folder / JOURNAL
    if not path.exists():
        return NOWHERE
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 65_536))
        return last_position(file.read())


def last_position(journal: bytes) -> JournalEnd:
    """(attempt, seq) of the last complete line."""
    for line in reversed(journal.split(b"\n")[:-1]):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            event = json.loads(line)
            return int(event["attempt"]), int(event["seq"])
    return NOWHERE


def _worth_keeping(folder: Path) -> Iterator[Path]:
    """Every file of a run except temporary ones, the lock of its host and a checkpoint moved aside as damaged."""
    for path in folder.rglob("*"):
        if path.is_file() and is_copied(path.relative_to(folder)):
            yield path


@contextlib.contextmanager
def _second_name(path: Path) -> Iterator[Path]:
    pinned = path.with_name(f".{path.name}.{uuid.uuid4().hex}.upload")
    try:
        try:
            pinned.hardlink_to(path)
        except FileNotFoundError:
            raise
        except OSError:  # a file system without hard links
            shutil.copyfile(path, pinned)
        yield pinned
    finally:
        pinned.unlink(missing_ok=True)
