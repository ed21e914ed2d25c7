"""When training_history.png is drawn: after an epoch, unless drawing takes a large part of the training time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from focus_core.disk.atomic import replacing
from focus_core.run_files import HISTORY

# The fraction of the time that drawing may take: epochs of small maps are shorter than drawing their curves.
_SHARE = 0.05


class HistoryFigure:
    """The curves of one start of a training run. After a slow drawing, epochs may be skipped: the journal has
    every point, and the last epoch, a stop and a resumption draw all of them."""

    def __init__(self, run_folder: Path) -> None:
        self._path = run_folder / HISTORY
        self._epochs, self._next = 0, 0.0

    def draw_in_time(self, history: Sequence[Mapping[str, Any]]) -> None:
        """After an epoch that is followed by others."""
        if time.monotonic() >= self._next:
            self.draw(history)

    def draw(self, history: Sequence[Mapping[str, Any]]) -> None:
        """At once, regardless of the time, if there are epochs not yet drawn."""
        if len(history) == self._epochs:
            return
        from focus_core.figures.history import draw_history  # matplotlib, which the first step need not wait for

        began = time.monotonic()
        with replacing(self._path) as file:
            draw_history(file, history)
        ended = time.monotonic()
        self._epochs, self._next = len(history), ended + (ended - began) / _SHARE
