"""Several processes, the ranks, train one network: each computes its share of a batch, and the gradients are summed.

Every rank draws the order, the noise, the times and the dropped conditions of the whole batch from the same generators
and takes its own rows, so the loss and its gradient are those of one process at the same batch, to rounding. Weights
and optimiser stay equal because the sums are equal. Rank 0 alone writes.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from focus_core.config.experiment import ExperimentConfig
from focus_core.errors import UserError
from focus_core.training.device import choose_device
from focus_core.training.stopping import StopSwitch

# torchrun ends the others when a rank dies, so none waits in vain; but the first may fit a transform for an hour.
_PATIENCE = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Ranks:
    """The rank of this process and their number. A single process is the first of one, at no extra cost."""

    number: int = 0
    count: int = 1
    local: int = 0  # on this machine: the number of its GPU

    @property
    def first(self) -> bool:
        return self.number == 0

    def device(self, device: torch.device) -> torch.device:
        """This rank's own GPU, or the shared processor."""
        return torch.device(device.type, self.local) if self.count > 1 and device.type == "cuda" else device

    def own(self, n: int) -> slice:
        """This rank's rows of a batch of n; possibly none of a small last one."""
        return slice(n * self.number // self.count, n * (self.number + 1) // self.count)

    def add_up(self, loss: Tensor, parameters: Iterable[nn.Parameter]) -> Tensor:
        """Gradients become their sums over the ranks; so does the loss, which is returned. One message for all."""
        if self.count == 1:
            return loss
        weights = [weight for weight in parameters if weight.requires_grad]
        gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
        message = torch.cat([loss.reshape(1).float(), *(gradient.reshape(-1) for gradient in gradients)])
        dist.all_reduce(message)
        pieces = message[1:].split([gradient.numel() for gradient in gradients])
        for weight, gradient, piece in zip(weights, gradients, pieces, strict=True):
            weight.grad = gradient.copy_(piece.view_as(gradient))
        return message[0]

    def add(self, number: float) -> float:
        """The sum of a number over the ranks."""
        if self.count == 1:
            return number
        total = torch.tensor(number, dtype=torch.float64)
        dist.all_reduce(total)
        return float(total)

    def check(self, stop: StopSwitch) -> None:
        """Raise StopRequested in every rank, at the same step, if any of them was asked to stop."""
        if self.count > 1:
            asked = torch.tensor(float(stop.on))
            dist.all_reduce(asked, op=dist.ReduceOp.MAX)
            if float(asked) == 0:
                return  # a request that arrived since this exchange is handled at the next step, by all
            stop.turn_on("stopped with the other processes")
        stop.check()

    def tell(self, plan: Any) -> Any:
        """Every rank gets the value of the first."""
        if self.count == 1:
            return plan
        box = [plan]
        dist.broadcast_object_list(box, src=0)
        return box[0]


ALONE = Ranks()


@contextmanager
def joined() -> Iterator[Ranks]:
    """This process with the others that torchrun started, or alone."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1 or "MASTER_ADDR" not in os.environ:
        yield ALONE
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
    try:
        yield Ranks(dist.get_rank(), count, int(os.environ.get("LOCAL_RANK", "0")))
    finally:
        dist.destroy_process_group()


@contextmanager
def plan_told(ranks: Ranks) -> Iterator[Callable[[Any], None]]:
    """Gives the first rank a function to send its plan once; if it never does, the others receive None."""
    told = []

    def tell(plan: Any) -> None:
        told.append(ranks.tell(plan))

    try:
        yield tell
    finally:
        if not told:
            ranks.tell(None)


def check_devices(wanted: int, device: torch.device) -> None:
    """UserError if there are fewer devices of this kind than `training.devices` requires."""
    there = devices_there(device)
    if wanted > 1 and device.index is not None:
        raise UserError(
            f"device: {device} is one device, but training.devices asks for {wanted}; set device to {device.type}."
        )
    if wanted > there:
        words = {"cpu": "core" if there == 1 else "cores", "cuda": "GPU" if there == 1 else "GPUs"}
        found = f"{there} {words.get(device.type, 'device')}"
        raise UserError(f"training.devices: {wanted} are asked for, but this machine has {found}; set it to {there}.")


def enough_devices(config: ExperimentConfig) -> bool:
    try:
        check_devices(config.training.devices, choose_device(config.device))
    except UserError:
        return False
    return True


def devices_there(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.device_count()
    return cores() if device.type == "cpu" else 1


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
