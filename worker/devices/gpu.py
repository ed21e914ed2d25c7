"""The compute devices of this machine, found without torch."""

from __future__ import annotations

import functools
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass

from focus_core.costs.processor import processor_name


@dataclass(frozen=True)
class Device:
    name: str  # as users know it: "NVIDIA H100 80GB HBM3", "AMD EPYC …"
    kind: str  # "cuda" | "mps" | "cpu"
    memory_bytes: int | None  # of a GPU
    index: int = 0
    uuid: str | None = None  # of a GPU, the same in every container and after every reboot


@functools.lru_cache(maxsize=1)
def devices() -> tuple[Device, ...]:
    """The GPUs that nvidia-smi lists, or Apple's, or the processor."""
    found = _nvidia()
    if not found and platform.system() == "Darwin" and platform.machine() == "arm64":
        found = (Device("Apple GPU", "mps", None),)
    return found or (Device(processor_name(), "cpu", None),)


def device_name() -> str:
    """One line for the list of workers."""
    names = [device.name for device in devices()]
    return names[0] if len(names) == 1 else f"{len(names)} × {names[0]}"


def parse_nvidia_smi(text: str) -> tuple[Device, ...]:
    """Lines of `index, uuid, name, memory in MiB`; a name may itself contain commas."""
    found = []
    for line in text.splitlines():
        front, _, memory = line.rpartition(",")
        index, uuid, name = [*front.split(",", 2), "", ""][:3]
        if index.strip().isdigit():
            size = int(memory) * 2**20 if memory.strip().isdigit() else None
            found.append(Device(name.strip(), "cuda", size, int(index), uuid.strip() or None))
    return tuple(found)


@dataclass(frozen=True)
class Slot:
    """The right to train on one GPU of this host."""

    id: str  # the GPU's own where it is known, so that two containers cannot take one GPU; else host:index
    device: str


def training_slot(gpu: str | None, host: str) -> Slot | None:
    """The slot that a training worker must hold: of its assigned GPU, otherwise of the first; None on a processor.

    `gpu` is an index or a UUID, as CUDA_VISIBLE_DEVICES takes them.
    """
    found = {name: device for device in devices() for name in (str(device.index), device.uuid) if device.kind == "cuda"}
    given = gpu or os.environ.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0].strip()
    if not given and found:
        given = str(min(device.index for device in found.values()))
    if not given:
        return None
    device = found.get(given)
    return Slot((device.uuid if device else None) or f"{host}:{given}", device.name if device else f"GPU {given}")


def gpu_environment(gpu: str | None) -> dict[str, str]:
    """Environment that makes only that GPU visible to a process, with nvidia-smi's numbering."""
    return {} if gpu is None else {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": gpu}


def _nvidia() -> tuple[Device, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        answer = subprocess.run(
            [program, "--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()  # the program exists, but no driver answers: there is no GPU to use
    return parse_nvidia_smi(answer.stdout)
