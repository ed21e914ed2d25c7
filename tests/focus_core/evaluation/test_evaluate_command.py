"""`focus evaluate` from its files to its report: what is written, what is refused, and what is only not measured."""

from __future__ import annotations

import base64
import csv
import json
import re
import shutil
from pathlib import Path

import lognormal_suite as suite
import numpy as np
import pytest
import torch

from focus_core import map_model
from focus_core.catalogue.statistics import STATISTICS
from focus_core.cli import main
from focus_core.errors import StopRequested
from focus_core.training.stopping import StopSwitch

N = 24


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "suite"
    suite.write_suite(folder, N)
    return folder


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other maps of the same distribution at the same θ."""
    theta = suite.thetas(N)
    return suite.write_maps(tmp_path_factory.mktemp("maps") / "right.npz", suite.maps_at(theta, 2), theta)


@pytest.fixture(scope="module")
def report(dataset: Path, right: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "made" / "here"
    assert evaluate(right, dataset, out) == 0
    return out


def evaluate(maps: Path, dataset: Path, out: Path, *more: str) -> int:
    return main(["evaluate", "--maps", str(maps), "--dataset", str(dataset), "--out", str(out), *more])


def read(report: Path) -> dict[str, dict]:
    found = json.loads((report / "summary.json").read_text(encoding="utf-8"))
    assert found["schema"] == 1
    return {each["name"]: each for each in found["statistics"]}


def test_the_summary_always_has_all_sixteen_statistics_with_their_bands_and_the_settings_that_repeat_it(
    report: Path, dataset: Path
) -> None:
    found = read(report)
    assert list(found) == [
        "power_mean", "power_log", "power_scatter", "power_covariance", "chi2", "pdf", "field_mean", "bispectrum",
        "peaks", "minkowski", "scattering", "isotropy", "response", "closure", "calibration", "memorisation",
    ]  # fmt: skip
    for each in found.values():
        assert {"name", "title", "value", "error", "floor", "level", "verdict", "reason", "bands"} <= each.keys()
        if each["verdict"] == "not measured":
            assert each["value"] is None
            assert each["reason"]
        else:
            assert each["value"] in [band["value"] for band in each["bands"]]
    settings = json.loads((report / "summary.json").read_text(encoding="utf-8"))["settings"]
    assert settings["data_digest"].startswith("sha256:")
    assert settings["checkpoint_sha256"] is None
    assert settings["split"] == "all"
    assert (settings["simulations"], settings["maps"]) == (N, N * suite.EACH)
    assert (settings["reference_simulations"], settings["reference_maps"]) == (N, N * suite.EACH)
    assert settings["seeds"]["evaluation"] == 0
    assert {"commit", "versions", "file_sha256"} <= settings.keys()


def test_maps_of_the_right_distribution_fail_nothing(report: Path) -> None:
    assert {name: each["reason"] for name, each in read(report).items() if each["verdict"] == "fail"} == {}


def test_bands_double_up_to_the_nyquist_frequency_and_the_last_is_shown_alone(report: Path) -> None:
    bands = {band["label"]: band for band in read(report)["power_mean"]["bands"]}
    assert list(bands) == ["[2, 4) k_f", "[4, 8) k_f", "[8, 16] k_f"]
    assert [band["judged"] for band in bands.values()] == [True, True, False]
    assert [band["level"] for band in bands.values()] == [0.05, 0.05, 0.10]
    assert all(band["judged"] for band in read(report)["power_log"]["bands"])


def test_tables_and_figures_lie_beside_the_summary(report: Path) -> None:
    with (report / "summary.csv").open(encoding="utf-8") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    found = read(report)
    assert rows.keys() == STATISTICS.keys()
    assert float(rows["power_mean"]["value"]) == found["power_mean"]["value"]
    for name, each in found.items():
        measured = each["verdict"] != "not measured"
        assert (report / f"{name}.csv").exists() == measured
        assert not measured or (report / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    with (report / "power_mean_curves.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == suite.GRID // 2
    assert not (report / "progress").exists()


def test_where_in_theta_maps_are_right_is_told_by_simulation_and_band(report: Path, right: Path) -> None:
    found = json.loads((report / "evaluation.json").read_text(encoding="utf-8"))
    prior, mean = found["over_prior"], read(report)["power_mean"]
    assert prior["bands"] == [band["label"] for band in mean["bands"]]
    theta, ratio, error = (np.array(prior[name]) for name in ("theta", "ratio", "error"))
    with np.load(right) as file:
        names = [str(name) for name in file["param_names"]]
    assert [each["name"] for each in prior["parameters"]] == names
    assert theta.shape == (N, len(names))
    assert ratio.shape == error.shape == (N, len(prior["bands"]))
    # Maps of the right distribution: none is off by more than chance, and their mean is that of the statistic nearly.
    assert np.abs((ratio - 1) / error)[:, 1].mean() < 2.0
    np.testing.assert_allclose(ratio.mean(axis=0), [band["value"] for band in mean["bands"]], atol=0.1)
    with (report / "over_prior.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == ratio.size
    assert float(rows[1]["ratio"]) == pytest.approx(ratio[0, 1])
    assert (report / "over_prior.png").read_bytes().startswith(b"\x89PNG")
    assert "Over the prior" in (report / "report.html").read_text(encoding="utf-8")


def test_each_number_is_kept_without_each_simulation_in_turn_and_the_jackknife_agrees_with_its_error(
    report: Path,
) -> None:
    found = json.loads((report / "evaluation.json").read_text(encoding="utf-8"))
    for name in ("power_mean", "power_log", "power_scatter", "field_mean", "minkowski", "isotropy"):
        kept = found["left_out"][name]
        bands = {band["label"]: band for band in read(report)[name]["bands"]}
        assert kept.keys() == bands.keys(), name
        for label, values in kept.items():
            assert len(values) == N
            jackknife = np.sqrt((N - 1) / N * np.square(np.array(values) - np.mean(values)).sum())
            assert jackknife == pytest.approx(bands[label]["error"], rel=0.5), (name, label)


def test_the_page_stands_alone_and_begins_with_what_passes_and_what_does_not_in_words(report: Path) -> None:
    page = (report / "report.html").read_text(encoding="utf-8")
    assert re.search(r"\d+ of \d+ measured statistics pass", page)
    assert "Within what is allowed: " in page
    assert "prefers-color-scheme: dark" in page
    links = re.findall(r"""(?:src|srcset|href)=["']([^"']{1,40})""", page)
    assert links
    assert all(link.startswith(("data:image/png", "#")) for link in links)
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)


