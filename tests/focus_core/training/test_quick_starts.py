"""What a training run does without, so that its first step comes soon and short epochs are not spent on pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from focus_core.config.experiment import ExperimentConfig, to_yaml
from focus_core.errors import StopRequested
from focus_core.figures import history
from focus_core.networks.building import build_network, build_shapes
from focus_core.run_files import HISTORY
from focus_core.training import history_figure
from focus_core.training.history_figure import HistoryFigure
from focus_core.training.optimizers import plain
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

ConfigMaker = Callable[..., ExperimentConfig]


@pytest.mark.parametrize("network", ["SimpleUNet", "ModernUNet"])
def test_a_training_that_compiles_nothing_imports_no_compiler(
    network: str, tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(tiny_config(model={"from": network}, training={"num_epochs": 1})))
    program = (
        "import sys; from focus_core.cli import main; code = main(sys.argv[1:]);"
        "print([name for name in ('torch._dynamo', 'torch._inductor', 'sympy') if name in sys.modules]); sys.exit(code)"
    )
    words = ["train", "--config", str(file), "--exp-dir", str(tmp_path / "run")]
    environment = {**os.environ, "FOCUS_HOME": str(tiny_home), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program, *words], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "[]"), done.stderr


@pytest.mark.parametrize("network", ["SimpleUNet", "ModernUNet"])
def test_shapes_alone_are_those_of_the_network(network: str, tiny_config: ConfigMaker) -> None:
    model = tiny_config(model={"from": network}).model
    shapes, numbers = build_shapes(model, True), build_network(model, True)
    told = [{name: tensor.shape for name, tensor in each.state_dict().items()} for each in (shapes, numbers)]
    assert told[0] == told[1]
    assert {tensor.device.type for tensor in [*shapes.parameters(), *shapes.buffers()]} == {"meta"}


def test_curves_take_a_twentieth_of_the_time_and_the_last_drawing_has_every_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / HISTORY.parent).mkdir()
    clock, drawn = SimpleNamespace(now=100.0), []

    def draw(file: Any, entries: list[dict[str, Any]]) -> None:
        clock.now += 0.5
        drawn.append(len(entries))

    monkeypatch.setattr(history, "draw_history", draw)
    monkeypatch.setattr(history_figure, "time", SimpleNamespace(monotonic=lambda: clock.now))
    curves, entries = HistoryFigure(tmp_path), []
    for epoch in range(1, 26):
        clock.now += 1.0
        entries.append({"epoch": epoch})
        curves.draw_in_time(entries)
    assert drawn == [1, 11, 21], "half a second of drawing every ten"
    curves.draw(entries)
    curves.draw(entries)
    assert drawn == [1, 11, 21, 25]


def test_a_stopped_training_leaves_curves_of_every_epoch(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, seen = StopSwitch(), []

    def draw_in_time(curves: HistoryFigure, entries: list[dict[str, Any]]) -> None:
        if len(entries) == 2:
            stop.turn_on("stopped by SIGTERM")

    monkeypatch.setattr(HistoryFigure, "draw_in_time", draw_in_time)
    monkeypatch.setattr(history, "draw_history", lambda file, entries: seen.append(len(entries)))
    with pytest.raises(StopRequested):
        run_training(tiny_config(training={"num_epochs": 9, "sample_every": 9}), tmp_path, tiny_home, stop)
    assert seen == [2]


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
def test_an_optimiser_called_plainly_moves_weights_as_torch_s_own_to_the_last_bit(kind: type[torch.optim.Adam]) -> None:
    moved, states = [], []
    for optimiser in (kind, plain(kind)):
        torch.manual_seed(0)
        network = torch.nn.Linear(5, 3)
        found = optimiser(network.parameters(), lr=1e-2, weight_decay=0.1, fused=True)
        for _ in range(3):
            found.zero_grad(set_to_none=True)
            network(torch.randn(4, 5)).square().mean().backward()
            found.step()
        again = optimiser(network.parameters(), lr=1e-2, weight_decay=0.1, fused=True)
        again.load_state_dict(found.state_dict())
        network(torch.randn(4, 5)).square().mean().backward()
        again.step()
        moved.append([p.detach().clone() for p in network.parameters()])
        states.append(again.state_dict()["state"])
    assert all(torch.equal(one, other) for one, other in zip(*moved, strict=True))
    assert str(states[0]) == str(states[1])
