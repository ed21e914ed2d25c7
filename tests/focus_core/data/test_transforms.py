"""Every transform and its inverse: what a network sees of a pixel, held against scipy and exact cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special

from focus_core.catalogue.transforms import TRANSFORMS
from focus_core.config.transform import TransformSection
from focus_core.data.dataset import SURFACE_DENSITY, MapDataset
from focus_core.data.folder import Description, open_folder, write_folder
from focus_core.data.transform import Transform, fit_transform
from focus_core.errors import UserError
from focus_core.parameters import WCDM6

OLDER = Path(__file__).parents[2] / "older_versions" / "run" / "transform.json"
KNOWN = {"floor": 1.0, "mean": 0.0, "std": 1.0, "pixel_min": -1.0, "pixel_max": 1.0}
EITHER_SIGN = [name for name, spec in TRANSFORMS.items() if spec.taken is None]


def chosen(name: str, exponent: float = 0.1) -> TransformSection:
    return TransformSection.model_validate({"name": name, "lambda": exponent})


def dataset_of(maps: Any, folder: Path, *, normalised: bool = False) -> MapDataset:
    """Two maps a simulation, at θ of their own."""
    maps = np.asarray(maps, dtype=np.float32)
    theta = WCDM6.from_unit(np.random.default_rng(1).uniform(-1, 1, (len(maps) // 2, 6)))
    unit = None if normalised else SURFACE_DENSITY
    about = Description("test", "Mtot", unit, 64.0, 0.0, 2, WCDM6, normalised=normalised)
    write_folder(folder, maps, maps.shape[-1], theta, about)
    return open_folder(folder)


def densities(n: int = 8, seed: int = 0) -> Any:
    """Lognormal maps over six decades, with empty pixels."""
    maps = 1e11 * np.exp(2.0 * np.random.default_rng(seed).standard_normal((n, 8, 8)))
    maps[:, 0, 0] = 0.0
    return maps.astype(np.float32)


@pytest.mark.parametrize("exponent", [0.05, 0.1, 0.2, 1.0])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_inverse_gives_the_maps_back(name: str, exponent: float, tmp_path: Path) -> None:
    """To single precision of what the network sees; the logarithm to its floor."""
    maps = densities()
    fitted = fit_transform(dataset_of(maps, tmp_path), [0, 1, 2, 3], chosen(name, exponent))
    back, x = fitted.inverse(fitted.forward(maps)), fitted.forward(maps).astype(np.float64)
    # What half a unit in the last place of x, doubled for the arithmetic, means in Σ.
    rounding = np.abs(np.spacing(x.astype(np.float32))).astype(np.float64)
    steps = np.abs(fitted.inverse(x + rounding).astype(np.float64) - fitted.inverse(x - rounding))
    assert (np.abs(back - np.maximum(maps, fitted.floor)) <= steps + 1e-5 * maps + 1e-5 * fitted.floor).all()


@pytest.mark.parametrize("name", TRANSFORMS)
def test_training_pixels_have_mean_zero_and_variance_one_and_lie_in_their_interval(name: str, tmp_path: Path) -> None:
    maps = densities()
    fitted = fit_transform(dataset_of(maps, tmp_path), [0, 2], chosen(name))
    x = fitted.forward(maps[[0, 1, 4, 5]]).astype(np.float64)
    assert (x.mean(), x.std()) == (pytest.approx(0, abs=1e-6), pytest.approx(1, abs=1e-6))
    assert (x.min(), x.max()) == pytest.approx((fitted.pixel_min, fitted.pixel_max), rel=1e-6)


@pytest.mark.parametrize("exponent", [0.05, 0.1, 0.15, 0.2, 0.5, 1.0])
def test_box_cox_is_that_of_scipy_in_units_of_the_training_mean(exponent: float, tmp_path: Path) -> None:
    maps = densities()
    fitted = fit_transform(dataset_of(maps, tmp_path), [0, 1], chosen("boxcox", exponent))
    mean = maps[:4].astype(np.float64).mean()
    assert (fitted.scale, fitted.exponent) == (pytest.approx(mean, rel=1e-12), exponent)
    y = fitted.forward(maps).astype(np.float64) * fitted.std + fitted.mean
    assert_allclose(y, special.boxcox(maps / mean, exponent), rtol=1e-5, atol=1e-5)
    x = np.linspace(fitted.pixel_min, fitted.pixel_max, 99)
    expected = mean * special.inv_boxcox(np.maximum(x * fitted.std + fitted.mean, -1.0 / exponent), exponent)
    assert_allclose(fitted.inverse(x), expected, rtol=1e-5, atol=1e-12 * mean)


def test_box_cox_is_a_square_root_at_a_half_and_linear_at_one() -> None:
    half = Transform("boxcox", 0.0, 0.0, 1.0, -2.0, 9.0, scale=4.0, exponent=0.5)
    assert_array_equal(half.forward([0.0, 4.0, 16.0]), [-2.0, 0.0, 2.0])
    linear = Transform("boxcox", 0.0, 0.0, 1.0, -1.0, 9.0, scale=4.0, exponent=1.0)
    assert_array_equal(linear.forward([0.0, 4.0, 16.0]), [-1.0, 0.0, 3.0])


@pytest.mark.parametrize("exponent", [0.05, 0.1, 0.5, 1.0])
def test_an_empty_pixel_is_minus_one_over_lambda_and_what_lies_below_is_empty(exponent: float) -> None:
    fitted = Transform("boxcox", 0.0, 0.0, 1.0, -9.0, 9.0, scale=2e11, exponent=exponent)
    assert fitted.forward(0.0) == pytest.approx(-1.0 / exponent)
    assert_array_equal(fitted.inverse([-1.0 / exponent, -1.0 / exponent - 1e-3, -1e6]), [0.0, 0.0, 0.0])


def test_asinh_is_linear_below_the_mean_and_a_logarithm_above_it_and_odd() -> None:
    fitted = Transform("asinh", 0.0, 0.0, 1.0, -9.0, 9.0, scale=5.0)
    assert_allclose(fitted.forward([5e-3, 5e3]), [1e-3, np.log(2e3)], rtol=1e-6)
    assert_array_equal(fitted.forward([-7.0, -0.3]), -fitted.forward([7.0, 0.3]))


@pytest.mark.parametrize("name", EITHER_SIGN)
def test_maps_of_either_sign_come_back(name: str, tmp_path: Path) -> None:
    maps = 1.0 + 3.0 * np.random.default_rng(3).standard_normal((8, 8, 8)).astype(np.float32)
    fitted = fit_transform(dataset_of(maps, tmp_path), [0, 1, 2, 3], chosen(name))
    assert (maps < 0).any()
    assert_allclose(fitted.inverse(fitted.forward(maps)), maps, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", EITHER_SIGN)
def test_a_field_that_is_nowhere_negative_is_never_drawn_negative(name: str, tmp_path: Path) -> None:
    fitted = fit_transform(dataset_of(densities(), tmp_path), [0, 1, 2, 3], chosen(name))
    assert fitted.inverse(np.linspace(2 * fitted.clamp_range[0], 0.0, 50)).min() == 0.0


@pytest.mark.parametrize(("name", "taken"), [("log10", "logarithm"), ("boxcox", "power")])
def test_what_cannot_be_taken_of_negative_pixels_names_what_can_be(name: str, taken: str, tmp_path: Path) -> None:
    maps = densities()
    maps[3, 2, 2] = -5.0
    data = dataset_of(maps, tmp_path)
    with pytest.raises(UserError, match=rf"map 3 has a negative pixel .*{taken} is to be taken.*to asinh or none\.$"):
        fit_transform(data, [0, 1], chosen(name))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_maps_without_structure_are_refused(name: str, tmp_path: Path) -> None:
    data = dataset_of(np.full((8, 8, 8), 7.0), tmp_path)
    with pytest.raises(UserError, match="nothing to learn"):
        fit_transform(data, [0, 1], chosen(name))


def test_maps_that_came_normalised_are_seen_as_they_came_unless_another_transform_can_take_them(tmp_path: Path) -> None:
    maps = np.random.default_rng(4).standard_normal((8, 8, 8)).astype(np.float32)
    data = dataset_of(maps, tmp_path, normalised=True)
    assert_array_equal(fit_transform(data, [0, 1]).forward(maps), maps)
    x = fit_transform(data, [0, 1], chosen("asinh")).forward(maps[:4])
    assert x.std() == pytest.approx(1, abs=1e-6)
    with pytest.raises(UserError, match=r"data\.transform: boxcox takes a power of physical maps, but .* normalised"):
        fit_transform(data, [0, 1], chosen("boxcox"))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_survives_json_with_the_numbers_of_its_kind_alone(name: str, tmp_path: Path) -> None:
    fitted = fit_transform(dataset_of(densities(), tmp_path), [0, 1], chosen(name))
    assert Transform.from_json(fitted.to_json()) == fitted
    extra = set(json.loads(fitted.to_json())) - {"kind", "floor", "mean", "std", "pixel_min", "pixel_max"}
    assert extra == {
        *(["scale"] if TRANSFORMS[name].scaled else []),
        *(["exponent"] if TRANSFORMS[name].settings else []),
        *(["lowest"] if name in EITHER_SIGN else []),
    }


def test_what_an_older_version_stored_is_read_and_written_byte_by_byte() -> None:
    assert Transform.from_json(OLDER.read_text()).to_json() == OLDER.read_text()


@pytest.mark.parametrize(
    "stored", [{**KNOWN, "kind": "wavelets"}, None, {"kind": "log10", "floor": 1.0}, {"kind": ["log10"]}]
)
def test_a_stored_transform_that_this_version_cannot_invert_is_a_sentence(stored: Any) -> None:
    with pytest.raises(UserError, match=r"^best\.pt: .*transform"):
        Transform.from_dict(stored, "best.pt")
