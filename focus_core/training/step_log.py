"""The reports of all steps, written in batches: reading a loss from a GPU after every step would make it wait."""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from focus_core.errors import UserError
from focus_core.progress import Journal

_SECONDS_BETWEEN_WRITES = 1.0


class StepLog:
    """Keeps losses on their device until a second has passed, then writes them to the journal and sums them.

    `loss_sum` and `loss_count` are those of the current epoch, over maps.
    """

    def __init__(self, journal: Journal, steps_per_epoch: int, loss_sum: float = 0.0, loss_count: int = 0) -> None:
        self._journal, self._steps_per_epoch = journal, steps_per_epoch
        self.loss_sum, self.loss_count = loss_sum, loss_count
        self.saved_step: int | None = None  # of the last checkpoint
        self._waiting: list[tuple[int, int, float]] = []
        self._values: list[Tensor] = []
        self._last_write = -math.inf

    def add(self, step: int, n_maps: int, rate: float, loss: Tensor, gradient_norm: Tensor) -> None:
        """Report step number `step` (from 1)."""
        self._waiting.append((step, n_maps, rate))
        self._values.append(torch.stack([loss.detach(), gradient_norm.detach()]))
        if time.monotonic() - self._last_write >= _SECONDS_BETWEEN_WRITES:
            self.flush()

    def flush(self) -> None:
        """Write pending values. UserError for a loss that is not finite: all later weights would be useless."""
        if not self._waiting:
            return
        rows = torch.stack(self._values).double().cpu().tolist()
        for (step, n_maps, rate), (loss, norm) in zip(self._waiting, rows, strict=True):
            epoch = round(step / self._steps_per_epoch, 6)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                # JSON has no such numbers; as words the record reads them back.
                self._journal.write("step", step=step, epoch=epoch, loss=str(loss), lr=rate, grad_norm=str(norm))
                raise UserError(
                    f"The loss is not finite at step {step}, epoch {epoch:g} (loss {loss:g}, gradient norm {norm:g}, "
                    f"rate {rate:g}), for which a learning rate that is too large or maps that changed or are not "
                    f"finite are the likely causes; {self._last_good()}: check the maps with focus data check, lower "
                    "training.lr, and start with --fresh, or give the checkpoint to another run as training.init_from."
                )
            self._journal.write("step", step=step, epoch=epoch, loss=loss, lr=rate, grad_norm=norm)
            self.loss_sum += loss * n_maps
            self.loss_count += n_maps
        self._waiting, self._values = [], []
        self._last_write = time.monotonic()

    def _last_good(self) -> str:
        if self.saved_step is None:
            return "no checkpoint was written before it"
        return f"the last checkpoint is from before it, of step {self.saved_step}"

    def end_epoch(self) -> float:
        """Mean loss of the epoch over its maps; the sums start again."""
        mean = self.loss_sum / self.loss_count
        self.loss_sum, self.loss_count = 0.0, 0
        return mean
