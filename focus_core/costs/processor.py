"""The name of this machine's processor, found without torch."""

from __future__ import annotations

import platform
import re
from pathlib import Path

_INFORMATION = Path("/proc/cpuinfo")
# Parts of "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz" and "AMD EPYC 7763 64-Core Processor" that name no model.
_REST = re.compile(r"\((R|TM)\)|\bCPU\b|@.*$|\b\d+-Core\b|\bProcessor\b", re.IGNORECASE)


def processor_name() -> str:
    """As users know it: "AMD EPYC 7763"; the architecture if the model is unknown."""
    if _INFORMATION.exists():
        for line in _INFORMATION.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return short_name(line.partition(":")[2])
    return platform.processor() or platform.machine() or "cpu"


def short_name(model: str) -> str:
    return " ".join(_REST.sub(" ", model).split()) or model.strip()
