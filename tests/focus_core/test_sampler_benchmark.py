"""`focus benchmark samplers`: what is measured, in how many evaluations, and how it continues after a stop."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from focus_core import map_model
from focus_core.cli import main
from focus_core.config.experiment import ExperimentConfig
from focus_core.diffusion.methods import make_method
from focus_core.errors import StopRequested, UserError
from focus_core.sampling.from_run import load_run, sample_maps
from focus_core.sampling.sampler_benchmark import make_cases, reference_of, run_benchmark
from focus_core.statistics.held_out import read_held_out
from focus_core.statistics.power import band_average, power_spectrum
from focus_core.training.stopping import StopSwitch

EVALUATIONS = (2, 5, 50)


def test_every_sampler_takes_the_steps_that_cost_so_many_evaluations(
    tiny_config: Callable[..., ExperimentConfig],
) -> None:
    def cases(evaluations: tuple[int, ...], method: str) -> list[tuple[str, int]]:
        config = tiny_config(method=method, sampling={"method": "heun"}, diffusion={"timesteps": 50})
        state = {"prior": {"kind": "white", "sigma_data": 1.0}}
        run = SimpleNamespace(config=config, model=SimpleNamespace(method=make_method(config, state)))
        return [(case.key, case.evaluations) for case in make_cases(run, evaluations)]  # type: ignore[arg-type]

    assert cases((5, 50, 1000), "diffusion") == [
        *[("ddim 5", 5), ("ddim 5 eta 1", 5), ("heun 3", 5), ("dpmpp_2m 5", 5), ("heun 25", 49)],
        *[("ddim 50", 50), ("ddim 50 eta 1", 50), ("ddpm 50", 50), ("dpmpp_2m 50", 50)],
    ]
    assert cases((1, 5), "flow") == [("euler 1", 1), ("heun 2", 4), ("euler 5", 5)]
    assert cases((5,), "edm") == [("heun 3", 5), ("dpmpp_2m 5", 5), ("euler 5", 5)]
    assert [key for key, _ in cases((100,), "edm")][-2:] == ["adaptive 0.01", "adaptive 0.0001"]


def test_the_command_scores_every_case_writes_three_files_and_says_what_it_took(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_model, "_CPU_PIXELS", 4 * 16**2)  # several batches, which cut through simulations
    asked = ",".join(map(str, EVALUATIONS))
    words = ["benchmark", "samplers", "--run", str(finished_run), "--evaluations", asked, "--maps", "3"]
    assert main([*words, "--out", str(tmp_path), "--device", "cpu", "--seed", "4"]) == 0
    said = capsys.readouterr().out
    found = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    cases = {case["name"]: case for case in found["cases"]}
    assert {name: case["evaluations"] for name, case in cases.items()} == {
        "Heun, 1 step": 1, "DDIM, 2 steps": 2, "DPM-Solver++(2M), 2 steps": 2, "DDIM, 5 steps": 5, "Heun, 3 steps": 5,
        "DPM-Solver++(2M), 5 steps": 5, "Heun, 25 steps": 49, "DDIM, 50 steps": 50, "DDPM, 50 steps": 50,
        "DPM-Solver++(2M), 50 steps": 50, "DDIM, η = 1, 2 steps": 2, "DDIM, η = 1, 5 steps": 5,
        "DDIM, η = 1, 50 steps": 50,
    }  # fmt: skip
    assert all(name in said for name in cases)
    assert found["reference"] == "DDPM, 50 steps"
    assert cases["DDPM, 50 steps"]["as_good"]
    assert (tmp_path / "sampler_benchmark.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "sampler_benchmark.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 13  # one band of 16² maps
    assert {row["sampler"]: float(row["mean"]) for row in rows}["dpmpp_2m"] == found["cases"][-1]["mean"][0]

    run = load_run(finished_run, device="cpu")
    truth = read_held_out(finished_run, run.space)
    theta = np.repeat(truth.theta, 3, axis=0)
    maps = sample_maps(run, theta, len(theta), 4, "heun", 3, 1.0)
    mean = band_average(power_spectrum(maps, 16.0)).mean(axis=0)
    modes = truth.n_modes[1:4]  # rings 2 to 4
    own = (truth.own.first * truth.expected)[:, 1:4] @ modes / modes.sum()
    np.testing.assert_allclose(cases["Heun, 3 steps"]["mean"], mean / own.mean(), rtol=1e-4)


def test_a_benchmark_that_was_stopped_goes_on_and_finds_the_same(finished_run: Path, tmp_path: Path) -> None:
    run = load_run(finished_run, device="cpu")
    truth = read_held_out(finished_run, run.space)
    cases = make_cases(run, (2, 5))
    whole = list(run_benchmark(run, truth, cases, tmp_path / "whole", 2))[-1]
    drawn: list[str] = []

    def stop_in_the_third(done: int, total: int, case: str) -> None:
        drawn.append(case)
        if len(set(drawn)) == 3:
            raise StopRequested("enough")

    with pytest.raises(StopRequested):
        list(run_benchmark(run, truth, cases, tmp_path / "parts", 2, progress=stop_in_the_third))
    (file,) = (tmp_path / "parts").glob("cases_*.jsonl")
    with file.open("ab") as stream:
        stream.write(b'{"case": "ddim 5", "evalu')  # a kill in the middle of a line
    drawn.clear()
    parts = list(run_benchmark(run, truth, cases, tmp_path / "parts", 2, progress=lambda *told: drawn.append(told[2])))
    assert len(parts[0]) == 2
    assert set(drawn) - {""} == {case.key for case in cases[2:]}
    for one, other in zip(parts[-1], whole, strict=True):
        assert one.case == other.case
        np.testing.assert_array_equal(one.moments.first, other.moments.first)
        np.testing.assert_array_equal(one.moments.second, other.moments.second)
    assert reference_of(whole).evaluations == 5
    lines = file.read_text().splitlines(keepends=True)
    second = json.loads(lines[1])
    del second["first"]
    file.write_text("".join([lines[0], json.dumps(second) + "\n", *lines[2:]]))
    with pytest.raises(UserError, match=r"cases_\w+\.jsonl, line 2: is no finished case; delete the file to begin"):
        list(run_benchmark(run, truth, cases, tmp_path / "parts", 2))
    list(run_benchmark(run, truth, cases[:1], tmp_path / "parts", 3))
    assert len(list((tmp_path / "parts").glob("cases_*.jsonl"))) == 2  # other maps are another file


def test_a_stop_ends_with_code_3_and_says_what_is_kept(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def check(switch: StopSwitch) -> None:
        nonlocal looks
        looks += 1
        if looks == 5:
            raise StopRequested("stopped by SIGTERM")

    monkeypatch.setattr(StopSwitch, "check", check)
    words = ["benchmark", "samplers", "--run", str(finished_run), "--samplers", "ddim", "--evaluations", "2,9"]
    assert main([*words, "--maps", "1", "--out", str(tmp_path)]) == 3
    assert f"stopped by SIGTERM; 2 of 4 cases are kept in {tmp_path}, and the same" in capsys.readouterr().err
    assert not (tmp_path / "progress").exists()
    assert len(json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["cases"]) == 2


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (("--samplers", "magic"), "--samplers: 'magic' is not known"),
        (("--samplers", "euler"), "euler is not available for method diffusion"),
        (("--samplers", "ddpm", "--evaluations", "20"), "no sampler of this run takes 20 or fewer"),
        (("--maps", "0"), "--maps: 0 is too small"),
        (("--evaluations", "5,10000000000"), "--evaluations: 10000000000 are too many; give 20,000 or fewer"),
    ],
)
def test_each_mistake_of_a_benchmark_is_one_line(
    finished_run: Path, capsys: pytest.CaptureFixture[str], extra: tuple[str, ...], sentence: str
) -> None:
    assert main(["benchmark", "samplers", "--run", str(finished_run), *extra]) == 2
    assert sentence in capsys.readouterr().err.strip().splitlines()[-1]
