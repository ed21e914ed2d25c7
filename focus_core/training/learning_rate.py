"""The learning rate of every step: a linear warm-up, then one of the schedulers of the configuration."""

from __future__ import annotations

import math
from typing import Any

from focus_core.config_training import SchedulerSection

# torch's own defaults for ReduceLROnPlateau: progress smaller than this share is none, changes smaller than this none.
_THRESHOLD, _SMALLEST_CHANGE = 1e-4, 1e-8


class LearningRate:
    """`at(step)` is the rate of the step that follows `step` finished ones; `epoch_done` lets a plateau reduce it."""

    def __init__(self, section: SchedulerSection, base: float, steps_per_epoch: int, num_epochs: int) -> None:
        self._section, self._base, self._steps_per_epoch = section, base, steps_per_epoch
        self._warm_up_steps = section.warmup_epochs * steps_per_epoch
        self._decay_epochs = section.T_max or max(1.0, num_epochs - section.warmup_epochs)
        self._plateau_rate, self._best, self._bad_epochs = base, math.inf, 0

    def at(self, step: int) -> float:
        """base · min(1, (s + 1) / warm-up steps) while warming up, the scheduler's rate afterwards."""
        if step < self._warm_up_steps:
            return self._base * min(1.0, (step + 1) / self._warm_up_steps)
        epochs = (step - self._warm_up_steps) / self._steps_per_epoch
        section, share = self._section, min(1.0, epochs / self._decay_epochs)
        if section.name == "plateau":
            return self._plateau_rate
        if section.name == "cosine":
            return section.eta_min + (self._base - section.eta_min) * (1.0 + math.cos(math.pi * share)) / 2.0
        if section.name == "linear":
            return section.eta_min + (self._base - section.eta_min) * (1.0 - share)
        if section.name == "step":
            return self._base * section.gamma ** int(epochs // section.step_size)
        return self._base

    def epoch_done(self, epoch: int, val_loss: float) -> tuple[float, float] | None:
        """Tell the validation loss of a completed epoch (from 1); the rates before and after, if it was reduced.

        The plateau counts as torch's ReduceLROnPlateau does, over the epochs that follow the warm-up.
        """
        if self._section.name != "plateau" or epoch <= self._section.warmup_epochs:
            return None
        if val_loss < self._best * (1.0 - _THRESHOLD):
            self._best, self._bad_epochs = val_loss, 0
            return None
        self._bad_epochs += 1
        if self._bad_epochs <= self._section.patience:
            return None
        self._bad_epochs = 0
        before = self._plateau_rate
        after = max(before * self._section.factor, self._section.min_lr)
        if before - after <= _SMALLEST_CHANGE:
            return None
        self._plateau_rate = after
        return before, after

    def state_dict(self) -> dict[str, Any]:
        return {"plateau_rate": self._plateau_rate, "best": self._best, "bad_epochs": self._bad_epochs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._plateau_rate, self._best = float(state["plateau_rate"]), float(state["best"])
        self._bad_epochs = int(state["bad_epochs"])