def test_the_page_shows_the_very_pictures_that_lie_beside_it(report: Path) -> None:
    page = (report / "report.html").read_text(encoding="utf-8")
    pictures = list(report.glob("*.png"))
    assert len(pictures) > 10
    for picture in pictures:
        assert base64.b64encode(picture.read_bytes()).decode() in page, picture.name


def test_the_two_cheap_rivals_are_scored_by_the_same_statistics(report: Path) -> None:
    found = read(report)
    assert found["power_mean"]["rivals"].keys() == {"lognormal maps", "Gaussian copula"}
    # The suite is lognormal itself, so that this rival must be right about it.
    assert found["peaks"]["rivals"]["lognormal maps"]["verdict"] == "pass"
    assert found["minkowski"]["rivals"]["lognormal maps"]["verdict"] == "pass"


def test_equal_calls_give_equal_numbers(report: Path, dataset: Path, right: Path, tmp_path: Path) -> None:
    assert evaluate(right, dataset, tmp_path / "again") == 0
    assert read(tmp_path / "again") == read(report)


def test_maps_of_wrong_mean_and_amplitude_fail_and_the_exit_code_is_still_0(dataset: Path, tmp_path: Path) -> None:
    theta = suite.thetas(N)
    wrong = suite.maps_at(theta, 2).astype(float)
    wrong = 1.2 * wrong * (wrong / wrong.mean(axis=(1, 2), keepdims=True)) ** 0.5
    assert evaluate(suite.write_maps(tmp_path / "w.npz", wrong, theta), dataset, tmp_path / "out") == 0
    found = read(tmp_path / "out")
    for name in ("field_mean", "power_mean", "power_log", "pdf"):
        assert found[name]["verdict"] == "fail", found[name]
    assert "deviates by more than the level and three times its uncertainty" in found["field_mean"]["reason"]


