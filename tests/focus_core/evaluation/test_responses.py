"""∂ ln P/∂θ: of pairs of simulations against linear theory, and of an emulator whose response is known."""

from __future__ import annotations

from types import SimpleNamespace

import lognormal_suite as suite
import numpy as np
import pytest

from focus_core.evaluation.ground import Ground
from focus_core.evaluation.mapsets import MapSet
from focus_core.evaluation.pairs import Pairs, make_pairs
from focus_core.evaluation.responses import response
from focus_core.parameters import WCDM6

GRID, BOX = 16, 1024.0
N = 48


class LinearMaps(Pairs):
    """A perfect emulator in disguise: its maps are boxes of its own phases, or those of a θ that does not move."""

    stuck = False

    def draw(self, theta: np.ndarray, n: int, tell: object) -> np.ndarray:
        centre = self.run.space.from_unit(np.zeros(6))
        boxes = [self.simulate(centre if self.stuck else theta, 100 + i) for i in range(-(-n // (3 * self.slabs)))]
        return np.concatenate(boxes)[:n]


class StuckMaps(LinearMaps):
    stuck = True


def ground(kind: type[Pairs]) -> Ground:
    pairs = kind(SimpleNamespace(space=WCDM6), None, 0, GRID, BOX, 4)  # type: ignore[arg-type]
    theta = WCDM6.from_unit(np.random.default_rng(0).uniform(-1, 1, (4, 6)))
    maps = MapSet(np.concatenate([pairs.simulate(row, 0) for row in theta]), np.repeat(np.arange(4), 12), theta)
    return Ground(maps, maps, BOX, WCDM6, pairs=pairs)


def test_pairs_of_simulations_respond_to_sigma_8_as_linear_theory_says() -> None:
    found = response(ground(LinearMaps), 0.1)
    curve = found.curves[0]
    # P ∝ σ8², and half of σ8's prior is 0.2 about 0.8: by differences over half of that, ln(0.85/0.75)·2/0.5. In boxes
    # of 1 Gpc/h what is not linear is a few per cent.
    np.testing.assert_allclose(curve.simulated[4], 2 * np.log(0.85 / 0.75) / 0.5, rtol=0.08)
    assert {str(entry.judgement.verdict) for entry in found.entries} <= {"pass", "warn"}


def test_an_emulator_that_does_not_follow_the_parameters_fails() -> None:
    found = response(ground(StuckMaps), 0.1)
    assert next(e for e in found.entries if e.label.startswith("σ8")).judgement.verdict == "fail"


def test_pairs_are_made_for_datasets_of_the_simulator_alone() -> None:
    run = SimpleNamespace(grid=GRID)
    plain = {"grid": GRID, "box": BOX, "slabs": 4}
    for provenance, made in (
        ({"source": "FOCUS particle-mesh simulation: …", "suite": plain}, True),
        ({"source": "FOCUS particle-mesh simulation: …", "suite": plain | {"grid": 256}}, False),
        ({"source": "CAMELS", "suite": plain}, False),
        ({}, False),
    ):
        dataset = SimpleNamespace(provenance=provenance)
        assert (make_pairs(run, None, dataset, 0) is not None) == made  # type: ignore[arg-type]


@pytest.mark.parametrize(("power_of_sigma", "verdict"), [(1.0, "pass"), (0.5, "fail")])
def test_without_a_run_both_are_regressed_on_theta(power_of_sigma: float, verdict: str) -> None:
    theta = suite.thetas(N)
    drawn = theta.copy()
    drawn[:, 1] = 0.8 * (theta[:, 1] / 0.8) ** power_of_sigma
    labels = np.repeat(np.arange(N), suite.EACH)
    real, made = (MapSet(suite.maps_at(at, seed).astype(float), labels, theta) for at, seed in ((theta, 1), (drawn, 2)))
    found = {
        e.label: str(e.judgement.verdict) for e in response(Ground(made, real, suite.BOX, suite.SPACE), 0.1).entries
    }
    assert found["σ8, [4, 8) k_f"] == verdict
