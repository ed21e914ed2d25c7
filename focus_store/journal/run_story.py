"""What a run's folder reveals about the run: its configuration, its attempts, how it ended, and what is missing.

A journal that is damaged anywhere except in its last line is refused, not repaired: FOCUS itself only ever leaves an
incomplete *last* line, so one in the middle means that a copy, a disk or an editor damaged the file, and it is unknown
what else is missing. Points would be missing from the record without notice, and the trainer could not resume the
run either, since it reads the same lines.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focus_core.config.experiment import (
    RESUMABLE_CHANGES,
    ExperimentConfig,
    differing_keys,
    load_config,
    recorded_config,
    with_split_seed_of_run,
)
from focus_core.disk.locks import is_free
from focus_core.errors import UserError
from focus_core.progress import read_events
from focus_core.run_files import CONFIG, ENVIRONMENT, JOURNAL, LAST, LOCK, SPLIT
from focus_store.contracts import Status

SILENCE = datetime.timedelta(minutes=5)  # of a journal on another machine, after which its training run counts as ended
_STATUS = {"finished": Status.SUCCEEDED, "stopped": Status.PAUSED, "failed": Status.FAILED}
_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "run_started": ("epoch", "step"),
    "step": ("step",),
    "epoch": ("epoch", "step"),
    "figure": ("epoch", "step"),
    "checkpoint": ("epoch", "step", "bytes"),
}
_TEXTS: Mapping[str, tuple[str, ...]] = {
    "figure": ("name",),
    "checkpoint": ("role", "path", "sha256"),
    "checkpoint_removed": ("role",),
    "checkpoint_damaged": ("message",),
}


@dataclass(frozen=True)
class ToldAttempt:
    number: int
    started_at: datetime.datetime
    ended_at: datetime.datetime
    reason: str  # "finished" | "stopped" | "failed" | "crashed"


@dataclass(frozen=True)
class RunStory:
    folder: Path
    config: ExperimentConfig
    environment: Mapping[str, Any]
    first_line: bytes  # of the journal: its time to the microsecond makes it unique to the run
    attempts: tuple[ToldAttempt, ...]
    status: Status
    message: str | None
    warnings: tuple[str, ...]

    @property
    def ended_at(self) -> datetime.datetime:
        return self.attempts[-1].ended_at


def read_story(folder: Path) -> RunStory:
    """UserError if the folder is not that of a run, or its journal is damaged."""
    if not folder.is_dir():
        raise UserError(f"{folder}: is not a folder; give the one that focus train --exp-dir wrote.")
    path = folder / JOURNAL
    if not path.is_file():
        raise UserError(f"{folder}: has no {JOURNAL}, so it is not a run's folder; give what --exp-dir named.")
    journal = _read_journal(path)
    if not journal.attempts:
        raise UserError(f"{path}: tells of no event yet; import the folder once its training run has begun.")
    environment = _environment(folder / ENVIRONMENT)
    config, warnings = _config(folder, environment)
    attempts = tuple(journal.attempts[number] for number in sorted(journal.attempts))
    status = _STATUS.get(attempts[-1].reason, Status.CRASHED)
    message = journal.last_words if status is Status.FAILED else None
    if status is Status.CRASHED:
        message = "its journal ends without an end: the training was killed; resume it here, or where it was"
    warnings += _damages(path, journal) + _missing_files(folder, journal.events, status)
    return RunStory(folder, config, environment, first_line(path), attempts, status, message, tuple(warnings))


def first_line(journal: Path) -> bytes:
    with journal.open("rb") as file:
        return file.readline()


def fingerprint(line: bytes) -> str:
    """Eight characters that a run keeps wherever its folder is moved: from the sha256 of its journal's first line."""
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"  # as focus_store.database.session makes public ids
    number = int.from_bytes(hashlib.sha256(line).digest()[:5])
    return "".join(alphabet[(number >> shift) & 31] for shift in range(0, 40, 5))


def check_ended(story: RunStory) -> None:
    """UserError if a trainer may still write there: its lock is held, or its journal has just grown elsewhere."""
    lock = story.folder / LOCK
    if lock.exists():
        with lock.open("rb") as file:
            if not is_free(file):
                holder = file.read().decode(errors="replace").strip() or "unknown"
                raise UserError(
                    f"{story.folder}: a training run (process {holder}) is writing there; import it when it has ended."
                )
    # A lock is not visible from another machine.
    here = story.environment.get("host") == socket.gethostname()
    silent = datetime.datetime.now(datetime.UTC) - story.ended_at
    if story.status is Status.CRASHED and not here and silent < SILENCE:
        raise UserError(
            f"{story.folder / JOURNAL}: grew {silent.total_seconds():.0f} s ago on "
            f"{story.environment.get('host') or 'an unknown machine'}, so a training run may be running there; import "
            "it when it has ended, or add --ended if it has."
        )


