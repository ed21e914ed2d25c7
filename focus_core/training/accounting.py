"""Where the time of an epoch went: how long steps took, how long they waited for maps, how hard the device worked.

Nothing here waits for a GPU: it marks its own time, which is read when the epoch has ended.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
import torch

from focus_core.config.experiment import ExperimentConfig
from focus_core.costs.estimate import estimate
from focus_core.networks.building import build_network
from focus_core.training.device import one_thread
from focus_core.training.precision import Number

T = TypeVar("T")
Moment = Any  # of a clock: seconds, or an event of CUDA

# A product of matrices of this side is repeated for a moment: large enough for full speed, short enough not to matter.
_PRODUCT = {"cpu": (768, 0.15), "cuda": (8192, 0.2), "mps": (2048, 0.1)}


class StepClock:
    """Times the steps of an epoch on the device that takes them."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._steps: list[tuple[Moment, Moment]] = []
        self._last: Moment = None
        self._waited = self._looped = 0.0
        self._since = 0.0

    def restart(self) -> None:
        """Something that is no step has just ended: a checkpoint, a validation."""
        self._last, self._since = self._mark(), time.perf_counter()

    def waiting(self, batches: Iterator[T]) -> Iterator[T]:
        """The same batches; the time until each of them is there counts as waiting."""
        while True:
            began = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            self._waited += time.perf_counter() - began
            yield batch

    def step_done(self) -> None:
        mark, now = self._mark(), time.perf_counter()
        self._steps.append((self._last, mark))
        self._looped += now - self._since
        self._last, self._since = mark, now

    def epoch_done(self) -> dict[str, float]:
        """`step_ms_p50`, `_p90`, `_p99` and `data_wait_share` of the steps since the last call; {} without any."""
        steps, self._steps = self._steps, []
        waited, looped = self._waited, self._looped
        self._waited = self._looped = 0.0
        if not steps:
            return {}
        if self._device.type == "cuda":
            steps[-1][1].synchronize()  # the mark itself may lie behind the last number that was read
        p50, p90, p99 = np.percentile([self._milliseconds(*step) for step in steps], [50, 90, 99])
        return {
            "step_ms_p50": float(p50),
            "step_ms_p90": float(p90),
            "step_ms_p99": float(p99),
            "data_wait_share": min(1.0, waited / looped) if looped > 0 else 0.0,
        }

    def _mark(self) -> Moment:
        if self._device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event

    def _milliseconds(self, began: Moment, ended: Moment) -> float:
        return float(began.elapsed_time(ended)) if self._device.type == "cuda" else 1e3 * (ended - began)


def work_of_a_map(config: ExperimentConfig, grid: int, periodic: bool) -> int:
    """Operations of a training step for each map, forward and backward.

    By the arithmetic of the catalogue, which agrees with torch's counter; a network without its own is
    counted, on tensors that have a shape and no numbers.
    """
    cost = estimate(config, grid)
    if cost.exact:
        return cost.flops_per_image
    from torch.utils.flop_counter import FlopCounterMode

    model = config.model
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network = build_network(model, periodic)
        x, t = torch.empty(1, model.in_channels, grid, grid), torch.empty(1)
        network(x, t, torch.empty(1, model.cond_dim)).sum().backward()
    return int(counter.get_total_flops())


def measured_peak(device: torch.device, number: Number) -> float:
    """Operations a second of a product of matrices on this device, in 32 bits or bf16; measured once a process.

    On a processor it is one thread's, by the time that this thread itself ran, times the threads: the product of
    several, by the clock, is that of what others leave, and a training run seemed to work at 133 % of it.
    """
    if device.type != "cpu":
        return _measured_peak(device, number)
    threads = torch.get_num_threads()
    with one_thread():
        return threads * _measured_peak(device, number)


@functools.cache
def _measured_peak(device: torch.device, number: Number) -> float:
    clock = time.thread_time if device.type == "cpu" else time.perf_counter
    side, moment = _PRODUCT[device.type]
    tile = torch.randn(256, 256, generator=torch.Generator().manual_seed(0))
    a = tile.to(device, torch.bfloat16 if number == "bf16" else torch.float32).repeat(side // 256, side // 256)
    least, ends = float("inf"), clock() + moment
    while True:
        began = clock()
        _wait(torch.mm(a, a))
        least = min(least, clock() - began)
        if clock() > ends:
            return 2 * side**3 / least


def _wait(x: torch.Tensor) -> None:
    """Until it is computed."""
    x[0, 0].item()
