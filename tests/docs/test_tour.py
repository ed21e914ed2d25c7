"""docs/tour.ipynb, run from its first cell to its last as a reader would, in an empty folder."""

from __future__ import annotations

from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from waiting import patience

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tour.ipynb"


def test_the_tour_runs_to_its_end_and_what_it_draws_is_a_universe_of_the_asked_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MPLBACKEND", raising=False)  # Streamlit leaves "Agg" there, which would show no figure
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook,
        timeout=int(patience(600)),
        startup_timeout=int(patience(60)),
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    printed = "".join(out.get("text", "") for cell in notebook.cells for out in cell.get("outputs", []))
    assert "mean of the slabs / expected = 1.000000" in printed
    assert any("image/png" in out.get("data", {}) for out in notebook.cells[-1].outputs)
    assert (tmp_path / "tour" / "run" / "checkpoints" / "checkpoint_best.pt").is_file()
    assert np.load(tmp_path / "tour" / "suite" / "maps.npy", mmap_mode="r").shape == (96, 32, 32)
