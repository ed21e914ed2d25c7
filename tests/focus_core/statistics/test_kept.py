"""A dataset's maps are measured once: what was found is kept by its digest, and goes with nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from focus_core.data.checking import open_path
from focus_core.data.dataset import MapDataset
from focus_core.data.folder import Description, write_folder
from focus_core.data.split import split_rows
from focus_core.parameters import WCDM6
from focus_core.paths import measured_folder
from focus_core.statistics.measuring import DatasetCurves
from focus_core.statistics.survey import survey_dataset
from focus_core.statistics.truth import write_truth

GRID, SIMULATIONS, EACH = 16, 6, 2


@pytest.fixture
def dataset(tmp_path: Path) -> MapDataset:
    rng = np.random.default_rng(0)
    maps = np.exp(rng.normal(27.0, 0.5, (SIMULATIONS, EACH, GRID, GRID))).astype(np.float32)
    theta = WCDM6.from_unit(rng.uniform(-1, 1, (SIMULATIONS, 6)))
    about = Description("small", "Mcdm", "(M☉/h)/(Mpc/h)²", 16.0, 0.0, EACH, WCDM6)
    write_folder(tmp_path / "small", iter(maps), GRID, theta, about)
    return open_path(tmp_path / "small")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many maps were measured at a time."""
    seen: list[int] = []
    add = DatasetCurves.add

    def counted(curves: DatasetCurves, maps: np.ndarray) -> None:
        seen.append(len(maps))
        add(curves, maps)

    monkeypatch.setattr(DatasetCurves, "add", counted)
    return seen


def truth(dataset: MapDataset, path: Path, home: Path, seed: int = 0) -> dict[str, np.ndarray]:
    write_truth(path, dataset, split_rows(dataset.simulation, 0.5, seed), home)
    with np.load(path) as file:
        return dict(file)


def test_a_second_run_of_a_dataset_adds_its_split_alone_and_has_the_same_bits(
    dataset: MapDataset, measured: list[int], tmp_path: Path
) -> None:
    first = truth(dataset, tmp_path / "first.npz", tmp_path / "home")
    assert measured == [SIMULATIONS * EACH]
    second = truth(dataset, tmp_path / "second.npz", tmp_path / "home", seed=1)
    assert len(measured) == 1, "the maps were measured again"
    assert (first.pop("split") != second.pop("split")).any()
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])


def test_what_a_check_measured_is_not_measured_by_a_run_nor_by_the_next_check(
    dataset: MapDataset, measured: list[int], tmp_path: Path
) -> None:
    found = survey_dataset(dataset, home=tmp_path / "home")
    again = survey_dataset(dataset, home=tmp_path / "home")
    told = truth(dataset, tmp_path / "truth.npz", tmp_path / "home")
    assert len(measured) == 1
    np.testing.assert_array_equal(told["power_mean"], found.curves["power_mean"])
    assert again.statistics() == found.statistics()


def test_other_content_another_box_and_a_damaged_file_are_measured(
    dataset: MapDataset, measured: list[int], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    survey_dataset(dataset, home=home)
    survey_dataset(replace(dataset, digest="sha256:other"), home=home)
    survey_dataset(replace(dataset, box_size=32.0), home=home)
    assert len(measured) == 3
    for file in measured_folder(home).iterdir():
        file.write_bytes(file.read_bytes()[:100])
    survey_dataset(dataset, home=home)
    assert len(measured) == 4


def test_a_home_that_cannot_be_written_is_done_without(
    dataset: MapDataset, measured: list[int], tmp_path: Path
) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    truth(dataset, tmp_path / "truth.npz", tmp_path / "home")
    assert measured == [SIMULATIONS * EACH]
