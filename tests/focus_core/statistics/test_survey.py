"""The survey of a dataset against numpy over the whole file, and its pictures pixel by pixel."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from focus_core.data import dataset as dataset_module
from focus_core.data.checking import open_path
from focus_core.data.dataset import MapDataset
from focus_core.data.folder import Description, write_folder
from focus_core.errors import UserError
from focus_core.figures.sheets import render_sheet, sheet_columns
from focus_core.figures.tiles import NIGHT
from focus_core.parameters import WCDM6
from focus_core.statistics.survey import survey_dataset

GRID, BOX, SIMULATIONS, EACH = 16, 40.0, 5, 3


@pytest.fixture
def maps() -> np.ndarray:
    found = np.random.default_rng(5).lognormal(mean=27.0, size=(SIMULATIONS * EACH, GRID, GRID)).astype(np.float32)
    found[4, 3, 2] = 0.0
    return found


@pytest.fixture
def dataset(tmp_path: Path, maps: np.ndarray) -> MapDataset:
    theta = WCDM6.from_unit(np.random.default_rng(6).uniform(-1, 1, (SIMULATIONS, 6)))
    about = Description("small", "Mtot", "(M☉/h)/(Mpc/h)²", BOX, 0.0, EACH, WCDM6)
    write_folder(tmp_path / "small", iter(maps.reshape(SIMULATIONS, EACH, GRID, GRID)), GRID, theta, about)
    return open_path(tmp_path / "small")


def test_statistics_are_those_of_every_pixel_however_the_file_is_cut(
    dataset: MapDataset, maps: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_module, "CHUNK_PIXELS", 2 * EACH * GRID**2)  # pieces of two simulations, then one
    seen: list[tuple[int, int]] = []
    found = survey_dataset(dataset, lambda done, total: seen.append((done, total)))
    pixels = maps.astype(np.float64)
    assert (found.minimum, found.maximum) == (0.0, pixels.max())
    np.testing.assert_allclose([found.mean, found.std], [pixels.mean(), pixels.std()], rtol=1e-12)
    assert found.zero_fraction == pytest.approx(1 / pixels.size)
    assert seen == [(0, 5), (2, 5), (4, 5), (5, 5)]


def test_spectra_are_means_and_scatters_over_the_maps_of_each_simulation(dataset: MapDataset, maps: np.ndarray) -> None:
    found = survey_dataset(dataset).curves
    assert found["power_mean"].shape == found["power_std"].shape == (SIMULATIONS, GRID // 2)
    ring = independent_ring(maps[EACH : 2 * EACH].astype(np.float64), 3)
    assert found["power_mean"][1, 2] == pytest.approx(ring.mean(), rel=1e-5)
    assert found["power_std"][1, 2] == pytest.approx(ring.std(ddof=1), rel=1e-5)


def independent_ring(images: np.ndarray, ring: int) -> np.ndarray:
    """P(k) of one ring by a loop over the modes of the full plane."""
    sums, count = np.zeros(len(images)), 0
    for i in range(GRID):
        for j in range(GRID):
            if round(np.hypot(min(i, GRID - i), min(j, GRID - j))) == ring:
                delta = images / images.mean(axis=(1, 2), keepdims=True) - 1.0
                sums += np.abs(np.fft.fft2(delta)[:, i, j]) ** 2
                count += 1
    return sums / count * BOX**2 / GRID**4


def test_a_bad_pixel_is_refused_with_the_sentence_of_the_check(dataset: MapDataset) -> None:
    writable = np.load(dataset.maps_file, mmap_mode="r+")
    writable[7, 0, 0] = np.nan
    writable.flush()
    with pytest.raises(UserError, match="map 7 has pixels that are not finite"):
        survey_dataset(dataset)


def test_a_sheet_holds_every_map_at_its_place_with_transparent_gaps() -> None:
    values = np.arange(12.0)[:, None, None] * np.ones((12, 48, 48))
    picture = Image.open(io.BytesIO(render_sheet(10.0**values, 0.0, 11.0, normalised=False)))
    sheet = np.asarray(picture.convert("RGBA"))
    assert sheet_columns(12) == 4
    assert sheet.shape == (3 * 49 - 1, 4 * 49 - 1, 4)
    for i in range(12):
        pixel = sheet[(i // 4) * 49 + 20, (i % 4) * 49 + 20]
        np.testing.assert_array_equal(pixel[:3], NIGHT[round(255 * i / 11)])
    assert (sheet[48, :, 3] == 0).all()
    assert (sheet[:, 48, 3] == 0).all()
