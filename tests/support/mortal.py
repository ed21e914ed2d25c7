"""Processes of tests end with the tests: a run that is interrupted or killed leaves no laboratory behind."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from worker.processes import die_with_parent


def end_with_tests() -> None:
    """Ask Linux for SIGTERM, at which all our programs end in order, when the process of the tests dies of whatever.

    Said by the child; children of its own are its own affair. (Elsewhere than on Linux nothing happens.)
    """
    die_with_parent(signal.SIGTERM)


def mortal(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """As subprocess.Popen. For the thread that runs the tests: a child's life hangs on the thread that started it."""
    return subprocess.Popen(command, preexec_fn=end_with_tests, **options)
