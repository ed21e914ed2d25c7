"""The learning rate of every step: a linear warm-up, then one of the schedulers of the configuration."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from focus_core.catalogue.by_path import load
from focus_core.catalogue.learning_rates import LEARNING_RATES
from focus_core.config.training import SchedulerSection

# (section, base rate, epochs since the warm-up, their share of the decay) → rate.
Rate = Callable[[SchedulerSection, float, float, float], float]

# torch's own defaults for ReduceLROnPlateau: smaller relative progress, and smaller changes of the rate, do not count.
_THRESHOLD, _SMALLEST_CHANGE = 1e-4, 1e-8


class LearningRate:
    """`at(step)` is the rate of the step that follows `step` finished ones; `epoch_done` lets a plateau reduce it."""

    def __init__(self, section: SchedulerSection, base: float, steps_per_epoch: int, num_epochs: int) -> None:
        self._section, self._base, self._steps_per_epoch = section, base, steps_per_epoch
        self._warm_up_steps = section.warmup_epochs * steps_per_epoch
        self._decay_epochs = section.T_max or max(1.0, num_epochs - section.warmup_epochs)
        self._plateau_rate, self._best, self._bad_epochs = base, math.inf, 0
        self._spec = LEARNING_RATES[section.name]
        self._rate: Rate | None = None if self._spec.rate is None else load(self._spec.rate)

    def at(self, step: int) -> float:
        """base · min(1, (s + 1) / warm-up steps) while warming up, the scheduler's rate afterwards."""
        if step < self._warm_up_steps:
            return self._base * min(1.0, (step + 1) / self._warm_up_steps)
        epochs = (step - self._warm_up_steps) / self._steps_per_epoch
        if self._rate is None:
            return self._plateau_rate
        return self._rate(self._section, self._base, epochs, min(1.0, epochs / self._decay_epochs))

    def epoch_done(self, epoch: int, val_loss: float) -> tuple[float, float] | None:
        """Report the validation loss of a completed epoch (from 1); returns the rates before and after a reduction.

        The plateau counts as torch's ReduceLROnPlateau does, over the epochs that follow the warm-up.
        """
        if not self._spec.follows_validation or epoch <= self._section.warmup_epochs:
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


def cosine(section: SchedulerSection, base: float, epochs: float, share: float) -> float:
    return section.eta_min + (base - section.eta_min) * (1.0 + math.cos(math.pi * share)) / 2.0


def linear(section: SchedulerSection, base: float, epochs: float, share: float) -> float:
    return section.eta_min + (base - section.eta_min) * (1.0 - share)


def step(section: SchedulerSection, base: float, epochs: float, share: float) -> float:
    return base * section.gamma ** int(epochs // section.step_size)
