"""What a training run says about its speed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from focus_core.config.experiment import ExperimentConfig
from focus_core.diffusion.methods import make_method
from focus_core.networks.building import build_network
from focus_core.progress import find_events, read_events
from focus_core.run_files import JOURNAL
from focus_core.training import accounting
from focus_core.training.accounting import StepClock, measured_peak, work_of_a_map
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

ConfigMaker = Callable[..., ExperimentConfig]
CPU = torch.device("cpu")


def test_percentiles_and_waiting_of_steps_on_a_clock_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(accounting.time, "perf_counter", lambda: now[0])

    def batches() -> Any:
        for number in range(100):
            now[0] += 0.25  # until a batch is there
            yield number

    clock = StepClock(CPU)
    assert clock.epoch_done() == {}
    clock.restart()
    for number in clock.waiting(batches()):
        now[0] += 0.75 if number < 95 else 2.75
        clock.step_done()
        if number == 50:
            now[0] += 1000.0  # a checkpoint is no step
            clock.restart()
    told = clock.epoch_done()
    assert (told["step_ms_p50"], told["step_ms_p90"], told["step_ms_p99"]) == pytest.approx((1000, 1000, 3000))
    assert told["data_wait_share"] == pytest.approx(25.0 / (95 * 1.0 + 5 * 3.0))
    assert clock.epoch_done() == {}


def test_the_work_of_a_map_is_that_of_torch_s_counter_with_and_without_arithmetic_of_its_own(
    tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config()
    network, method = build_network(config.model, True), make_method(config, {})
    x, t = torch.randn(1, 1, 16, 16), torch.tensor([5])
    with FlopCounterMode(display=False) as counter:
        method.loss(network, x, torch.rand(1, 6), t, torch.randn_like(x)).mean().backward()
    assert work_of_a_map(config, 16, True) == counter.get_total_flops()
    monkeypatch.setattr(accounting, "estimate", lambda *_: type("Unknown", (), {"exact": False}))
    assert work_of_a_map(config, 16, True) == counter.get_total_flops()


def test_the_peak_is_measured_once_and_is_no_less_than_a_product_takes() -> None:
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    peak = measured_peak(CPU, "fp32")
    assert measured_peak(CPU, "fp32") == peak
    assert 1e8 < peak < 1e14
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), before)


def test_every_epoch_tells_its_accounts(finished_run: Path, tiny_config: ConfigMaker) -> None:
    events = [event for event, _ in read_events(finished_run / JOURNAL)]
    begun = next(event for event in events if event["kind"] == "run_started")
    assert begun["precision"] == "fp32"
    assert begun["compiled"] is False
    assert begun["data"].startswith("on the device")
    epochs = [event for event in events if event["kind"] == "epoch"]
    assert len(epochs) == 2
    for epoch in epochs:
        assert 0 < epoch["step_ms_p50"] <= epoch["step_ms_p90"] <= epoch["step_ms_p99"]
        assert 0 <= epoch["data_wait_share"] <= 1
        assert epoch["compiled"] is False
        assert epoch["flops_per_step"] == 5 * work_of_a_map(tiny_config(), 16, True)
        speed = epoch["images_per_second"] * work_of_a_map(tiny_config(), 16, True)
        assert epoch["peak_share"] == pytest.approx(speed / begun["peak_flops"])


def test_an_epoch_tells_that_the_compiler_failed(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(graph: object, inputs: object) -> None:
        raise RuntimeError("no compiler here")

    compile_with = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network, **options: compile_with(network, backend=broken, **options))
    config = tiny_config(training={"compile": True, "num_epochs": 1})
    run_training(config, tmp_path, tiny_home, StopSwitch())
    [begun] = find_events(tmp_path / JOURNAL, "run_started")
    [epoch] = find_events(tmp_path / JOURNAL, "epoch")
    assert (begun["compiled"], epoch["compiled"]) == (True, False)
