"""Where training maps are kept: on the device in the network's input form, or on disk with a thread reading ahead."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from focus_core.data.dataset import CHUNK_PIXELS, MapDataset
from focus_core.data.transform import Transform

T = TypeVar("T")

# Fraction of a device's total memory for maps: a processor's is shared with other processes, a GPU's with the network.
_SHARE = {"cpu": 0.10, "cuda": 0.25}
# Fraction of the memory that is free at the start.
_SHARE_OF_FREE = 0.5


@dataclass(frozen=True)
class Storage:
    """`dtype` is that of the stored maps. It follows from the sizes of maps and device alone, so that a resumed run
    reads the same numbers as before; whether maps are `resident` may change from start to start."""

    dtype: torch.dtype
    resident: bool
    bytes: int

    def __str__(self) -> str:
        if not self.resident:
            return "read from disk ahead of their step"
        return (
            f"on the device{' in half precision' if self.dtype == torch.float16 else ''} ({self.bytes / 1e6:,.0f} MB)"
        )


def choose_storage(pixels: int, device: torch.device, copies: int = 1) -> Storage:
    """How to store so many pixels. `copies` is the number of processes that each keep them in the same memory."""
    total, free = _memory(device)
    allowed = _SHARE.get(device.type, 0.0) * total
    formats = [torch.float32, torch.float16] if device.type == "cuda" else [torch.float32]
    for dtype in formats:
        size = pixels * dtype.itemsize
        if size * copies <= allowed:
            return Storage(dtype, size * copies <= _SHARE_OF_FREE * free, size)
    return Storage(torch.float32, False, 0)


def _memory(device: torch.device) -> tuple[int, int]:
    """Total and free memory of the device, in bytes."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return total, free
    memory = psutil.virtual_memory()
    return memory.total, memory.available


class WaitingMaps:
    """Maps (B, N, N) in the network's input form, in 32 bits, on the device, by their number in `indices`.

    The numbers are the same whether they are kept on the device or on disk.
    """

    def __init__(
        self,
        dataset: MapDataset,
        transform: Transform,
        indices: NDArray[np.int64],
        device: torch.device,
        copies: int = 1,
    ) -> None:
        self._dataset, self._transform, self._indices, self._device = dataset, transform, indices, device
        self.storage = choose_storage(len(indices) * dataset.grid**2, device, copies)
        self._resident = self._all() if self.storage.resident else None

    def batches(self, numbers: Sequence[NDArray[np.int64]], threads: int) -> Iterator[Tensor]:
        """The maps of each of these batches in turn. If the device has no room, so many threads read ahead."""
        if self._resident is not None:
            for one in numbers:
                yield self._resident[torch.from_numpy(one).to(self._device, non_blocking=True)].float()
            return
        for x in ahead([partial(self._read, one) for one in numbers], threads):
            yield x.to(self._device, non_blocking=True).float()

    def _read(self, numbers: NDArray[np.int64]) -> Tensor:
        """In pinned memory if a GPU will fetch it, so that the copy does not wait for the network."""
        x = torch.from_numpy(self._transform.forward(self._dataset.maps[self._indices[numbers]])).to(self.storage.dtype)
        return x.pin_memory() if self._device.type == "cuda" else x

    def _all(self) -> Tensor:
        n, grid = len(self._indices), self._dataset.grid
        held = torch.empty((n, grid, grid), dtype=self.storage.dtype, device=self._device)
        step = max(1, CHUNK_PIXELS // grid**2)
        for first in range(0, n, step):
            held[first : first + step] = self._read(np.arange(first, min(n, first + step)))
        return held


def ahead(work: Sequence[Callable[[], T]], threads: int) -> Iterator[T]:
    """The results in order; while one is used, the next two are made (one more than there are threads, if more)."""
    with contextlib.ExitStack() as closing:
        pool = ThreadPoolExecutor(threads, thread_name_prefix="maps")
        closing.callback(pool.shutdown, wait=True, cancel_futures=True)
        waiting: deque[Future[T]] = deque()
        for task in work:
            waiting.append(pool.submit(task))
            if len(waiting) > max(2, threads + 1):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
