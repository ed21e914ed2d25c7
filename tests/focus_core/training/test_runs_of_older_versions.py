"""A run folder that an older version left in the middle of an epoch ends as that version would have ended it."""

from __future__ import annotations

import hashlib
import json
import lzma
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from focus_core.config.experiment import load_config
from focus_core.progress import read_events
from focus_core.run_files import CONFIG, JOURNAL, LAST
from focus_core.training.checkpoint import load_checkpoint
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

OLDER = Path(__file__).parents[2] / "older_versions"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A FOCUS_HOME at another place than the run was made in, with its data and the run."""
    shutil.copytree(OLDER / "datasets", tmp_path / "datasets")
    shutil.copytree(OLDER / "run", tmp_path / "run")
    packed = (tmp_path / "run" / LAST).with_suffix(".pt.xz")
    (tmp_path / "run" / LAST).write_bytes(lzma.decompress(packed.read_bytes()))
    packed.unlink()
    return tmp_path


def sha256(weights: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


def test_it_resumes_to_the_same_end(home: Path) -> None:
    run, end = home / "run", json.loads((OLDER / "end_of_run.json").read_text(encoding="utf-8"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as it was begun: the order of a sum is that of the threads
    try:
        run_training(load_config(run / CONFIG), run, home, StopSwitch())
    finally:
        torch.set_num_threads(threads)
    found = [event for event, _ in read_events(run / JOURNAL)]
    assert [event["resumed"] for event in found if event["kind"] == "run_started"] == [False, True]
    steps = {str(event["step"]): event["loss"] for event in found if event["kind"] == "step"}
    epochs = {str(e["epoch"]): [e["train_loss"], e["val_loss"]] for e in found if e["kind"] == "epoch"}
    # Random numbers are drawn alike everywhere; another kind of processor adds in another order, which rounding shows.
    assert steps == pytest.approx(end["steps"], rel=1e-4)
    assert {key: pytest.approx(value, rel=1e-4) for key, value in end["epochs"].items()} == epochs
    here = {"torch": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability()}
    if here == end["made_with"]:
        checkpoint = load_checkpoint(run / LAST)
        assert {part: sha256(checkpoint[part]) for part in ("model", "ema")} == end["sha256"]
        assert (steps, epochs) == (end["steps"], end["epochs"])
