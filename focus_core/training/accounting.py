"""Where the time of an epoch is spent: duration of steps, data-loading wait, and utilisation of the device.

Nothing here waits for a GPU: events are recorded on it and read when the epoch has ended.
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
Moment = Any  # of a clock: seconds, or a CUDA event

# A matrix product of this size is repeated for a moment: large enough for full speed, short enough not to matter.
_PRODUCT = {"cpu": (768, 0.15), "cuda": (8192, 0.2), "mps": (2048, 0.1)}


class StepClock:
    """Times the steps of an epoch on the device that runs them."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._steps: list[tuple[Moment, Moment]] = []
        self._last: Moment = None
        self._waited = self._looped = 0.0
        self._since = 0.0

    def restart(self) -> None:
        """Called after work that is not a step: a checkpoint, a validation."""
        self._last, self._since = self._mark(), time.perf_counter()

    def waiting(self, batches: Iterator[T]) -> Iterator[T]:
        """The same batches; the time until each is available counts as data-loading wait."""
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
            steps[-1][1].synchronize()  # the event itself may come after the last number that was read
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
    """FLOPs of a training step per map, forward and backward.

    From the catalogue's arithmetic, which agrees with torch's counter; for a network without its own, operations are
    counted on tensors that have a shape and no numbers.
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
    """FLOP/s of a matrix product on this device, in 32 bits or bf16; measured once per process.

    On a processor it is one thread's rate, by its own CPU time, multiplied by the number of threads: the rate of
    several threads by the clock depends on other processes, and a training run seemed to reach 133 % of it.
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
    """Wait until it is computed."""
    x[0, 0].item()
