"""The nearest training map against brute force, and copies that were shifted, flipped and turned."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from focus_core.errors import UserError
from focus_core.statistics import memorisation
from focus_core.statistics.memorisation import N_SYMMETRIES, moved, nearest_training_map, turned


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a - a.mean()) * (b - b.mean())).mean() / (a.std() * b.std()))


def test_the_eight_symmetries_are_distinct_and_keep_every_pixel() -> None:
    field = np.arange(9.0).reshape(3, 3)
    images = [turned(field, s) for s in range(N_SYMMETRIES)]
    assert len({image.tobytes() for image in map(np.ascontiguousarray, images)}) == 8
    assert all((np.sort(image.ravel()) == np.arange(9)).all() for image in images)


def test_agrees_with_brute_force_over_all_shifts_and_symmetries() -> None:
    rng = np.random.default_rng(1)
    fields, training = rng.normal(size=(2, 8, 8)), rng.lognormal(size=(3, 8, 8))
    found = nearest_training_map(fields, training)
    for b in range(2):
        every = {
            (t, s, i, j): correlation(np.roll(turned(fields[b], s), (i, j), (0, 1)), training[t])
            for t, s, i, j in itertools.product(range(3), range(8), range(8), range(8))
        }
        best = max(every, key=every.__getitem__)
        assert (found.index[b], found.symmetry[b], *found.shift[b]) == best
        assert found.correlation[b] == pytest.approx(every[best], rel=1e-12)


@pytest.mark.parametrize("symmetry", range(N_SYMMETRIES))
def test_a_copy_that_was_shifted_flipped_and_turned_is_found_with_correlation_one(symmetry: int) -> None:
    rng = np.random.default_rng(2)
    training = rng.lognormal(size=(20, 16, 16))
    copies = np.stack([3.0 + 2.0 * moved(training[7], symmetry, (5, 11)), rng.lognormal(size=(16, 16))])
    found = nearest_training_map(copies, training)
    assert found.index[0] == 7
    assert found.correlation[0] == pytest.approx(1, abs=1e-12)
    back = moved(copies[0], int(found.symmetry[0]), found.shift[0])
    np.testing.assert_allclose(back, 3.0 + 2.0 * training[7])
    assert found.correlation[1] < 0.7


def test_a_copy_with_noise_has_the_correlation_that_the_noise_leaves() -> None:
    rng = np.random.default_rng(3)
    training = rng.normal(size=(4, 32, 32))
    noisy = moved(training[2], 3, (1, 2)) + 0.5 * rng.normal(size=(32, 32))
    found = nearest_training_map(noisy, training)
    # 1/√(1 + 0.25), with the error (1 − r²)/N of a correlation of N² pixels.
    assert found.index[0] == 2
    assert found.correlation[0] == pytest.approx(1 / np.sqrt(1.25), abs=4 * 0.2 / 32)


def test_maps_of_the_same_simulation_are_not_compared_where_their_simulations_are_given() -> None:
    training = np.random.default_rng(4).normal(size=(6, 8, 8))
    simulation = np.array([0, 0, 1, 1, 2, 2])
    found = nearest_training_map(training, training, simulation, simulation)
    assert (simulation[found.index] != simulation).all()
    apart = nearest_training_map(training[:1], training[2:])
    assert found.correlation[0] == pytest.approx(apart.correlation[0], rel=1e-12)
    alone = nearest_training_map(training[:1], training[:2], [0], [0, 0])
    assert alone.index[0] == -1
    assert np.isnan(alone.correlation[0])


def test_pieces_memory_maps_and_a_preparation_of_each_piece_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    fields, training = rng.normal(size=(2, 8, 8)), rng.normal(size=(7, 8, 8))
    whole = nearest_training_map(fields, training)
    monkeypatch.setattr(memorisation, "_CHUNK_PIXELS", 2 * 8 * 64)
    sizes: list[int] = []

    def logarithm(piece: np.ndarray) -> np.ndarray:
        sizes.append(len(piece))
        return np.log(piece)

    pieces = nearest_training_map(fields, torch.from_numpy(np.exp(training)), prepare=logarithm)
    assert sizes == [2, 2, 2, 1]
    for name in ("index", "symmetry", "shift"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))
    np.testing.assert_allclose(pieces.correlation, whole.correlation, rtol=1e-12)


def test_constant_maps_and_other_grids_are_refused() -> None:
    with pytest.raises(UserError, match="maps: map 0 is the same in every pixel"):
        nearest_training_map(np.ones((4, 4)), np.eye(4))
    with pytest.raises(UserError, match="training maps from 0: map 1 is the same in every pixel"):
        nearest_training_map(np.eye(4), np.stack([np.eye(4), np.ones((4, 4))]))
    with pytest.raises(UserError, match="have 8 pixels per side and the maps 4"):
        nearest_training_map(np.eye(4), np.eye(8))
