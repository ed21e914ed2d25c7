"""Waiting for a condition, for tests of real processes, as long as the machine's load makes necessary."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Shared machines stall for tens of seconds at times; tests wait for conditions, they never sleep for a fixed time.
PATIENCE_SECONDS = 300.0
# On however busy a machine, a condition not met by then will not be met, and the test must fail.
LONGEST_SECONDS = 600.0


def slowness() -> float:
    """How many programs compete for each core, 1 or more: timed work takes so many times as long as it would alone."""
    wanting = max(os.getloadavg()[0], _running())  # the average of a minute, and what began just now
    return max(1.0, wanting / (os.cpu_count() or 1))


def _running() -> int:
    try:
        return int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[0])
    except OSError:  # not Linux
        return 0


def patience(seconds: float = PATIENCE_SECONDS) -> float:
    """Seconds worth waiting now for what a quiet machine does in less than `seconds`, ten minutes at most."""
    return min(seconds * slowness(), LONGEST_SECONDS)


def await_condition(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """The first true answer; a failure names the condition, which took longer than on a quiet machine."""
    began = time.monotonic()
    while not (answer := condition()):
        waited = time.monotonic() - began
        assert waited < patience(seconds), f"waited {waited:.0f} s in vain for: {what}"
        time.sleep(0.1)
    return answer