@dataclass
class _Journal:
    events: list[Mapping[str, Any]] = field(default_factory=list)  # those of steps aside: there may be millions
    attempts: dict[int, ToldAttempt] = field(default_factory=dict)
    last_words: str | None = None
    gap: tuple[int, int] | None = None  # the first pair of neighbours whose numbers are not consecutive
    seq: int = -1

    def add(self, event: Mapping[str, Any]) -> None:
        if event["seq"] != self.seq + 1 and self.gap is None:
            self.gap = (self.seq, event["seq"])
        self.seq = event["seq"]
        number, time = int(event["attempt"]), datetime.datetime.fromisoformat(event["time"])
        ended = event["kind"] == "run_ended"
        reason = str(event.get("reason") or "failed") if ended else "crashed"  # until its end is read
        earlier = self.attempts.get(number)
        self.attempts[number] = ToldAttempt(number, earlier.started_at if earlier else time, time, reason)
        if ended:
            self.last_words = str(event.get("message") or "") or None
        if event["kind"] != "step":
            self.events.append(event)


def _read_journal(path: Path) -> _Journal:
    found = _Journal()
    try:
        for event, position in read_events(path):
            _check_event(event, f"{path}, line {position.line}")
            found.add(event)
    except UserError as error:
        raise UserError(
            f"{str(error).rstrip('.')}; restore the file, or delete that line if its event may be lost, and import "
            "again."
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); make it readable and import again.") from error
    return found


def _check_event(event: Mapping[str, Any], where: str) -> None:
    kind = event["kind"]
    for name in ("seq", "attempt", *_NUMBERS.get(kind, ())):
        if not isinstance(event.get(name), (int, float)) or isinstance(event[name], bool):
            raise UserError(f"{where}: {name} of a '{kind}' event is {event.get(name)!r}, which is not a number.")
    for name in _TEXTS.get(kind, ()):
        if not isinstance(event.get(name), str):
            raise UserError(f"{where}: {name} of a '{kind}' event is {event.get(name)!r}, which is not text.")
    try:
        aware = datetime.datetime.fromisoformat(event["time"]).tzinfo is not None
    except (TypeError, ValueError):
        aware = False
    if not aware:
        raise UserError(f"{where}: time is {event['time']!r}, which is not a time with its zone.")


def _environment(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        return {}
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: cannot be read ({error}); restore it, or delete it and import again.") from error
    return plain if isinstance(plain, dict) else {}


def _config(folder: Path, environment: Mapping[str, Any]) -> tuple[ExperimentConfig, list[str]]:
    """The configuration that was trained, if possible from environment.json: config.yaml is never rewritten."""
    path, warnings = folder / CONFIG, []
    if "config" not in environment:
        if not path.exists():
            raise UserError(f"{folder}: has neither {ENVIRONMENT} nor {CONFIG}, so nobody knows what was trained.")
        found = load_config(path)
        config = with_split_seed_of_run(found, _split_seed(folder, found))
        return config, [f"{folder}: has no environment.json; config.yaml tells what was trained"]
    config = recorded_config(environment["config"], str(folder / ENVIRONMENT))
    if not path.exists():
        return config, [f"{path}: is missing; environment.json tells what was trained"]
    told = with_split_seed_of_run(load_config(path), config.data.split_seed)
    differing = [key for key in differing_keys(told, config) if key not in RESUMABLE_CHANGES]
    if differing:
        warnings.append(f"{path}: is not what was trained ({', '.join(differing)}); environment.json tells what was")
    return config, warnings


def _split_seed(folder: Path, config: ExperimentConfig) -> int:
    """From the run's split.json; before split seeds existed, training.seed determined the split."""
    try:
        return int(json.loads((folder / SPLIT).read_text(encoding="utf-8"))["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return config.training.seed


def _damages(path: Path, journal: _Journal) -> list[str]:
    warnings = []
    with path.open("rb") as file:
        file.seek(-1, 2)
        if file.read(1) != b"\n":
            warnings.append(f"{path}: its last line is incomplete (its writer was killed there) and was left out")
    if journal.gap is not None:
        before, after = journal.gap
        warnings.append(f"{path}: goes from event {before} to event {after}; what lay between is lost")
    return warnings


def _missing_files(folder: Path, events: list[Mapping[str, Any]], status: Status) -> list[str]:
    """Files that the journal names and the folder lacks."""
    warnings = []
    arrays = [event["arrays"] for event in events if event["kind"] == "figure" and event.get("arrays")]
    lost = [name for name in arrays if not (folder / name).is_file()]
    if lost:
        warnings.append(f"{folder}: {len(lost)} of {len(arrays)} figures cannot be shown, {lost[0]} is not there")
    latest: dict[str, Mapping[str, Any]] = {}
    for event in events:
        if event["kind"] == "checkpoint":
            latest[event["role"]] = event
        elif event["kind"] == "checkpoint_removed":
            latest.pop(event["role"], None)
    for event in latest.values():
        file = folder / event["path"]
        if not file.is_file():
            use = "resumed" if event["role"] == "last" else "sampled from"
            warnings.append(f"{file}: is not there; the run cannot be {use}")
        elif file.stat().st_size != event["bytes"]:
            size = file.stat().st_size
            warnings.append(f"{file}: has {size} bytes, but the journal tells of {event['bytes']}; it may be damaged")
    if status is Status.PAUSED and "last" not in latest:
        warnings.append(f"{folder / LAST}: was never written; a resumed training begins anew")
    return warnings
