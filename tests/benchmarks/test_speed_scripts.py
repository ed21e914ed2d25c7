"""The scripts behind RESULTS.md run, at their smallest; what they would say of speed is not looked at."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import torch

from focus_core.networks.simple_unet import SimpleUNet

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
Script = Callable[[str], ModuleType]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """A script as a module, its command line set: script("spectra.py --maps 4")."""

    def loaded(command: str) -> ModuleType:
        monkeypatch.syspath_prepend(str(BENCHMARKS))
        name, *words = command.split()
        monkeypatch.setattr(sys, "argv", [name, *words])
        return import_module(name.removesuffix(".py"))

    return loaded


def test_the_plain_network_is_focus_own_written_another_way(script: Script) -> None:
    torch.manual_seed(0)
    ours = SimpleUNet(base_channels=8, channel_mults=(1, 2), embedding=16)
    plain = script("plain_loop.py").PlainUNet(base_channels=8, channel_mults=(1, 2), embedding=16)
    plain.load_state_dict(ours.state_dict())
    inputs = torch.randn(3, 1, 8, 8), torch.tensor([0, 500, 999]), torch.randn(3, 6), torch.tensor([True, False, False])
    torch.testing.assert_close(plain(*inputs), ours(*inputs), rtol=1e-4, atol=1e-5)


def test_training_steps_of_every_loop_are_timed_in_turn(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = "--experiment 02 --grid 16 --batch-size 2 --channels 8 --steps 2 --warm-up 0"
    module = script(f"training_step.py {tiny} --without diffusers --also bf16")
    assert module.main() == 0
    out = capsys.readouterr().out
    assert "Experiment 02, 16², batch 2" in out
    assert "| plain loop and layers / FOCUS |" in out
    assert "| FOCUS, bf16 |" in out
    assert out.count("918,385") == 4  # the parameters of four equal networks


def test_the_experiments_are_compared(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("experiments.py --grid 16 --batch-size 2 --channels 4 --steps 2 --warm-up 0")
    monkeypatch.setattr(module, "peak_in_a_process", module.peak_memory)  # a process of its own costs seconds
    assert module.main() == 0
    out = capsys.readouterr().out
    assert "| 16², batch 2 |" in out
    assert "about 75 %" in out


@pytest.fixture
def threads_restored() -> Iterator[None]:
    """The scripts set torch's threads for the whole process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


CASES_NEED = {
    "quickstart": [],
    "baseline": [],
    "diffusers": ["diffusers"],
    "flow_matching": ["diffusers", "flow_matching"],
}


