"""Processes of tests end with the tests: an interrupted or killed test run leaves no laboratory behind."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from worker.processes import die_with_parent


def end_with_tests() -> None:
    """Ask Linux for SIGTERM, at which all our programs end in order, when the process of the tests dies in any way.

    Called in the child; it does not apply to the child's own children. (Only on Linux.)
    """
    die_with_parent(signal.SIGTERM)


def mortal(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """As subprocess.Popen. For the thread that runs the tests: a child ends with the thread that started it."""
    return subprocess.Popen(command, preexec_fn=end_with_tests, **options)
