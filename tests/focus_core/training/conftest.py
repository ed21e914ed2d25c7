"""What trainings in this process leave out, since no test in this folder looks at it."""

from __future__ import annotations

import io
from typing import BinaryIO

import pytest
from matplotlib.figure import Figure
from PIL import Image


@pytest.fixture(autouse=True)
def pictures_of_one_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training's PNGs have one pixel: drawing them takes longer than so small a training.

    They are drawn in full by `finished_run`, by children, and by the tests of `focus_core/figures`.
    """
    dot = io.BytesIO()
    Image.new("RGB", (1, 1), "white").save(dot, format="png")

    def write(figure: Figure, file: BinaryIO, **options: object) -> None:
        file.write(dot.getvalue())

    monkeypatch.setattr(Figure, "savefig", write)
