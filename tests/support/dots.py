"""Pictures of one pixel, for tests that look at none: drawing takes longer than a small training or evaluation.

In full they are drawn by what tests share (`finished_run`, an evaluation's `report`), by children, and by the tests of
`focus_core/figures`.
"""

from __future__ import annotations

import io
from typing import BinaryIO

import pytest
from matplotlib.figure import Figure
from PIL import Image


@pytest.fixture(autouse=True)
def pictures_of_one_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a folder whose conftest.py imports it."""
    dot = io.BytesIO()
    Image.new("RGB", (1, 1), "white").save(dot, format="png")

    def write(figure: Figure, file: BinaryIO, **options: object) -> None:
        file.write(dot.getvalue())

    monkeypatch.setattr(Figure, "savefig", write)
