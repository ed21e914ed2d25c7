"""Parameter spaces: order, ranges, scalings, and the sentences for a θ that cannot be."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from focus_core.errors import UserError
from focus_core.parameters import CAMELS_LH6, SPACES, WCDM6, ParameterSpace, TrainingRange, parameter_space


def test_the_two_spaces_have_their_columns_in_order_and_their_priors() -> None:
    ranges = {p.name: (p.minimum, p.maximum, p.scaling) for p in WCDM6.parameters}
    assert WCDM6.names == ("Omega_m", "Omega_b", "h", "n_s", "sigma_8", "w0")
    assert ranges["w0"] == (-1.3, -0.7, "linear")
    assert [(p.minimum, p.maximum) for p in WCDM6.parameters[:5]] == [
        (0.1, 0.5),
        (0.03, 0.07),
        (0.5, 0.9),
        (0.8, 1.2),
        (0.6, 1.0),
    ]
    assert CAMELS_LH6.names == ("Omega_m", "sigma_8", "A_SN1", "A_AGN1", "A_SN2", "A_AGN2")
    assert [(p.minimum, p.maximum, p.scaling) for p in CAMELS_LH6.parameters] == [
        (0.1, 0.5, "linear"),
        (0.6, 1.0, "linear"),
        (0.25, 4.0, "log"),
        (0.25, 4.0, "log"),
        (0.5, 2.0, "log"),
        (0.5, 2.0, "log"),
    ]
    assert dict(CAMELS_LH6.fixed) == {"Omega_b": 0.049, "h": 0.6711, "n_s": 0.9624, "w0": -1.0}


def test_prior_means_are_those_of_the_camels_latin_hypercube() -> None:
    expected = [0.3, 0.8, 1.3525, 1.3525, 1.0820, 1.0820]
    np.testing.assert_allclose([p.prior_mean() for p in CAMELS_LH6.parameters], expected, atol=5e-5)


@pytest.mark.parametrize("space", SPACES.values(), ids=list(SPACES))
def test_scaling_maps_the_ends_to_one_and_back(space: ParameterSpace) -> None:
    ends = np.array([[p.minimum for p in space.parameters], [p.maximum for p in space.parameters]])
    np.testing.assert_allclose(space.to_unit(ends), [[-1.0] * len(space), [1.0] * len(space)], atol=1e-12)
    unit = np.random.default_rng(0).uniform(-1.2, 1.2, (5, 3, len(space)))
    np.testing.assert_allclose(space.to_unit(space.from_unit(unit)), unit, atol=1e-12)


def test_a_logarithmic_parameter_has_its_geometric_mean_in_the_middle() -> None:
    assert float(CAMELS_LH6.parameters[2].from_unit(0.0)) == pytest.approx(1.0)
    assert float(CAMELS_LH6.parameters[2].to_unit(2.0)) == pytest.approx(0.5)
    assert float(WCDM6.parameters[0].from_unit(0.0)) == pytest.approx(0.3)


def test_distance_outside_is_in_widths_of_the_range() -> None:
    inside = [0.3, 0.05, 0.7, 1.0, 0.8, -1.0]
    assert WCDM6.outside(inside) == []
    assert WCDM6.outside([p.maximum for p in WCDM6.parameters]) == []
    (found,) = WCDM6.outside([0.54, *inside[1:]])
    assert found.distance == pytest.approx(0.1)
    assert found.sentence().startswith("Omega_m = 0.54 is outside its training range [0.1, 0.5] by 10.0 %")
    below = CAMELS_LH6.outside([0.3, 0.8, 0.125, 1, 1, 0.0])
    assert [item.parameter.name for item in below] == ["A_SN1", "A_AGN2"]
    assert below[0].distance == pytest.approx(0.25)  # a factor of 2 below a range of a factor of 16
    assert math.isinf(below[1].distance)


def test_theta_is_read_in_any_order() -> None:
    theta = WCDM6.parse("w0=-1, h=0.7,Omega_m=0.3,sigma_8 = 8e-1,n_s=1,Omega_b=.05")
    np.testing.assert_array_equal(theta, [0.3, 0.05, 0.7, 1.0, 0.8, -1.0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Omega_mm=0.3", "'Omega_mm' is not a parameter of wcdm6; did you mean Omega_m?"),
        ("zzz=1", "it has Omega_m, Omega_b"),
        ("Omega_m", "'Omega_m' is not of the form name=value"),
        ("Omega_m=x", "Omega_m=x is not a number"),
        ("Omega_m=nan", "Omega_m=nan is not finite"),
        ("Omega_m=.3,Omega_m=.3", "Omega_m is given twice"),
        ("Omega_m=.3,h=.7", "Omega_b, n_s, sigma_8, w0 missing"),
        ("", "missing"),
    ],
)
def test_a_theta_that_cannot_be_read_is_told_by_item(text: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        WCDM6.parse(text)
    assert words in str(caught.value)


def test_a_space_survives_json() -> None:
    for space in SPACES.values():
        assert ParameterSpace.from_dict(json.loads(json.dumps(space.to_dict()))) == space


def test_broken_and_unknown_spaces_are_told() -> None:
    with pytest.raises(UserError, match=r"parameter_space\.parameters is missing"):
        ParameterSpace.from_dict({"name": "x"})
    with pytest.raises(UserError, match=r"parameter_space\.parameters\[0\]\."):
        ParameterSpace.from_dict({"name": "x", "parameters": [{"name": "a", "colour": "red"}]})
    with pytest.raises(UserError, match=r"did you mean wcdm6\?"):
        parameter_space("wcdm")
    with pytest.raises(UserError, match="wcdm6 has 6 parameters"):
        WCDM6.to_unit(np.zeros((2, 5)))


def test_a_logarithmic_parameter_must_be_positive() -> None:
    with pytest.raises(UserError, match="A_SN1=0 must be positive"):
        CAMELS_LH6.parse("A_SN1=0")


def unit_rows(space: ParameterSpace, n: int, low: float, high: float) -> np.ndarray:
    """θ (n, d) evenly between two places of every prior, 0 and 1 its ends."""
    cells = low + (high - low) * (np.arange(n) + 0.5) / n
    return space.from_unit(np.stack([2 * np.roll(cells, i) - 1 for i in range(len(space))], axis=1))


def test_a_training_set_that_fills_its_prior_has_the_prior_as_its_range() -> None:
    for space in SPACES.values():
        trained = TrainingRange.of(space, unit_rows(space, 40, 0.0, 1.0))
        assert trained.low == tuple(p.minimum for p in space.parameters)
        assert trained.high == tuple(p.maximum for p in space.parameters)


def test_a_training_set_in_half_of_its_prior_warns_in_the_other_half_with_the_distance() -> None:
    trained = TrainingRange.of(WCDM6, unit_rows(WCDM6, 100, 0.5, 1.0))
    assert trained.outside(WCDM6.from_unit([0.5] * 6).tolist()) == []
    found = trained.outside(WCDM6.from_unit([-0.5] * 6).tolist())
    assert [item.parameter.name for item in found] == list(WCDM6.names)
    assert found[0].distance == pytest.approx(0.505 / 0.995, rel=0.02)
    assert "Omega_m = 0.2 is outside its training range [0.301, 0.5] by 50" in found[0].sentence()


def test_a_run_of_one_theta_warns_at_every_other_one_in_widths_of_the_prior() -> None:
    fiducial = [0.3, 0.8, 1.0, 1.0, 1.0, 1.0]
    trained = TrainingRange.of(CAMELS_LH6, [fiducial] * 27)
    assert trained.outside(fiducial) == []
    sigma, feedback = trained.outside([0.3, 0.9, 2.0, 1.0, 1.0, 1.0])
    assert sigma.sentence() == (
        "sigma_8 = 0.9 is outside its training range of 0.8 alone by 25.0 % of the prior's width: the model "
        "extrapolates there."
    )
    assert feedback.distance == pytest.approx(0.25)  # a quarter of the way in the logarithm
