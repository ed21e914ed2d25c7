"""A checkpoint that is not what was written is noticed, and the last good one takes its place."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from focus_core.config.experiment import ExperimentConfig
from focus_core.errors import UserError
from focus_core.progress import read_events
from focus_core.run_files import BEST, DAMAGED, JOURNAL, LAST, PREVIOUS
from focus_core.sampling.from_run import load_run
from focus_core.training.checkpoint import (
    NEEDED_TO_RESUME,
    last_good,
    load_checkpoint,
    put_damaged_aside,
    save_checkpoint,
)
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

ConfigMaker = Callable[..., ExperimentConfig]


def truncate(path: Path) -> None:
    """As a disk or a copy might: under the same name, so that other names of the file keep its content."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.unlink()
    path.write_bytes(content)


def state(epoch: int) -> dict[str, Any]:
    weights = {"w": torch.full((1000,), float(epoch))}
    rest = dict.fromkeys(NEEDED_TO_RESUME)
    return {**rest, "format": 1, "epoch": epoch, "step": epoch, "val_loss": 0.5, "model": weights, "ema": weights}


def test_no_flipped_bit_goes_unnoticed_where_it_matters(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, state(1), best=False)
    good, chance = (tmp_path / LAST).read_bytes(), random.Random(0)
    path, refused = tmp_path / "altered.pt", 0
    for _ in range(100):
        altered = bytearray(good)
        altered[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
        path.write_bytes(altered)
        try:
            read = load_checkpoint(path)
        except UserError:
            refused += 1
        else:  # the filling between two records, say
            assert torch.equal(read["model"]["w"], state(1)["model"]["w"])
    assert refused > 50


def test_the_newest_readable_checkpoint_is_found(tmp_path: Path) -> None:
    assert last_good(tmp_path) is None
    for epoch in (1, 2, 3, 4):
        save_checkpoint(tmp_path, state(epoch), best=epoch == 2, keep=epoch == 1)
    epochs = []
    for path in (LAST, PREVIOUS, BEST):
        found = last_good(tmp_path)
        assert found is not None
        assert found.path == path
        epochs.append(found.state["epoch"])
        flip_a_bit(tmp_path / path)
    found = last_good(tmp_path)
    assert found is not None
    assert [*epochs, found.state["epoch"]] == [4, 3, 2, 1]
    assert [path for path, _ in found.damaged] == [LAST, PREVIOUS, BEST]
    truncate(tmp_path / found.path)
    with pytest.raises(UserError, match=r"checkpoint_last\.pt: is not a readable checkpoint .* --fresh"):
        last_good(tmp_path)


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, Path.unlink], ids=["truncated", "a flipped bit", "missing"])
@pytest.mark.parametrize(
    ("damaged", "used", "epoch"),
    [([LAST], BEST, 2), ([LAST, BEST], PREVIOUS, 1)],
    ids=["the best is as new", "the one before is the newest"],
)
def test_a_run_whose_last_checkpoint_is_damaged_goes_on_from_the_newest_good_one_and_says_so(
    damage: Callable[[Path], None],
    damaged: list[Path],
    used: Path,
    epoch: int,
    finished_run: Path,
    tmp_path: Path,
    tiny_home: Path,
    tiny_config: ConfigMaker,
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    for path in damaged:
        damage(run / path)
    run_training(tiny_config(), run, tiny_home, StopSwitch())
    events = [event for event, _ in read_events(run / JOURNAL) if event["attempt"] == 2]
    told = events[0]
    assert (told["kind"], told["path"], told["used"], told["epoch"]) == (
        "checkpoint_damaged",
        str(LAST),
        str(used),
        epoch,
    )
    assert told["message"] in (run / "logs" / "training.log").read_text()
    begun = next(event for event in events if event["kind"] == "run_started")
    assert (begun["epoch"], events[-1]["reason"]) == (epoch, "finished")
    assert (run / DAMAGED).exists() == (damage is not Path.unlink)
    one, other = (load_checkpoint(folder / LAST) for folder in (finished_run, run))
    torch.testing.assert_close(dict(one["model"]), dict(other["model"]), rtol=0, atol=0)
    load_run(run, device="cpu")  # the best is there again


def test_a_checkpoint_that_lacks_what_a_resumption_needs_is_a_damaged_one(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, state(1), best=False)
    without = state(2)
    del without["optimizer"]
    save_checkpoint(tmp_path, without, best=False)
    found = last_good(tmp_path)
    assert found is not None
    assert found.state["epoch"] == 1
    assert found.damaged == ((LAST, "lacks optimizer"),)


def test_a_folder_in_the_place_of_the_last_checkpoint_is_put_aside_like_a_damaged_one(tmp_path: Path) -> None:
    for epoch in (1, 2):
        save_checkpoint(tmp_path, state(epoch), best=False)
    (tmp_path / LAST).unlink()
    (tmp_path / LAST).mkdir()
    found = last_good(tmp_path)
    assert found is not None
    assert (found.path, found.damaged) == (PREVIOUS, ((LAST, "is no file"),))
    put_damaged_aside(tmp_path, found)
    assert load_checkpoint(tmp_path / LAST)["epoch"] == 1


def test_sampling_from_a_damaged_checkpoint_is_refused_with_a_sentence(finished_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    flip_a_bit(run / BEST)
    with pytest.raises(UserError, match=r"checkpoint_best\.pt: is not a readable checkpoint \(the checksum of"):
        load_run(run, device="cpu")
    load_run(run, checkpoint="last", device="cpu")
    with pytest.raises(UserError, match=r"'newest' is not known; choose best, last or a kept epoch"):
        load_run(run, checkpoint="newest", device="cpu")
