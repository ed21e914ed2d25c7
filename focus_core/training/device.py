"""The device of a training run, and how much memory the run takes there."""

from __future__ import annotations

import os
import platform
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import psutil
import torch

from focus_core.costs.processor import processor_name
from focus_core.errors import UserError


def choose_device(name: str) -> torch.device:
    """The device of a configuration; "auto" chooses a GPU if there is one."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if re.fullmatch(r"cpu|mps|cuda(:\d{1,2})?", name) is None:
        raise UserError(f"device: '{name}' is not known; there are cpu, cuda, cuda:1, mps and auto.")
    device = torch.device(name)
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise UserError(f"device: {name} is not there ({torch.cuda.device_count()} CUDA devices found); use auto.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UserError("device: mps is not there; it needs a Mac with Apple silicon; use auto.")
    return device


def device_name(device: torch.device) -> str:
    """The model of the GPU or of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return processor_name() if device.type == "cpu" else platform.machine()


def prepare(device: torch.device, deterministic: bool) -> None:
    """Configure a GPU: for the fastest kernels, or for those that give the same numbers every time."""
    if device.type != "cuda":
        return
    if deterministic:
        # cuBLAS reads it at first use; without it torch refuses products that could differ.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    _tell_the_compiler(deterministic)
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.deterministic = deterministic
    torch.backends.cudnn.benchmark = not deterministic


def _tell_the_compiler(deterministic: bool) -> None:
    """A compiler that tries variants of a kernel and keeps the fastest may keep another one the next time, and with it
    another order of sums."""
    from torch._inductor import config  # half a second of import, for CUDA alone

    config.deterministic = deterministic


@contextmanager
def one_thread() -> Iterator[None]:
    """torch computes in the calling thread alone, whose own time (`time.thread_time`) is then that of the work, for any
    other load on the processor: several threads wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class PeakMemory:
    """The peak memory in use since it was opened, in bytes, above the amount in use then.

    On CUDA this is the allocator's own count. Elsewhere a thread samples the process's anonymous memory (files that
    are mapped, such as a dataset, do not count), often enough to see the backward pass of any relevant step.
    """

    _INTERVAL = 0.05

    def __init__(self, device: torch.device) -> None:
        self._device, self._peak, self._before = device, 0, 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self._before = torch.cuda.memory_allocated(self._device)
        else:
            self._before = self._peak = resident_memory()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def read(self) -> int:
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) - self._before
        self._peak = max(self._peak, resident_memory())
        return self._peak - self._before

    def _watch(self) -> None:
        while not self._ended.wait(self._INTERVAL):
            self._peak = max(self._peak, resident_memory())


def resident_memory() -> int:
    """Bytes of this process in memory, without mapped files if the system distinguishes them (Linux)."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return int(psutil.Process().memory_info().rss)
