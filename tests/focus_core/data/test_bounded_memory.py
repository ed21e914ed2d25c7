"""Opening, checking and fitting need memory that does not grow with the file."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from focus_core.data.dataset import SURFACE_DENSITY
from focus_core.data.folder import Description, open_folder, write_folder
from focus_core.data.transform import fit_transform
from focus_core.parameters import WCDM6

# Mapped pages count as resident but belong to the page cache: what the process itself holds is RssAnon.
MEASURE = """
import sys
from pathlib import Path
from focus_core.config.experiment import DataSection
from focus_core.data.opening import open_dataset
def anonymous():
    line = next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("RssAnon"))
    return int(line.split()[1]) / 1024
before = anonymous()
data = open_dataset(DataSection(dataset=sys.argv[1]), Path("."))
print(anonymous() - before)
"""


@pytest.fixture(scope="module")
def large_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """800 maps of 256²: 210 MB on disk, 420 MB as doubles."""
    folder = tmp_path_factory.mktemp("large")
    piece = np.random.default_rng(0).lognormal(size=(20, 256, 256)).astype(np.float32)
    about = Description("large", "Mtot", SURFACE_DENSITY, 25.0, 0.0, 20, WCDM6)
    theta = WCDM6.from_unit(np.random.default_rng(1).uniform(-1, 1, (40, 6)))
    write_folder(folder, (piece for _ in range(40)), 256, theta, about)
    return folder


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is read from Linux's /proc")
def test_opening_a_large_file_keeps_it_on_disk(large_folder: Path) -> None:
    command = [sys.executable, "-c", MEASURE, str(large_folder)]
    grown = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown < 20


def test_fitting_a_transform_holds_a_few_pieces_at_once(large_folder: Path) -> None:
    data = open_folder(large_folder)
    tracemalloc.start()  # numpy reports its allocations to it
    fit_transform(data, range(data.n_simulations))
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    # A piece is 32 MB as doubles; its copy, logarithm and squared residual live beside it.
    assert peak < 200
