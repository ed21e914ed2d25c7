"""Scores of generated spectra against held-out simulations: mean and scatter of P(k), recomputed map by map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from focus_core.errors import UserError
from focus_core.parameters import WCDM6
from focus_core.run_files import TRUTH
from focus_core.statistics.held_out import SIMULATIONS, SMOOTHED, read_held_out

GRID, N_MAPS, NK = 16, 12, 8
N_MODES = np.array([4, 8, 16, 24, 32, 40, 40, 48])


def spectra(theta: np.ndarray, n_maps: int, seed: int, height: float = 1.0, width: float = 0.3) -> np.ndarray:
    """Gamma variables of relative width `width` about exp(X(θ)·c) times a falling power law; (n, n_maps, nk)."""
    rng = np.random.default_rng(seed)
    u = WCDM6.to_unit(theta)
    mean = np.exp(1.0 + 0.6 * u[:, 0] - 0.3 * u[:, 4] + 0.2 * u[:, 0] * u[:, 4])[:, None] * np.arange(1, NK + 1) ** -1.5
    draws = rng.gamma(1.0 / width**2, width**2, (len(theta), n_maps, NK))
    return height * mean[:, None] * draws


def write(folder: Path, theta: np.ndarray, power: np.ndarray, split: np.ndarray) -> None:
    np.savez(
        folder / TRUTH,
        theta=theta,
        split=split.astype(np.int8),
        names=np.array(WCDM6.names),
        k=np.arange(1.0, NK + 1),
        n_modes=N_MODES,
        power_mean=power.mean(axis=1),
        power_std=power.std(axis=1, ddof=1),
        maps_per_simulation=np.int64(power.shape[1]),
        box_size=np.float64(2 * np.pi),
        grid=np.int64(GRID),
        unit=np.array("(Mpc/h)²"),
    )


@pytest.fixture
def suite(tmp_path: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    theta = WCDM6.from_unit(np.random.default_rng(1).uniform(-1, 1, (60, 6)))
    write(tmp_path, theta, power := spectra(theta, N_MAPS, 2), np.arange(60) % 4)
    return tmp_path, theta, power


def by_band(power: np.ndarray) -> np.ndarray:
    """Rings 2 to 4, the only band of 16² maps, weighted by modes."""
    return (power[..., 1:4] * N_MODES[1:4]).sum(axis=-1) / N_MODES[1:4].sum()


def test_the_truth_is_smoothed_over_the_suite_and_its_moments_are_those_of_its_maps(
    suite: tuple[Path, np.ndarray, np.ndarray],
) -> None:
    folder, theta, power = suite
    truth = read_held_out(folder, WCDM6)
    held_out = np.arange(60) % 4 > 0
    assert truth.kind == SMOOTHED
    np.testing.assert_array_equal(truth.theta, theta[held_out])
    r = power[held_out] / truth.expected[:, None]
    np.testing.assert_allclose(truth.own.first, r.mean(axis=1), rtol=1e-10)
    np.testing.assert_allclose(truth.own.second, (r**2).mean(axis=1), rtol=1e-10)
    # 720 maps of 30 % scatter and ten terms: the smoothed truth is known to about 0.3·√(10/720) = 3.5 % at a θ.
    exact = spectra(theta[held_out], 4000, 3).mean(axis=1)
    assert np.abs(truth.mean / exact - 1).mean() < 0.06
    assert 0.002 < truth.truth_error[0] < 0.03


def test_a_height_and_a_width_of_the_generated_spectra_are_found_within_their_errors(
    suite: tuple[Path, np.ndarray, np.ndarray],
) -> None:
    folder, _, power = suite
    truth = read_held_out(folder, WCDM6)
    generated = spectra(truth.theta, 6, 4, height=1.2, width=0.45)
    scores = truth.score(truth.moments(generated))
    ratio = by_band(generated.mean(axis=1)).sum() / by_band(truth.mean).sum()
    assert scores.mean[0] == pytest.approx(ratio, rel=1e-10)
    assert abs(scores.mean[0] - 1.2) < 4 * scores.mean_error[0]
    # The scatter of 1.2·P with 45 % instead of 30 %: 1.8 times as large.
    r = [(p / truth.expected[:, None]).reshape(-1, NK) for p in (generated, power[np.arange(60) % 4 > 0])]
    widths = [np.sqrt(by_band(one.var(axis=0, ddof=1))) for one in r]
    assert scores.scatter[0] == pytest.approx(widths[0] / widths[1], rel=1e-10)
    assert abs(scores.scatter[0] - 1.8) < 4 * scores.scatter_error[0]
    assert 0.01 < scores.mean_error[0] < 0.04
    assert 0.02 < scores.scatter_error[0] < 0.2
    same = truth.compare(truth.moments(generated), truth.moments(generated * 1.1))
    np.testing.assert_allclose([same.mean[0], same.scatter[0]], 1 / 1.1, rtol=1e-10)
    assert max(same.mean_error[0], same.scatter_error[0]) < 1e-10


def test_the_floor_is_the_score_of_the_simulations_themselves(suite: tuple[Path, np.ndarray, np.ndarray]) -> None:
    truth = read_held_out(suite[0], WCDM6)
    floor, own = truth.floor(), truth.score(truth.own)
    np.testing.assert_allclose(floor.mean, own.mean)
    np.testing.assert_allclose(floor.scatter, 1.0)
    # 540 maps of a gamma field: the width is known to 3 % if maps are independent, as these are.
    assert 0.01 < floor.scatter_error[0] < 0.08


def test_a_suite_too_small_to_be_smoothed_is_compared_simulation_by_simulation(tmp_path: Path) -> None:
    theta = WCDM6.from_unit(np.random.default_rng(1).uniform(-1, 1, (8, 6)))
    write(tmp_path, theta, power := spectra(theta, N_MAPS, 2), np.arange(8) % 2)
    truth = read_held_out(tmp_path, WCDM6)
    assert truth.kind == SIMULATIONS
    scores = truth.score(truth.moments(1.5 * power[1::2]))
    np.testing.assert_allclose([scores.mean[0], scores.scatter[0]], 1.5)
    assert (truth.truth_error == 0).all()


def test_a_run_without_a_truth_file_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"truth\.npz: is not there; a training run writes it"):
        read_held_out(tmp_path, WCDM6)
    (tmp_path / TRUTH).write_bytes(b"not a zip")
    with pytest.raises(UserError, match=r"truth\.npz: is damaged"):
        read_held_out(tmp_path, WCDM6)
