"""Splits are by simulation; transforms see training maps alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from focus_core.data import dataset as dataset_module
from focus_core.data.dataset import SURFACE_DENSITY, MapDataset
from focus_core.data.folder import Description, open_folder, write_folder
from focus_core.data.split import Split, split_simulations
from focus_core.data.transform import Transform, fit_transform
from focus_core.errors import UserError
from focus_core.parameters import WCDM6


def lognormal_dataset(folder: Path, seed: int = 0, n: int = 8, maps_each: int = 3, grid: int = 8) -> MapDataset:
    rng = np.random.default_rng(seed)
    theta = WCDM6.from_unit(rng.uniform(-1, 1, (n, 6)))
    maps = (1e11 * np.exp(rng.standard_normal((n, maps_each, grid, grid)))).astype(np.float32)
    about = Description("test", "Mtot", SURFACE_DENSITY, 64.0, 0.0, maps_each, WCDM6)
    write_folder(folder, maps, grid, theta, about)
    return open_folder(folder)


@pytest.mark.parametrize(
    ("n", "share", "sizes"),
    [(64, 0.75, (48, 8, 8)), (64, 0.9, (58, 3, 3)), (10, 0.5, (5, 3, 2)), (10, 0.9, (9, 1, 0)), (2, 0.5, (1, 1, 0))],
)
def test_no_simulation_is_in_two_parts_and_validation_gets_the_odd_one(
    n: int, share: float, sizes: tuple[int, int, int]
) -> None:
    split = split_simulations(n, share, seed=3)
    assert (len(split.train), len(split.validation), len(split.test)) == sizes
    assert sorted(split.train + split.validation + split.test) == list(range(n))


def test_a_split_follows_its_seed_and_survives_json() -> None:
    split = split_simulations(40, 0.8, seed=1)
    assert split == split_simulations(40, 0.8, seed=1)
    assert split.train != split_simulations(40, 0.8, seed=2).train
    assert Split.from_json(split.to_json()) == split


@pytest.mark.parametrize(("n", "share", "part"), [(3, 0.9, "validation"), (1, 0.2, "training"), (1, 0.9, "validation")])
def test_an_empty_part_is_refused_by_name(n: int, share: float, part: str) -> None:
    with pytest.raises(UserError, match=rf"data\.train_split.*none for {part}"):
        split_simulations(n, share, seed=0)


def test_sister_maps_go_with_their_simulation(tmp_path: Path) -> None:
    data = lognormal_dataset(tmp_path)
    np.testing.assert_array_equal(data.maps_of([2, 0]), [6, 7, 8, 0, 1, 2])
    np.testing.assert_array_equal(data.row_of([6, 8, 0]), [2, 2, 0])


def test_training_pixels_have_mean_zero_and_variance_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = lognormal_dataset(tmp_path)
    monkeypatch.setattr(dataset_module, "CHUNK_PIXELS", 5 * 64)
    train = [0, 2, 3, 7]
    fitted = fit_transform(data, train)
    x = fitted.forward(data.maps[data.maps_of(train)]).astype(np.float64)
    assert x.mean() == pytest.approx(0, abs=1e-6)
    assert x.std() == pytest.approx(1, abs=1e-6)
    assert (x.min(), x.max()) == pytest.approx((fitted.pixel_min, fitted.pixel_max), rel=1e-6)
    assert fitted.floor == pytest.approx(1e-3 * data.maps[data.maps_of(train)].mean(dtype=np.float64), rel=1e-9)


def test_validation_maps_do_not_move_the_transform(tmp_path: Path) -> None:
    before = fit_transform(lognormal_dataset(tmp_path / "a"), [0, 1, 2])
    data = lognormal_dataset(tmp_path / "b")
    changed = np.array(data.maps)
    changed[data.maps_of([3, 4, 5, 6, 7])] *= 1e4
    np.save(tmp_path / "b" / "maps.npy", changed)
    assert fit_transform(open_folder(tmp_path / "b"), [0, 1, 2]) == before


def test_the_inverse_is_exact_above_the_floor_and_raises_what_lies_below(tmp_path: Path) -> None:
    fitted = fit_transform(lognormal_dataset(tmp_path), [0, 1, 2])
    maps = np.geomspace(fitted.floor, 1e6 * fitted.floor, 1000)
    np.testing.assert_allclose(fitted.inverse(fitted.forward(maps)), maps, rtol=1e-5)
    assert fitted.inverse(fitted.forward(0.0)) == pytest.approx(fitted.floor, rel=1e-5)


def test_the_clamp_interval_is_ten_per_cent_wider_than_the_training_pixels() -> None:
    low, high = Transform("log10", 1.0, 0.0, 1.0, -2.0, 8.0).clamp_range
    assert (low, high) == pytest.approx((-2.5, 8.5))


def test_a_transform_survives_json(tmp_path: Path) -> None:
    fitted = fit_transform(lognormal_dataset(tmp_path), [0, 1])
    assert Transform.from_json(fitted.to_json()) == fitted


@pytest.mark.parametrize(
    ("value", "words"),
    [(-1.0, "map 7 has a negative pixel"), (np.nan, "map 7 has pixels that are not finite"), (np.inf, "not finite")],
)
def test_a_pixel_without_a_logarithm_is_told_by_file_and_map(tmp_path: Path, value: float, words: str) -> None:
    data = lognormal_dataset(tmp_path)
    maps = np.array(data.maps)
    maps[7, 1, 2] = value
    np.save(tmp_path / "maps.npy", maps)
    with pytest.raises(UserError, match=rf"maps\.npy: .*{words}|maps\.npy: {words}"):
        fit_transform(open_folder(tmp_path), [0])


def test_a_map_of_zeros_is_refused_and_zero_pixels_are_not(tmp_path: Path) -> None:
    data = lognormal_dataset(tmp_path)
    maps = np.array(data.maps)
    maps[4, 0] = 0.0
    np.save(tmp_path / "maps.npy", maps)
    assert np.isfinite(fit_transform(open_folder(tmp_path), [0, 1]).pixel_min)
    maps[4] = 0.0
    np.save(tmp_path / "maps.npy", maps)
    with pytest.raises(UserError, match="map 4 is zero everywhere"):
        fit_transform(open_folder(tmp_path), [0])


def test_maps_without_structure_are_refused(tmp_path: Path) -> None:
    lognormal_dataset(tmp_path)
    np.save(tmp_path / "maps.npy", np.ones((24, 8, 8), dtype=np.float32))
    with pytest.raises(UserError, match="nothing to learn"):
        fit_transform(open_folder(tmp_path), [0])
