"""What this machine computes with, found without torch."""

from __future__ import annotations

import functools
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Device:
    name: str  # as a person knows it: "NVIDIA H100 80GB HBM3", "AMD EPYC …"
    kind: str  # "cuda" | "mps" | "cpu"
    memory_bytes: int | None  # of a GPU


@functools.lru_cache(maxsize=1)
def devices() -> tuple[Device, ...]:
    """The GPUs that nvidia-smi lists, or Apple's, or the processor."""
    found = _nvidia()
    if not found and platform.system() == "Darwin" and platform.machine() == "arm64":
        found = (Device("Apple GPU", "mps", None),)
    return found or (Device(_processor(), "cpu", None),)


def device_name() -> str:
    """One line for the list of workers."""
    names = [device.name for device in devices()]
    return names[0] if len(names) == 1 else f"{len(names)} × {names[0]}"


def parse_nvidia_smi(text: str) -> tuple[Device, ...]:
    """Lines of `name, memory in MiB`."""
    rows = [line.rpartition(",") for line in text.splitlines() if "," in line]
    return tuple(
        Device(name.strip(), "cuda", int(memory) * 2**20 if memory.strip().isdigit() else None)
        for name, _, memory in rows
    )


def _nvidia() -> tuple[Device, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        answer = subprocess.run(
            [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()  # the program is there, but no driver answers: there is no GPU to use
    return parse_nvidia_smi(answer.stdout)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "cpu"
