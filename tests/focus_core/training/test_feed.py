"""Maps on their way to a step: the same numbers from memory and from disk, moved by exact symmetries."""

import threading
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from waiting import patience

from focus_core.config.experiment import ExperimentConfig
from focus_core.config.training import AugmentationSection
from focus_core.data.opening import open_dataset
from focus_core.data.transform import fit_transform
from focus_core.training import feed
from focus_core.training.batches import TrainingMaps, draw_moves, moved
from focus_core.training.feed import Storage, ahead, choose_storage

ConfigMaker = Callable[..., ExperimentConfig]
GB = 10**9


def training_maps(home: Path, config: ExperimentConfig) -> TrainingMaps:
    dataset = open_dataset(config.data, home)
    simulations = (0, 2, 3, 5, 8, 9)
    return TrainingMaps(dataset, fit_transform(dataset, simulations), simulations, config)


def one_by_one(x: NDArray[np.float32], rng: np.random.Generator, chances: AugmentationSection) -> NDArray[np.float32]:
    """numpy's own turns, flips and rolls of one map, with the same draws in the same order."""
    if rng.random() < chances.rotation_p:
        x = np.rot90(x, int(rng.integers(1, 4)))
    for axis in (0, 1):
        if rng.random() < chances.flip_p:
            x = np.flip(x, axis)
    rows, columns = rng.integers(0, len(x), 2)
    return np.roll(x, (int(rows), int(columns)), (0, 1))


def test_a_batch_is_moved_as_numpy_moves_each_map() -> None:
    x, chances = np.random.default_rng(0).standard_normal((64, 6, 6), dtype=np.float32), AugmentationSection()
    together = moved(torch.from_numpy(x), draw_moves(np.random.default_rng(1), 64, 6, chances, periodic=True))
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(together.numpy(), np.stack([one_by_one(one, rng, chances) for one in x]))


def test_all_eight_symmetries_occur_and_a_box_with_walls_is_not_shifted() -> None:
    n, x = 400, torch.arange(16.0).reshape(4, 4)
    moves = draw_moves(np.random.default_rng(0), n, 4, AugmentationSection(), periodic=False)
    seen = {tuple(one.flatten().tolist()) for one in moved(x.expand(n, 4, 4), moves)}
    turned = [torch.rot90(x, turns) for turns in range(4)]
    assert seen == {tuple(one.flatten().tolist()) for half in turned for one in (half, half.flip(0))}


def test_maps_from_disk_are_those_from_memory(
    tiny_home: Path, tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident = training_maps(tiny_home, tiny_config(data={"num_workers": 3}))
    assert resident.storage == Storage(torch.float32, True, 12 * 16**2 * 4)
    for dtype in (torch.float32, torch.float16):
        kept = [Storage(dtype, held, 0) for held in (True, False)]
        monkeypatch.setattr(feed, "choose_storage", lambda *_, kept=kept: kept.pop(0))
        memory, disk = (training_maps(tiny_home, tiny_config()) for _ in range(2))
        batches = [list(maps.epoch(2)) for maps in (memory, disk)]
        assert [len(x) for x, _ in batches[0]] == [5, 5, 2]
        for (x, theta), (y, same) in zip(*batches, strict=True):
            assert x.dtype == y.dtype == torch.float32
            assert torch.equal(x, y)
            assert torch.equal(theta, same)
        # Half precision has eleven bits.
        tolerance = 0.0 if dtype == torch.float32 else 2**-11
        torch.testing.assert_close(batches[0][0][0], next(resident.epoch(2))[0], rtol=tolerance, atol=1e-6)


def test_what_waits_on_a_device_follows_from_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    camels = 15_000 * 256**2  # 3.93 GB in 32 bits
    sizes = {"cpu": (64 * GB, 40 * GB), "cuda": (80 * GB, 78 * GB), "mps": (64 * GB, 64 * GB)}
    monkeypatch.setattr(feed, "_memory", lambda device: sizes[device.type])

    def of(kind: str, copies: int = 1) -> tuple[torch.dtype, bool]:
        storage = choose_storage(camels, torch.device(kind), copies)
        return storage.dtype, storage.resident

    assert of("cpu") == (torch.float32, True)
    assert of("cpu", copies=2) == (torch.float32, False)
    assert of("mps") == (torch.float32, False)
    assert of("cuda") == (torch.float32, True)
    sizes["cuda"] = (12 * GB, 11 * GB)
    assert of("cuda") == (torch.float16, True)
    sizes["cuda"] = (12 * GB, 3 * GB)  # another process is there: the same numbers, from disk
    assert of("cuda") == (torch.float16, False)
    sizes["cuda"] = (6 * GB, 6 * GB)
    assert of("cuda") == (torch.float32, False)


def test_the_next_batches_are_made_while_one_is_used_and_no_more() -> None:
    made, enough = [], threading.Semaphore(0)

    def make(number: int) -> int:
        made.append(number)
        enough.release()
        return number

    results = ahead([lambda n=n: make(n) for n in range(20)], threads=1)
    assert list(islice(results, 2)) == [0, 1]
    for _ in range(4):
        assert enough.acquire(timeout=patience())
    assert made == [0, 1, 2, 3]
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == 1 or not [t for t in threading.enumerate() if t.name.startswith("maps")]


def test_a_failure_of_a_reading_thread_reaches_the_training() -> None:
    def fail() -> int:
        raise OSError(5, "Input/output error")

    results = ahead([lambda: 1, fail, lambda: 2], threads=2)
    assert next(results) == 1
    with pytest.raises(OSError, match="Input/output"):
        next(results)
