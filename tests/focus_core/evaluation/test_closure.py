"""A regressor that was trained on real maps tells maps at the wrong θ, and passes maps of the right distribution."""

from __future__ import annotations

import lognormal_suite as suite
import numpy as np
import pytest

from focus_core.errors import UserError
from focus_core.evaluation.closures import closure
from focus_core.evaluation.ground import Ground
from focus_core.evaluation.mapsets import MapSet
from focus_core.evaluation.scoring import Outcome

GRID, EACH, N = 16, 2, 260


def ground(seed: int, n: int = N, shift: float = 0.0, noise: float = 0.0) -> Ground:
    """Maps at the θ of n simulations that were drawn at a shifted or blurred σ8."""
    theta = suite.thetas(n)
    drawn = theta.copy()
    drawn[:, 1] += shift + noise * np.random.default_rng(seed).normal(size=n)
    labels = np.repeat(np.arange(n), EACH)
    real = MapSet(suite.maps_at(theta, 1, EACH, GRID).astype(float), labels, theta)
    made = MapSet(suite.maps_at(drawn, seed, EACH, GRID).astype(float), labels, theta)
    return Ground(made, real, suite.BOX, suite.SPACE)


def verdicts(found: Outcome) -> dict[str, str]:
    return {entry.label: str(entry.judgement.verdict) for entry in found.entries}


def test_maps_of_the_right_distribution_close_and_both_parameters_are_told() -> None:
    assert verdicts(closure(ground(2), 0.25)) == {
        "Ωm, bias": "pass", "Ωm, scatter": "pass", "σ8, bias": "pass", "σ8, scatter": "pass"
    }  # fmt: skip


def test_maps_drawn_at_a_shifted_parameter_are_biased_in_that_one_alone() -> None:
    found = verdicts(closure(ground(2, shift=0.08), 0.25))
    assert found["σ8, bias"] == "fail"
    assert found["Ωm, bias"] == "pass"


def test_maps_drawn_at_a_blurred_parameter_scatter_too_much() -> None:
    assert verdicts(closure(ground(2, noise=0.1), 0.25))["σ8, scatter"] == "fail"


def test_too_few_simulations_are_said_with_how_many_are_needed() -> None:
    with pytest.raises(UserError, match="0 simulations to train a regressor on and 60 to try it on; 200 and 50 are"):
        closure(ground(2, n=60), 0.25)
