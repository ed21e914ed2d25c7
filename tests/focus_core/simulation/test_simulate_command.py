"""`focus simulate` as a user runs it: in a process of its own for signals, in this one for mistakes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from mortal import mortal
from waiting import patience

from focus_core.cli import main
from focus_core.data.folder import open_folder

SMALL = ["--grid", "8", "--box", "32", "--seed", "3"]


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    return captured.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_with_3_after_a_whole_simulation(tmp_path: Path, number: signal.Signals) -> None:
    options = ["--simulations", "60", "--grid", "32", "--box", "64"]
    command = [sys.executable, "-m", "focus_core.cli", "simulate", "--out", str(tmp_path / "s"), *options]
    process = mortal(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    first = tmp_path / "s" / ".suite" / "simulation_000000.npy"
    while not first.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    errors = process.communicate(timeout=patience())[1]
    assert process.returncode == 3, errors
    assert "of 60 simulations; the same command continues." in errors
    finished = len(list((tmp_path / "s" / ".suite").glob("simulation_*.npy")))
    assert 1 <= finished < 60


def test_the_command_makes_a_dataset_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--out", str(tmp_path / "s"), "--simulations", "2", *SMALL]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == str(tmp_path / "s")
    assert "2/2" in captured.err
    assert open_folder(tmp_path / "s").n_simulations == 2


def test_two_runs_of_one_seed_give_identical_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert main(["simulate", "--out", str(tmp_path / name), "--simulations", "2", *SMALL]) == 0
    for file in ("maps.npy", "params.csv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_another_suite_in_the_folder_is_one_line_and_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--out", str(tmp_path), "--simulations", "1", *SMALL]) == 0
    capsys.readouterr()
    before = np.load(tmp_path / "maps.npy")
    assert main(["simulate", "--out", str(tmp_path), "--simulations", "2", *SMALL]) == 2
    assert "another suite (simulations 1)" in one_line(capsys)
    np.testing.assert_array_equal(np.load(tmp_path / "maps.npy"), before)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--grid", "9"], "--grid: is 9"),
        (["--box", "-1"], "--box: is -1"),
        (["--layout", "cmd"], "add --space camels_lh6"),
        (["--device", "tpu"], "--device: 'tpu' is not known"),
        (["--slabs", "5"], "--slabs: is 5"),
    ],
)
def test_an_option_that_cannot_be_is_one_line_and_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert main(["simulate", "--out", str(tmp_path / "s"), "--simulations", "1", *options]) == 2
    assert words in one_line(capsys)
    assert not (tmp_path / "s").exists()


def test_sources_that_are_not_installed_simulate_to_the_end(tmp_path: Path) -> None:
    """Run as from a fresh clone: the distribution's metadata is hidden, the sources are there."""
    script = """
import importlib.metadata, sys
asked = importlib.metadata.version
def version(name):
    if name == "focus-lab":
        raise importlib.metadata.PackageNotFoundError(name)
    return asked(name)
importlib.metadata.version = version
from focus_core.cli import main
sys.exit(main(sys.argv[1:]))
"""
    command = [sys.executable, "-c", script, "simulate", "--out", str(tmp_path / "s"), "--simulations", "1", *SMALL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    versions = open_folder(tmp_path / "s").provenance["versions"]
    assert versions["focus-lab"].endswith("(from its sources)")


def test_what_belongs_to_the_suite_is_asked_before_the_first_simulation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(packages: object) -> None:
        raise LookupError("no version")

    monkeypatch.setattr("focus_core.simulation.suite.versions_of", missing)
    with pytest.raises(LookupError, match="no version"):
        main(["simulate", "--out", str(tmp_path / "s"), "--simulations", "1", *SMALL])
    assert not list(tmp_path.glob("s/.suite/*.npy"))
