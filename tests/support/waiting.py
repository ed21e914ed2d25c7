"""Waiting for a condition, for tests of real processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

# Shared machines stall for tens of seconds at times; conditions are awaited, never slept for.
PATIENCE_SECONDS = 300.0


def await_condition(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """The first true answer; the sentence of a failure says what was waited for."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for: {what}"
        time.sleep(0.1)
    return answer
