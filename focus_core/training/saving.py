"""When checkpoints are written, which stay, and what the journal tells of them.

Always there: the best, the last, and the last before it, to fall back on. `training.keep_every` keeps the one of every
so many epochs too, and of those `training.keep_last` only the newest so many (0: all). What a run has kept stays when
these settings change, until a newer one is kept.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from focus_core.config_training import TrainingSection
from focus_core.progress import Journal
from focus_core.training.checkpoint import kept_epochs, path_of_role, save_checkpoint


class CheckpointWriter:
    """Writes the checkpoints of one start of a training."""

    def __init__(self, run_folder: Path, journal: Journal, training: TrainingSection) -> None:
        self._run_folder, self._journal, self._training = run_folder, journal, training
        self._saved_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether so much was learned since the last one that a crash should not undo it."""
        return time.monotonic() - self._saved_at > 60.0 * self._training.checkpoint_minutes

    def save(self, state: dict[str, Any], *, best: bool = False, epoch_done: bool = False) -> None:
        """`state` is what `focus_core.training.checkpoint` describes."""
        every, position = self._training.keep_every, {"epoch": state["epoch"], "step": state["step"]}
        keep = epoch_done and every > 0 and state["epoch"] % every == 0
        for saved in save_checkpoint(self._run_folder, state, best, keep):
            self._journal.write(
                "checkpoint",
                **position,
                role=saved.role,
                path=str(saved.path),
                bytes=saved.bytes,
                sha256=saved.sha256,
                val_loss=state["val_loss"],
            )
        if keep and self._training.keep_last:
            self._remove(kept_epochs(self._run_folder)[self._training.keep_last :], position)
        self._saved_at = time.monotonic()

    def _remove(self, roles: list[str], position: dict[str, int]) -> None:
        """The journal first: the record must not offer what is gone."""
        for role in roles:
            path = path_of_role(role)
            self._journal.write("checkpoint_removed", **position, role=role, path=str(path))
            (self._run_folder / path).unlink()
