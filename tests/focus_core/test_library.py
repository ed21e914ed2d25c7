"""`import focus_core`: what a notebook uses."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import focus_core
from focus_core.data.folder import Description, write_folder
from focus_core.errors import UserError
from focus_core.parameters import WCDM6

THETA = {"sigma_8": 0.8, "Omega_m": 0.3, "Omega_b": 0.05, "h": 0.7, "n_s": 0.96, "w0": -1.0}
RHO_CRITICAL = 2.77536627e11  # (M☉/h)/(Mpc/h)³


def modules_after(statements: str, *shown: str) -> tuple[list[object], set[str]]:
    """What a new process shows and has imported; this one has torch already."""
    script = f"import sys, json\nbefore = set(sys.modules)\n{statements}\n"
    script += f"print(json.dumps([[{', '.join(shown)}], sorted(set(sys.modules) - before)]))"
    found, modules = json.loads(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout)
    return found, set(modules)


def test_importing_it_brings_in_no_other_package_and_dir_lists_what_it_offers() -> None:
    """So it takes no time: some thirty modules of Python's own, most of which Python has at its start."""
    (offered, version), modules = modules_after("import focus_core", "dir(focus_core)", "focus_core.__version__")
    assert offered == sorted(focus_core.__all__)
    assert {"load_run", "open_dataset", "power_spectrum", "sample", "simulate", "__version__"} <= set(offered)
    assert version == focus_core.__version__
    assert {name.partition(".")[0] for name in modules} - sys.stdlib_module_names == {"focus_core"}
    assert {name for name in modules if name.startswith("focus_core")} == {"focus_core", "focus_core.versions"}


@pytest.mark.parametrize("name", focus_core.__all__)
def test_everything_offered_is_there_and_says_what_it_does(name: str) -> None:
    found = getattr(focus_core, name)
    assert isinstance(found, str) or found.__doc__


def test_an_unknown_name_is_told_with_those_that_exist() -> None:
    with pytest.raises(AttributeError, match=r"it offers .*power_spectrum"):
        focus_core.spectrum  # noqa: B018  (the access is the test)


def test_a_simulation_has_the_mean_density_of_its_theta_and_follows_its_seed() -> None:
    maps = focus_core.simulate(THETA, grid=16, box_size=32.0, slabs=2, seed=3)
    assert maps.shape == (6, 16, 16)
    # Mass is conserved: the slabs of each axis tile the box.
    for axis in range(3):
        assert maps[2 * axis : 2 * axis + 2].mean() == pytest.approx(0.3 * RHO_CRITICAL * 16.0, rel=1e-5)
    ordered = [THETA[name] for name in WCDM6.names]
    np.testing.assert_array_equal(focus_core.simulate(ordered, grid=16, box_size=32.0, slabs=2, seed=3), maps)
    assert not np.array_equal(focus_core.simulate(THETA, grid=16, box_size=32.0, slabs=2, seed=4), maps)


@pytest.mark.parametrize(
    ("theta", "options", "sentence"),
    [
        ({**THETA, "sigma8": 0.8}, {}, "theta: 'sigma8' is not a parameter of wcdm6; did you mean sigma_8"),
        ({"Omega_m": 0.3}, {}, "theta: Omega_b, h, n_s, sigma_8, w0 missing"),
        ([0.3, 0.8], {}, r"theta: has shape \(1, 2\); wcdm6 needs \(n, 6\): Omega_m"),
        ({**THETA, "h": float("nan")}, {}, "theta: h is nan, which is not finite"),
        ({**THETA, "h": 1e6}, {}, "theta: h = 1e.06 is .* away from it"),
        (THETA, {"grid": 15}, "grid: is 15; it must be even"),
        (THETA, {"box_size": 0.0}, "box_size: is 0; it must be a positive number of Mpc/h"),
        (THETA, {"grid": 16, "slabs": 3}, "slabs: is 3, which does not divide the grid of 16"),
    ],
)
def test_what_cannot_be_simulated_is_refused_by_its_name(theta: object, options: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        focus_core.simulate(theta, **options)


def test_a_dataset_folder_and_a_pair_of_files_are_opened_by_their_paths(tmp_path: Path) -> None:
    theta = WCDM6.from_unit(np.random.default_rng(0).uniform(-0.9, 0.9, (3, 6)))
    maps = np.random.default_rng(1).lognormal(25.0, 0.3, (6, 8, 8)).astype(np.float32)
    about = Description("small", "Mtot", "(M☉/h)/(Mpc/h)²", 16.0, 0.0, 2, WCDM6)
    write_folder(tmp_path / "small", iter(maps.reshape(3, 2, 8, 8)), 8, theta, about)
    folder = focus_core.open_dataset(tmp_path / "small")
    np.testing.assert_array_equal(folder.maps, maps)
    np.testing.assert_array_equal(folder.theta, theta)
    assert (folder.box_size, folder.space) == (16.0, WCDM6)
    pair = focus_core.open_dataset(
        str(tmp_path / "small" / "maps.npy"),
        tmp_path / "small" / "params.csv",
        parameter_space="wcdm6",
        box_size=16.0,
    )
    np.testing.assert_array_equal(pair.maps, maps)


def test_what_is_no_dataset_is_told_what_would_be_one(tmp_path: Path) -> None:
    np.save(tmp_path / "maps.npy", np.ones((2, 8, 8), dtype=np.float32))
    with pytest.raises(UserError, match=r"maps\.npy is no dataset folder; for a file of maps, give `params` too"):
        focus_core.open_dataset(tmp_path / "maps.npy")


def test_a_theta_outside_the_training_range_is_warned_of_with_the_sentence_of_the_page(finished_run: Path) -> None:
    run = focus_core.load_run(finished_run, device="cpu")
    inside = run.space.from_unit(np.zeros(6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        focus_core.sample(run, inside, steps=1)
    far, farther = (dict(zip(run.space.names, inside, strict=True)) | {"sigma_8": value} for value in (1.1, 1.2))
    (expected,) = run.training_range.outside(list(farther.values()))
    with pytest.warns(UserWarning, match="sigma_8 = 1.2 is outside") as told:
        focus_core.sample(run, [list(theta.values()) for theta in (far, farther)], steps=1)
    assert [str(each.message) for each in told] == [expected.sentence()], "the farthest of each parameter"
    assert told[0].filename == __file__, "it points at the caller's line"