def test_a_map_that_has_no_power_spectrum_costs_what_rests_on_it_and_not_the_report(
    dataset: Path, tmp_path: Path
) -> None:
    """Of negative mean, as overdensities or velocities have: P(k) of Σ / Σ̄ − 1 means nothing there."""
    theta = suite.thetas(N)
    signed = suite.maps_at(theta, 2).astype(float)
    signed[0] -= 2.0 * signed[0].mean()
    assert evaluate(suite.write_maps(tmp_path / "m.npz", signed, theta), dataset, tmp_path / "out") == 0
    found = read(tmp_path / "out")
    assert found["power_mean"]["verdict"] == "not measured"
    assert found["pdf"]["verdict"] == "fail"
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text("utf-8"))["over_prior"] is None


def test_names_in_another_order_are_put_right(dataset: Path, right: Path, report: Path, tmp_path: Path) -> None:
    with np.load(right) as file:
        arrays = dict(file)
    arrays |= {"params": arrays["params"][:, ::-1], "param_names": arrays["param_names"][::-1]}
    np.savez(tmp_path / "turned.npz", **arrays)
    assert evaluate(tmp_path / "turned.npz", dataset, tmp_path / "out") == 0
    assert read(tmp_path / "out")["power_mean"] == read(report)["power_mean"]


def test_maps_at_other_theta_are_held_against_the_simulations_smoothed_over_theta(
    dataset: Path, tmp_path: Path
) -> None:
    theta = suite.thetas(16, seed=5)
    maps = suite.maps_at(theta, 3)
    assert evaluate(suite.write_maps(tmp_path / "m.npz", maps, theta), dataset, tmp_path / "out") == 0
    found = read(tmp_path / "out")
    assert found["power_mean"]["value"] is not None
    assert found["field_mean"]["value"] is not None
    assert [name for name, each in found.items() if each["verdict"] == "fail"] == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"maps": np.full((8, 32, 32), np.nan)}, "map 0 has pixels that are not finite"),
        ({"maps": np.ones((8, 32, 31))}, "maps have shape (8, 32, 31)"),
        ({"params": np.ones((8, 3))}, "params have shape (8, 3)"),
        ({"params": np.full((8, 2), np.inf)}, "params of map 0 are not finite"),
        ({"param_names": np.array(["a", "b"])}, "param_names are a, b; the dataset has Omega_m, sigma_8"),
    ],
)
def test_maps_that_are_no_maps_are_refused_in_one_line(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, np.ndarray], sentence: str
) -> None:
    theta = suite.thetas(2)
    path = suite.write_maps(tmp_path / "m.npz", suite.maps_at(theta, 3), theta, **change)
    assert evaluate(path, dataset, tmp_path / "out") == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert sentence in said
    assert not (tmp_path / "out" / "summary.json").exists()


