"""The journal of a run, `logs/events.jsonl`: the durable record that every database is an index of.

One JSON object per line, flushed as it is written:

    {"seq": 17, "time": "2025-01-01T00:00:00.000000+00:00", "attempt": 1, "kind": "epoch", …}

`seq` counts lines from 0 over the whole file. `attempt` counts starts of the training run from 1. Kinds and fields:

    run_started   epoch, step, num_epochs, steps_per_epoch, parameters, device, config_digest, resumed (bool),
                  train_maps, validation_maps, torch, peak_memory_estimate, devices, precision ("fp32" | "bf16"),
                  compiled (bool: asked for), data (where the maps wait), peak_flops (measured, operations per second),
                  init_from, init_from_sha256 (the checkpoint whose weights were the first, or null)
    step          step, epoch, loss, lr, grad_norm
                  (step: optimiser steps done, from 1; epoch: step / steps_per_epoch; where the loss or its gradient
                  is not finite, both are words, "nan" say, and the run ends there)
    epoch         epoch, step, train_loss, val_loss, lr, seconds, images_per_second, peak_memory_bytes, elapsed,
                  best (bool)  (epoch: completed epochs, from 1; seconds: of this epoch; elapsed: of all attempts),
                  step_ms_p50, step_ms_p90, step_ms_p99 (percentiles of a step's milliseconds), data_wait_share (of the
                  steps' time, waiting for maps), flops_per_step (operations of a full batch), peak_share (operations
                  a second over peak_flops), compiled (bool: false too where the compiler failed)
    lr_reduced    epoch, before, after
    figure        epoch, step, name ("samples", or that of a statistic of the catalogue), path, arrays, and what the
                  statistic's summary says; of "power_spectrum" power_error, power_uncertainty (its standard error over
                  the simulations), power_maps, power_simulations (how many it is of), power_ratio (by band), bands (in
                  units of k_f); of "pdf" pdf_distance (W₁, dex), pdf_uncertainty, pdf_maps, pdf_simulations
    checkpoint    epoch, step, role ("best" | "last" | "epoch_XXXX"), path, bytes, sha256, val_loss
    checkpoint_removed   epoch, step, role, path  (training.keep_last: the file goes after this line)
        checkpoint_damaged   epoch, step (of the one used instead), path, used, message
    run_ended     epoch, step, reason ("finished" | "stopped" | "failed"), message

Paths are relative to the run folder. Losses are the method's own weighted squared errors (dimensionless); seconds and
bytes are plain.
"""

from __future__ import annotations

import datetime
import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from focus_core.errors import UserError
from focus_core.run_files import JOURNAL


class Journal:
    """Appends events to a run's journal. One writer at a time; an incomplete last line of a killed writer is cut."""

    def __init__(self, run_folder: Path, attempt: int | None = None) -> None:
        """`attempt` defaults to one more than the largest in the file."""
        self.path = run_folder / JOURNAL
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_line(self.path)
        last_attempt, self._seq = 0, 0
        for event, _ in read_events(self.path):
            last_attempt, self._seq = max(last_attempt, int(event["attempt"])), int(event["seq"]) + 1
        self.attempt = last_attempt + 1 if attempt is None else attempt
        # Unbuffered, so that a line that did not fit on the disk is not written after a later one.
        self._file = self.path.open("ab", buffering=0)

    def write(self, kind: str, **fields: Any) -> None:
        """Append one event. Values are plain numbers, strings, booleans, lists or None.

        A full disk is an OSError that names the file, and leaves no part of the line.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
        event = {"seq": self._seq, "time": now, "attempt": self.attempt, "kind": kind, **fields}
        line = json.dumps(event, allow_nan=False, ensure_ascii=False).encode() + b"\n"
        size = os.fstat(self._file.fileno()).st_size
        try:
            written = self._file.write(line)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        if written != len(line):
            self._file.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self._seq += 1

    def close(self) -> None:
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Unwritten(Journal):
    """The journal of a process that helps another: nothing is written."""

    def __init__(self) -> None:
        pass

    def write(self, kind: str, **fields: Any) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class JournalPosition:
    """A reader's position: the byte after the last complete line that it has read, and that line's number."""

    offset: int = 0
    line: int = 0


def read_events(path: Path, start: JournalPosition | None = None) -> Iterator[tuple[dict[str, Any], JournalPosition]]:
    """Complete events from `start` on, each with the position after it.

    An incomplete last line (its writer is still writing it, or was killed there) is left for the next read.
    A broken line elsewhere is a UserError that names the line.
    """
    position = start or JournalPosition()
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(position.offset)
        for raw in file:
            if not raw.endswith(b"\n"):
                return
            position = JournalPosition(position.offset + len(raw), position.line + 1)
            yield _parse_line(raw, path, position.line), position


def find_events(path: Path, kind: str, **fields: Any) -> list[dict[str, Any]]:
    """Events of this kind whose fields have these values, in order."""
    events = (event for event, _ in read_events(path))
    return [
        event
        for event in events
        if event["kind"] == kind and all(event.get(name) == value for name, value in fields.items())
    ]


def _parse_line(raw: bytes, path: Path, line: int) -> dict[str, Any]:
    try:
        event = json.loads(raw)
        if not isinstance(event, dict) or not {"seq", "time", "attempt", "kind"} <= event.keys():
            raise ValueError("an event needs seq, time, attempt and kind")
    except ValueError as error:
        raise UserError(
            f"{path}, line {line}: is not a journal event ({error}); remove that line, or start the run anew with "
            "--fresh."
        ) from error
    return event


def _cut_torn_line(path: Path) -> None:
    """A process killed during a write leaves half a line; its event was never recorded."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb+") as file:
        content = file.read()
        if not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)
