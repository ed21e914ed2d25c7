"""The P(k) error of an epoch and its standard error, against drawing everything again many times."""

import numpy as np
import pytest

from focus_core.power_error import band_edges, power_error, power_error_of_arrays

MODES = np.arange(1.0, 17.0) * 6


def drawn(rng: np.random.Generator, rows: int, excess: float) -> tuple[np.ndarray, np.ndarray]:
    """Three maps beside each of `rows` simulations whose P(k) scatters by a fifth, as generated maps do."""
    simulated = np.exp(rng.normal(0.0, 0.2, (rows, 1))) * np.ones(len(MODES))
    generated = excess * np.exp(rng.normal(0.0, 0.2, (rows, 3, 1))) * np.ones(len(MODES))
    return generated, simulated


def test_its_standard_error_is_the_scatter_of_what_other_maps_of_other_simulations_give() -> None:
    rng = np.random.default_rng(1)
    found = [power_error(*drawn(rng, 12, 1.5), MODES, np.arange(12), band_edges(64)) for _ in range(2000)]
    scatter = np.std([one.error for one in found])
    told = np.sqrt(np.mean([one.uncertainty**2 for one in found if one.uncertainty is not None]))
    assert told == pytest.approx(scatter, rel=0.12)  # a linearised error at 12 simulations; 2,000 draws tell 2 %


def test_a_simulation_that_stands_in_two_rows_counts_once() -> None:
    generated, simulated = drawn(np.random.default_rng(2), 4, 1.2)
    simulated[3], generated[3] = simulated[0], generated[0]
    found = power_error(generated, simulated, MODES, [7, 5, 9, 7], band_edges(64))
    assert (found.n_maps, found.n_simulations) == (12, 3)
    as_four = power_error(generated, simulated, MODES, np.arange(4), band_edges(64))
    assert found.error == as_four.error
    assert found.uncertainty != as_four.uncertainty


def test_one_simulation_has_no_standard_error_and_maps_too_small_have_no_error() -> None:
    generated, simulated = drawn(np.random.default_rng(3), 2, 1.2)
    alone = power_error(generated, simulated, MODES, [4, 4], band_edges(64))
    assert alone.error is not None
    assert (alone.uncertainty, alone.ratio_uncertainty, alone.n_simulations) == (None, None, 1)
    assert power_error(generated, simulated, MODES, [0, 1], band_edges(4)).error is None


def test_arrays_that_do_not_name_their_simulations_tell_them_by_theta() -> None:
    generated, simulated = drawn(np.random.default_rng(4), 4, 1.2)
    theta = np.array([[0.1], [0.2], [0.3], [0.1]])
    arrays = {"generated": generated, "simulation_mean": simulated, "n_modes": MODES, "theta": theta}
    found = power_error_of_arrays(arrays, band_edges(64))
    assert found is not None
    assert found.n_simulations == 3
    assert power_error_of_arrays({**arrays, "simulations": np.arange(4)}, band_edges(64)).n_simulations == 4  # type: ignore[union-attr]