@pytest.mark.usefixtures("threads_restored")
@pytest.mark.parametrize("case", CASES_NEED)
def test_a_case_of_equal_minutes_leaves_one_file_that_is_scored_later(
    case: str, script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for package in CASES_NEED[case]:
        pytest.importorskip(package, reason=f"{package} is not installed: make install-bench")
    script("loops.py").write_lesson(tmp_path, 32, 40, name="quick")
    monkeypatch.setenv("FOCUS_HOME", str(tmp_path))
    out, scores = tmp_path / "out", tmp_path / "scores"
    module = script(f"equal_minutes.py --minutes 0.01 --epochs 1 --threads 1 --out {out} --case {case} --train-only")
    assert module.main() == 0
    assert [file.name for file in out.iterdir()] == [f"{case}.pt"]
    sys.argv[1:] = f"--score {out} --maps 1 --most-evaluations 50 --threads 1 --out {scores}".split()
    assert module.main() == 0
    printed = capsys.readouterr().out
    assert f"{case}: " in printed
    assert f"| {case}, " in printed
    assert " 0 parameters" not in printed
    (row,) = (json.loads(line) for line in (scores / "scores.jsonl").read_text().splitlines())
    assert row["evaluations"] <= 50
    assert all(ratio > 0 for ratio in row["ratio"])


@pytest.mark.usefixtures("threads_restored")
def test_transforms_are_trained_alike_and_judged_by_simulations(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script("loops.py").write_lesson(tmp_path, 16, 40, name="quick")
    monkeypatch.setenv("FOCUS_HOME", str(tmp_path))
    small = "model.base_channels=4,model.channel_mults=1-2,sampling.num_steps=2"
    cases = [f"{name}:{small},data.transform.name={name}" for name in ("log10", "boxcox")]
    options = f"--further {tmp_path / 'datasets' / 'quick'} --epochs 1 --simulations 4 --out {tmp_path / 'out'}"
    module = script(f"transforms.py {options} --case {cases[0]} --case {cases[1]}")
    assert module.main() == 0
    printed = capsys.readouterr().out
    rows = [json.loads(line) for line in (tmp_path / "out" / "scores.jsonl").read_text().splitlines()]
    assert [row["name"] for row in rows] == ["log10", "boxcox"]
    assert rows[0]["steps"] == rows[1]["steps"] > 0
    assert rows[0]["numbers"] != rows[1]["numbers"]
    assert "| | log10 | boxcox | floor |" in printed
    assert "| steps | 4 | 4 | |" in printed


def test_the_wait_for_maps_is_measured_on_a_file_of_camels_layout(
    script: Script, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = "--maps 300 --grid 16 --channels 8 --batches 2 --steps 2 --workers 0 --folder"
    assert script(f"data_path.py {options} {tmp_path}").main() == 0
    assert "maps/s from disk" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_spectra_are_compared_before_they_are_timed(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("spectra.py --maps 4 --grid 16 --rounds 1")
    assert module.main() == 0
    assert "| a mask per bin | 1 |" in capsys.readouterr().out
    monkeypatch.setattr(module, "with_masks", lambda one: 1.01 * module.with_powerbox(one))
    assert module.main() == 1
    assert "the spectra differ" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU")
def test_without_a_gpu_its_script_says_so_in_one_sentence(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert script("gpu.py").main() == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "no CUDA GPU" in captured.err
    assert captured.out == ""


def test_the_gpu_script_walks_its_path_on_a_processor(
    script: Script, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script("loops.py").write_lesson(tmp_path, 16, 40)
    outcomes = []
    for way in ("32 bits", "plain loop"):
        case = json.dumps({"experiment": "02", "grid": 16, "way": way})
        module = script("gpu.py --device cpu --tiny")
        sys.argv += ["--home", str(tmp_path), "--case", case]
        assert module.main() == 0
        plain = json.loads(capsys.readouterr().out)
        outcomes.append(module.Outcome(**plain | {"case": module.Case(**plain["case"])}))
    table = module.report(outcomes, 1e12)
    assert all(len(outcome.images) == 3 and outcome.batch_size == 2 for outcome in outcomes)
    assert table.count("Experiment 02, 16²") == 2
    twice = replace(outcomes[0], case=module.Case("01", 16, "32 bits"), images=(1.0, 1.0, 1.0), peak_bytes=100)
    half = replace(outcomes[0], images=(2.5, 2.5, 2.5), peak_bytes=25)
    assert "| 16² | 32 bits | 2 and 2 | 2.50 | 75.0 % |" in module.report([twice, half], 1e12)


def test_the_gpu_script_compiles_first_what_it_will_measure_compiled(script: Script, tmp_path: Path) -> None:
    script("loops.py").write_lesson(tmp_path, 16, 40)
    module = script("gpu.py --device cpu --tiny")
    arguments = module._parser().parse_args()
    cases = [case for case in module._cases(arguments) if case.compiled]
    assert {(case.way, case.batch_size) for case in cases} == {
        ("bf16, compiled", None),
        ("bf16, one graph", None),
        ("bf16, compiled", module.EQUAL_BATCH),
        ("32 bits, compiled", None),
    }
    not_compiled = module.Case("01", 16, "plain loop")
    assert module.compile_side_by_side([not_compiled], {16: tmp_path}, 1.0, arguments) == 0
    module.compile_network(module.Case("01", 16, "32 bits"), tmp_path, arguments)
