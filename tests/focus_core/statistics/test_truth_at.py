"""The truth that a sample is held against, from made-up suites whose E[P | θ] is known."""

from pathlib import Path

import numpy as np
import pytest

from focus_core.errors import UserError
from focus_core.parameters import WCDM6
from focus_core.run_files import TRUTH
from focus_core.statistics.truth_at import truth_at

RINGS, MAPS = 16, 12
K = 2 * np.pi / 64 * np.arange(1, RINGS + 1)
AT = WCDM6.from_unit(np.array([[0.2, -0.1, 0.3, 0.0, 0.4, -0.2]]))[0]


def expected(theta: np.ndarray) -> np.ndarray:
    """(n, nk): a power law whose logarithm is linear in θ but for σ8²; different in every ring."""
    unit = WCDM6.to_unit(theta)
    slope = np.linspace(0.3, 0.9, RINGS)
    response = unit @ np.array([0.4, -0.2, 0.1, 0.1, 0.5, 0.05]) + 0.1 * unit[:, 4] ** 2
    return 100.0 * K**-1.5 * np.exp(slope * response[:, None])


def suite(folder: Path, n: int, seed: int, scatter: float = 0.2) -> Path:
    rng = np.random.default_rng(seed)
    theta = WCDM6.from_unit(rng.uniform(-1, 1, (n, 6)))
    power = expected(theta) * rng.gamma(1 / scatter**2, scatter**2, (n, RINGS))
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / TRUTH, theta=theta, split=np.zeros(n), k=K, power_mean=power, power_std=0.3 * power,
        maps_per_simulation=np.int64(MAPS), grid=np.int64(2 * RINGS), unit=np.array("(Mpc/h)²"),
    )  # fmt: skip
    return folder


def test_it_is_the_mean_power_at_that_theta_within_the_error_that_it_states(tmp_path: Path) -> None:
    found = [truth_at(suite(tmp_path / str(i), 60, i), WCDM6, AT.tolist()) for i in range(40)]
    deviation = np.stack([np.log(one.power / expected(AT[None])[0]) for one in found])
    told = np.stack([one.error / one.power for one in found])
    # 40 suites of 16 independent rings: the scatter is known to 1/√(2·640) = 3 %, a common bias to less.
    assert np.sqrt(np.mean(deviation**2)) == pytest.approx(np.sqrt(np.mean(told**2)), rel=0.1)
    assert abs(deviation.mean()) < 0.01
    assert found[0].n_simulations == 60
    np.testing.assert_allclose(found[0].scatter, 0.3 * found[0].power)


def test_the_mean_of_the_nearest_simulations_is_farther_from_it_than_the_smoothed_truth(tmp_path: Path) -> None:
    run = suite(tmp_path, 60, 1)
    with np.load(run / TRUTH) as file:
        theta, power = file["theta"], file["power_mean"]
    near = np.argsort(np.square(WCDM6.to_unit(theta) - WCDM6.to_unit(AT)).sum(axis=1))[:3]
    truth = expected(AT[None])[0]
    smoothed = truth_at(run, WCDM6, AT.tolist()).power
    assert np.abs(smoothed / truth - 1).mean() < np.abs(power[near].mean(axis=0) / truth - 1).mean()


def test_where_there_is_none_the_reason_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="12 simulations are too few for 10 terms; it needs 20"):
        truth_at(suite(tmp_path / "few", 12, 0), WCDM6, AT.tolist())
    beyond = [*AT.tolist()[:4], 1.3, AT.tolist()[5]]
    with pytest.raises(UserError, match="sigma_8 lies outside the range"):
        truth_at(suite(tmp_path / "many", 60, 0), WCDM6, beyond)
    corner = WCDM6.from_unit(np.full((1, 6), 1.0))[0]
    with pytest.raises(UserError, match="no simulation is near enough"):
        truth_at(suite(tmp_path / "thin", 22, 0), WCDM6, corner.tolist())
    with pytest.raises(UserError, match=r"truth\.npz: is not there"):
        truth_at(tmp_path / "none", WCDM6, AT.tolist())