def test_a_single_map_that_is_not_finite_is_named(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theta = suite.thetas(N)
    maps = suite.maps_at(theta, 3)
    maps[7, 3, 4] = np.inf
    assert evaluate(suite.write_maps(tmp_path / "m.npz", maps, theta), dataset, tmp_path / "out") == 2
    assert "map 7 has pixels that are not finite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--maps", "none.npz", "--dataset", "DATA"], "none.npz: there is no such file"),
        (["--maps", "MAPS"], "--dataset: is needed with --maps"),
        (["--maps", "MAPS", "--dataset", "DATA", "--n", "0"], "--n: 0 is too small"),
        (["--maps", "MAPS", "--dataset", "DATA", "--steps", "5"], "--steps: is for maps that a run draws"),
        (["--maps", "DATA/params.csv", "--dataset", "DATA"], "params.csv is no .npz file of arrays"),
        (["--maps", "MAPS", "--dataset", "DATA", "--out", "MAPS"], "is a file; name a folder"),
    ],
)
def test_each_mistake_of_an_option_is_one_line(
    dataset: Path, right: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    said = [word.replace("MAPS", str(right)).replace("DATA", str(dataset)) for word in words]
    out = [] if "--out" in said else ["--out", str(tmp_path / "out")]
    assert main(["evaluate", *said, *out]) == 2
    assert sentence in capsys.readouterr().err.strip().splitlines()[-1]


def test_maps_of_one_simulation_have_no_error_and_each_statistic_says_so(dataset: Path, tmp_path: Path) -> None:
    theta = suite.thetas(N)[:1]
    path = suite.write_maps(tmp_path / "m.npz", suite.maps_at(theta, 3, 16), theta)
    assert evaluate(path, dataset, tmp_path / "out") == 0
    found = read(tmp_path / "out")
    assert found["power_mean"]["verdict"] == "not measured"
    assert found["power_mean"]["reason"] == "the maps are of 1 simulation; an error over simulations needs 2 or more."
    assert found["memorisation"]["verdict"] != "not measured"  # which needs no error over simulations
    assert (tmp_path / "out" / "report.html").exists()


def test_another_grid_or_box_is_a_sentence_and_what_needs_no_comparison_is_measured(
    dataset: Path, tmp_path: Path
) -> None:
    theta = suite.thetas(N)
    coarse = suite.write_maps(tmp_path / "coarse.npz", suite.maps_at(theta, 3, grid=16), theta)
    assert evaluate(coarse, dataset, tmp_path / "grid") == 0
    found = read(tmp_path / "grid")
    assert "16 × 16 pixels and the simulations 32 × 32" in found["power_mean"]["reason"]
    assert found["isotropy"]["value"] is not None
    other = suite.write_maps(tmp_path / "box.npz", suite.maps_at(theta, 3), theta, box_size=np.float64(64.0))
    assert evaluate(other, dataset, tmp_path / "box") == 0
    found = read(tmp_path / "box")
    assert "a box of 64 Mpc/h and the simulations of 32" in found["pdf"]["reason"]
    assert found["isotropy"]["value"] is not None


def test_data_without_a_unit_are_measured_by_what_needs_none(tmp_path: Path) -> None:
    theta = suite.write_suite(tmp_path / "suite", N)
    text = (tmp_path / "suite" / "dataset.yaml").read_text(encoding="utf-8")
    text = re.sub(r"normalised: false", "normalised: true", re.sub(r"unit: .*", "unit: null", text, count=1))
    maps = np.load(tmp_path / "suite" / "maps.npy")
    np.save(tmp_path / "suite" / "maps.npy", np.log(maps) - np.log(maps).mean())
    (tmp_path / "suite" / "dataset.yaml").write_text(re.sub(r"sha256:\n(  .*\n)+", "", text), encoding="utf-8")
    logs = np.log(suite.maps_at(theta, 9))
    path = suite.write_maps(tmp_path / "m.npz", logs - logs.mean(), theta)
    assert evaluate(path, tmp_path / "suite", tmp_path / "out") == 0
    found = read(tmp_path / "out")
    assert "holds normalised values without a unit" in found["power_mean"]["reason"]
    for name in ("power_log", "peaks", "minkowski", "scattering", "memorisation"):
        assert found[name]["value"] is not None, found[name]


def test_a_stop_ends_with_code_3_and_a_sentence(
    dataset: Path, right: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def check(switch: StopSwitch) -> None:
        nonlocal looks
        looks += 1
        if looks == 9:
            raise StopRequested("stopped by SIGTERM")

    monkeypatch.setattr(StopSwitch, "check", check)
    assert evaluate(right, dataset, tmp_path / "out") == 3
    assert "stopped by SIGTERM" in capsys.readouterr().err
    assert not (tmp_path / "out" / "summary.json").exists()


def test_a_run_is_judged_at_the_theta_it_was_not_trained_on_with_as_many_maps_as_the_simulations_have(
    finished_run: Path, tiny_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOCUS_HOME", str(tiny_home))
    assert (
        main(["evaluate", "--run", str(finished_run), "--steps", "2", "--device", "cpu", "--out", str(tmp_path)]) == 0
    )
    found = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    settings = found["settings"]
    test = json.loads((finished_run / "split.json").read_text(encoding="utf-8"))["test"]
    assert len(found["statistics"]) == 16
    assert (settings["split"], settings["simulations"], settings["maps"]) == ("test", len(test), 2 * len(test))
    assert len(settings["checkpoint_sha256"]) == 64
    assert (settings["weights"], settings["guidance"], settings["steps"]) == ("ema", 1.0, 2)
    assert settings["transform"] == "log10 Σ"
    with np.load(tmp_path / "maps.npz") as file:
        assert len(file["maps"]) == settings["maps"]


@pytest.mark.parametrize("command", [["evaluate"], ["sample", "--params", "Omega_m=0.3,Omega_b=0.05,h=0.7"]])
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--steps", "200"], "--steps: 200 are too many; DDIM takes 50 or fewer, all of diffusion.timesteps."),
        (["--sampler", "heun", "--steps", "51"], "--steps: 51 are too many; Heun takes 50 or fewer"),
        (["--sampler", "ddpm", "--steps", "7"], "--steps: is 7, but ddpm takes all 50 steps of the run's schedule"),
        (["--sampler", "euler"], "--sampler: euler is not available for method diffusion; use ddim"),
    ],
)
def test_a_sampler_or_steps_that_do_not_fit_the_run_are_refused_before_anything_else_of_it_is_read(
    finished_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    words: list[str],
    sentence: str,
) -> None:
    """Neither its checkpoint nor its data are there, and nobody gets to see that."""
    shutil.copy(finished_run / "config.yaml", tmp_path)
    out = tmp_path / "out.npz"
    assert main([*command, "--run", str(tmp_path), *words, "--out", str(out)]) == 2
    assert capsys.readouterr().err.startswith(f"focus {command[0]}: {sentence}")
    assert not out.exists()


def test_a_checkpoint_without_its_transform_is_a_report_that_says_so(
    finished_run: Path, tiny_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOCUS_HOME", str(tiny_home))
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    state = torch.load(run / "checkpoints" / "checkpoint_best.pt", weights_only=True)
    del state["transform"]
    torch.save(state, run / "checkpoints" / "checkpoint_best.pt")
    assert main(["evaluate", "--run", str(run), "--out", str(tmp_path / "out")]) == 0
    found = read(tmp_path / "out")
    assert len(found) == 16
    assert all("lacks transform" in each["reason"] for each in found.values())


def test_an_evaluation_that_was_stopped_while_maps_were_drawn_or_measured_continues_with_the_same_maps(
    finished_run: Path, tiny_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOCUS_HOME", str(tiny_home))
    monkeypatch.setattr(map_model, "_CPU_PIXELS", 2 * 16**2)
    words = ["evaluate", "--run", str(finished_run), "--steps", "2", "--split", "all", "--device", "cpu"]
    assert main([*words, "--out", str(tmp_path / "whole")]) == 0
    looks, stop_at = 0, 5

    def check(switch: StopSwitch) -> None:
        nonlocal looks
        looks += 1
        if looks == stop_at:
            raise StopRequested("stopped by SIGTERM")

    monkeypatch.setattr(StopSwitch, "check", check)
    assert main([*words, "--out", str(tmp_path / "parts")]) == 3
    assert list((tmp_path / "parts" / "maps.npz.partial").glob("*.npy"))
    looks, stop_at = 0, 45
    assert main([*words, "--out", str(tmp_path / "parts")]) == 3
    drawn = (tmp_path / "parts" / "maps.npz").stat().st_mtime_ns
    looks, stop_at = 0, 0
    assert main([*words, "--out", str(tmp_path / "parts")]) == 0
    assert (tmp_path / "parts" / "maps.npz").stat().st_mtime_ns == drawn
    assert (tmp_path / "parts" / "maps.npz").read_bytes() == (tmp_path / "whole" / "maps.npz").read_bytes()
    assert read(tmp_path / "parts") == read(tmp_path / "whole")
