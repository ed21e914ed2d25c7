"""When checkpoints are written, which are kept, and what the journal records of them.

Always kept: the best, the last, and the previous last one as a fallback. `training.keep_every` also keeps one every
so many epochs, and of those `training.keep_last` only the newest so many (0: all). Kept checkpoints stay when
these settings change, until a newer one is kept.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from focus_core.config.training import TrainingSection
from focus_core.progress import Journal, find_events
from focus_core.training.checkpoint import (
    SavedCheckpoint,
    kept_epochs,
    path_of_role,
    save_checkpoint,
    saved_as,
    settle_checkpoint,
)


class CheckpointWriter:
    """Writes the checkpoints of one start of a training run."""

    def __init__(self, run_folder: Path, journal: Journal, training: TrainingSection) -> None:
        self._run_folder, self._journal, self._training = run_folder, journal, training
        self._saved_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether so much was learned since the last one that a crash must not lose it."""
        return time.monotonic() - self._saved_at > 60.0 * self._training.checkpoint_minutes

    def save(self, state: dict[str, Any], *, best: bool = False, epoch_done: bool = False) -> None:
        """`state` is described in `focus_core.training.checkpoint`."""
        keep = epoch_done and self._is_kept(state)
        self._tell(state, save_checkpoint(self._run_folder, state, best, keep))
        self._forget(state, keep)
        self._saved_at = time.monotonic()

    def settle(self, state: dict[str, Any]) -> None:
        """Complete what the writer of the last checkpoint left undone if it was killed: the checkpoint's other names,
        the weights, and the lines of the journal. `state` is that checkpoint's."""
        epoch = state["history"][-1] if state["history"] else None
        if epoch is None or epoch["step"] != state["step"]:
            return  # saved within an epoch, under one name
        keep = self._is_kept(state)
        roles = settle_checkpoint(self._run_folder, state, epoch["best"], keep)
        told = {event["role"] for event in find_events(self._journal.path, "checkpoint", step=state["step"])}
        self._tell(state, [saved_as(self._run_folder, role) for role in roles if role not in told])
        self._forget(state, keep)

    def _is_kept(self, state: dict[str, Any]) -> bool:
        every = self._training.keep_every
        return every > 0 and state["epoch"] % every == 0

    def _tell(self, state: dict[str, Any], files: list[SavedCheckpoint]) -> None:
        for file in files:
            self._journal.write(
                "checkpoint",
                epoch=state["epoch"],
                step=state["step"],
                role=file.role,
                path=str(file.path),
                bytes=file.bytes,
                sha256=file.sha256,
                val_loss=state["val_loss"],
            )

    def _forget(self, state: dict[str, Any], keep: bool) -> None:
        """Remove the oldest of the kept epochs when a new one was added."""
        if keep and self._training.keep_last:
            position = {"epoch": state["epoch"], "step": state["step"]}
            self._remove(kept_epochs(self._run_folder)[self._training.keep_last :], position)

    def _remove(self, roles: list[str], position: dict[str, int]) -> None:
        """The journal first: the record must not offer a deleted file."""
        for role in roles:
            path = path_of_role(role)
            self._journal.write("checkpoint_removed", **position, role=role, path=str(path))
            (self._run_folder / path).unlink()
