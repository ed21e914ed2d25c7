"""Pictures of one pixel, for tests that look at none: drawing takes longer than a small training run or evaluation.

Full pictures are drawn by shared fixtures (`finished_run`, an evaluation's `report`), by children, and by the tests of
`focus_core/figures`.
"""

from __future__ import annotations

import io
from typing import BinaryIO

import pytest
from PIL import Image

# Functions that draw a figure into a file, where their caller finds them. Its axes take as long as writing its pixels.
DRAWN_BY = (
    "focus_core.figures.epoch_curves.draw_curves",
    "focus_core.figures.history.draw_history",
    "focus_core.figures.samples.draw_samples",
    "focus_core.evaluation.report.draw_result",
    "focus_core.evaluation.report_page.draw_result",
    "focus_core.evaluation.report.draw_over_prior",
    "focus_core.evaluation.report_page.draw_over_prior",
)


@pytest.fixture(autouse=True)
def pictures_of_one_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a folder whose conftest.py imports it, or a file."""
    dot = io.BytesIO()
    Image.new("RGB", (1, 1), "white").save(dot, format="png")

    def write(file: BinaryIO, *content: object, **more: object) -> None:
        file.write(dot.getvalue())

    for place in DRAWN_BY:
        monkeypatch.setattr(place, write)
