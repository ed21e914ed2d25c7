"""Stop requests: by a signal, or by the death of the process that started the training run."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from types import FrameType

from focus_core.errors import StopRequested

PARENT = "FOCUS_PARENT_PID"
_PR_SET_PDEATHSIG = 1


class StopSwitch:
    """Turned on by SIGTERM or SIGINT. Training checks it between steps, so that no step is interrupted."""

    def __init__(self) -> None:
        self._reason = ""

    def listen(self) -> None:
        """Handle the two signals (in the main thread), and follow the parent if `FOCUS_PARENT_PID` names it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        parent = os.environ.get(PARENT, "")
        if parent.isdigit():
            self._follow(int(parent))

    @property
    def on(self) -> bool:
        return bool(self._reason)

    def check(self) -> None:
        """Raise StopRequested if a stop was requested."""
        if self._reason:
            raise StopRequested(self._reason)

    def turn_on(self, reason: str) -> None:
        self._reason = self._reason or reason

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.turn_on(f"stopped by {signal.Signals(number).name}")

    def _follow(self, parent: int) -> None:
        """Stop when the parent dies. Linux sends a signal; elsewhere a thread checks every second."""
        if sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            # It may have died before the call, in which case no signal comes.
            if os.getppid() != parent:
                self.turn_on("stopped, for the process that started it is gone")
        else:
            threading.Thread(target=self._watch, args=(parent,), name="parent", daemon=True).start()

    def _watch(self, parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        self.turn_on("stopped, for the process that started it is gone")
