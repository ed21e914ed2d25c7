"""`focus sample` of more maps than one batch: pieces on disk, stops, kills, and files of θ."""

from __future__ import annotations

import fcntl
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mortal import mortal
from waiting import await_condition, patience

from focus_core import map_model
from focus_core.cli import main
from focus_core.sampling.drawing import PARTIAL
from focus_core.sampling.from_run import load_run, sample_maps

NAMES = ("Omega_m", "Omega_b", "h", "n_s", "sigma_8", "w0")
THETA = np.array([0.3, 0.05, 0.7, 1.0, 0.8, -1.0])
PARAMS = ",".join(f"{name}={value}" for name, value in zip(NAMES, THETA, strict=True))


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four maps of 16² a piece, so that a few maps are several pieces."""
    monkeypatch.setattr(map_model, "_CPU_PIXELS", 4 * 16**2)


def command(run: Path, out: Path, *extra: str) -> list[str]:
    return ["sample", "--run", str(run), "--params", PARAMS, "--device", "cpu", "--out", str(out), *extra]


def test_a_drawing_that_was_killed_goes_on_where_it_was_and_ends_in_the_same_file(
    finished_run: Path, tmp_path: Path
) -> None:
    """SIGKILL to a real process after its first piece of 512 maps, SIGTERM to the second after one more."""
    out, whole = tmp_path / "maps.npz", tmp_path / "whole.npz"
    partial, asked = Path(f"{out}{PARTIAL}"), ("--n", "2100", "--steps", "8")
    first = interrupted(command(finished_run, out, *asked), partial, pieces=1, by=signal.SIGKILL)
    assert first.returncode == -signal.SIGKILL
    kept = written(partial)
    second = interrupted(command(finished_run, out, *asked), partial, pieces=len(kept) + 1, by=signal.SIGTERM)
    assert second.returncode == 3
    assert f"stopped by SIGTERM; {512 * len(written(partial))} of 2100 maps are kept in {partial}" in second.stderr
    assert kept.items() < written(partial).items()
    assert not out.exists()
    assert main(command(finished_run, out, *asked)) == 0
    assert main(command(finished_run, whole, *asked)) == 0
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["maps.npz", "whole.npz"]


# `focus` in a process that dies where it would call a function of `drawing`: its name, and the words, follow.
DIES = """
import os, signal, sys
from focus_core import cli
from focus_core.sampling import drawing

def die(file, *rest):
    if sys.argv[1] == "write_maps":
        file.write(b"half a file")
        file.flush()
    os.kill(os.getpid(), signal.SIGKILL)

setattr(drawing, sys.argv[1], die)
cli.main(sys.argv[2:])
"""


def killed_at(function: str, words: list[str]) -> None:
    ended = subprocess.run([sys.executable, "-c", DIES, function, *words], capture_output=True)
    assert ended.returncode == -signal.SIGKILL


def test_what_a_killed_drawing_left_of_its_file_is_removed_by_the_next_and_nothing_of_another_s(
    finished_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "maps.npz"
    words = command(finished_run, out, "--n", "3")
    for _ in range(2):
        killed_at("write_maps", words)
    torn = list(tmp_path.glob(".maps.npz.*.part"))
    # The second call removed what the first had left.
    assert [path.read_bytes() for path in torn] == [b"half a file"]
    others = [".maps.npz.npz.7.part", ".maps.npz.x.part", ".maps2.npz.7.part", ".mapsXnpz.7.part", "maps.npz.7.part"]
    for name in others:
        (tmp_path / name).touch()
    assert main(command(finished_run, out, "--n", "3", "--seed", "1")) == 2
    assert torn[0].exists()  # a call that is refused touches nothing
    assert main(words) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "maps.npz"])


def test_a_call_that_was_killed_before_its_first_piece_stands_in_no_other_command_s_way(
    finished_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "maps.npz"
    killed_at("draw_maps", command(finished_run, out, "--n", "2", "--seed", "5"))
    assert sorted(path.name for path in Path(f"{out}{PARTIAL}").iterdir()) == ["lock", "plan.json"]
    assert main(command(finished_run, out, "--n", "2", "--seed", "6")) == 0
    with np.load(out) as file:
        assert int(file["seed"]) == 6
    assert list(tmp_path.iterdir()) == [out]


def test_a_lock_that_its_last_holder_removed_is_no_lock(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other drawing ends, and its folder goes, between our opening the lock and our locking it."""
    out = tmp_path / "maps.npz"

    def late(*_: object) -> None:
        shutil.rmtree(f"{out}{PARTIAL}")

    monkeypatch.setattr(fcntl, "flock", late)
    assert main(command(finished_run, out, "--n", "1")) == 2
    assert "another process is drawing" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def interrupted(words: list[str], partial: Path, pieces: int, by: signal.Signals) -> subprocess.CompletedProcess[str]:
    """Run `focus` and send it a signal as soon as so many pieces are written."""
    process = mortal([sys.executable, "-m", "focus_core.cli", *words], stderr=subprocess.PIPE, text=True)
    await_condition(lambda: process.poll() is not None or len(written(partial)) >= pieces, f"{pieces} pieces")
    process.send_signal(by)
    _, said = process.communicate(timeout=patience())
    return subprocess.CompletedProcess(words, process.returncode, stderr=said)


def written(partial: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in partial.glob("[0-9]*.npy")}


@pytest.mark.usefixtures("small_pieces")
def test_pieces_hold_the_maps_that_a_single_drawing_gives_and_the_file_is_numpy_s_own(
    finished_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "maps.npz"
    assert main(command(finished_run, out, "--n", "10", "--seed", "3")) == 0
    run = load_run(finished_run, device="cpu")
    again = tmp_path / "again.npz"
    with np.load(out) as file:
        # A piece and a batch of all differ in the last digits of single precision, through 10^x.
        np.testing.assert_allclose(file["maps"], sample_maps(run, THETA, 10, seed=3, batch_size=10), rtol=1e-4)
        np.savez(again, **{name: file[name] for name in file})
    assert out.read_bytes() == again.read_bytes()


@pytest.mark.usefixtures("small_pieces")
def test_the_adaptive_sampler_counts_every_map_of_every_piece(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from focus_core.diffusion.method import Sampler
    from focus_core.sampling import drawing

    run = load_run(finished_run, device="cpu")
    monkeypatch.setattr(drawing, "draw_maps", lambda model, theta, *rest: np.ones((len(theta), 16, 16), np.float32))
    seen: list[tuple[int, int, int]] = []
    asked = drawing.MapRequest(np.tile(THETA, (6, 1)), 0, Sampler("adaptive"), 1.0)
    drawing.draw_to_file(run, asked, tmp_path / "maps.npz", progress=lambda *told: seen.append(told))
    assert seen == [(0, 600, 0), (400, 600, 4), (600, 600, 6)]


@pytest.mark.usefixtures("small_pieces")
def test_a_file_of_parameters_gives_n_maps_at_each_row_whatever_the_order_of_its_columns(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = np.array([THETA, [0.6, 0.05, 0.6, 0.9, 0.9, -0.8], [0.7, 0.06, 0.7, 1.1, 0.7, -1.2]])
    files = [tmp_path / name for name in ("theta.csv", "theta.txt", "theta.npy")]
    order = [5, 0, 1, 2, 3, 4]
    header = [NAMES[i] for i in order]
    np.savetxt(files[0], rows[:, order], delimiter=",", header=",".join(header), comments="")
    np.savetxt(files[1], rows[:, order], header=" ".join(header))
    np.save(files[2], rows)
    # As other programs' tables call the same columns.
    header = [{"Omega_m": "Om", "sigma_8": "sigma8", "n_s": "ns"}.get(name, name) for name in header]
    files.append(tmp_path / "alias.dat")
    np.savetxt(files[3], rows[:, order], header=" ".join(header))
    contents = []
    for file in files:
        out = tmp_path / f"{file.suffix[1:]}.npz"
        words = ["sample", "--run", str(finished_run), "--params-file", str(file), "--n", "3", "--device", "cpu"]
        assert main([*words, "--out", str(out)]) == 0
        contents.append(out.read_bytes())
    assert contents[0] == contents[1] == contents[2] == contents[3]
    assert capsys.readouterr().err.count("Omega_m = 0.7 is outside its training range [0.1, 0.5] by 50.0 %") == 4
    with np.load(out) as file:
        np.testing.assert_array_equal(file["params"], np.repeat(rows, 3, axis=0))
        expected = sample_maps(load_run(finished_run, device="cpu"), file["params"], 9)
        np.testing.assert_allclose(file["maps"], expected, rtol=1e-4)


def test_pieces_of_another_command_are_refused_in_a_sentence_or_thrown_away_when_asked(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "maps.npz"
    partial = Path(f"{out}{PARTIAL}")
    monkeypatch.setattr(map_model, "_CPU_PIXELS", 2 * 16**2)
    with monkeypatch.context() as patched:
        patched.setattr("focus_core.sampling.drawing.write_maps", _full_disk)
        assert main(command(finished_run, out, "--n", "3", "--seed", "5")) == 2
    said = capsys.readouterr().err
    assert "could not be written (No space left on device) (what is drawn is kept); make room" in said
    kept = {path.name: path.read_bytes() for path in partial.iterdir()}
    assert sorted(kept) == ["000000.npy", "000001.npy", "lock", "plan.json"]
    for extra, named in (
        (("--seed", "6"), "seed 5 there, 6 here"),
        (("--seed", "5", "--steps", "3"), "sampler.steps 4"),
    ):
        assert main(command(finished_run, out, "--n", "3", *extra)) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert named in said[-1]
        assert "give --fresh to throw them away" in said[-1]
        assert {path.name: path.read_bytes() for path in partial.iterdir()} == kept
    (partial / "000001.npy").write_bytes(b"\x93NUMPY cut short")
    assert main(command(finished_run, out, "--n", "3", "--seed", "5")) == 0
    first = out.read_bytes()
    assert main(command(finished_run, out, "--n", "3", "--seed", "6", "--fresh")) == 0
    assert out.read_bytes() != first
    assert not partial.exists()


def _full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device", "maps.npz")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Omega_m,sigma_8\n0.3,0.8\n", "has Omega_m, sigma_8; the run needs Omega_m, Omega_b, h"),
        (",".join(NAMES) + "\n0.3,0.05,0.7,1.0,0.8,nan\n", ".csv, row 1: w0 is nan; θ must be finite"),
        (",".join(NAMES) + "\n0.3,0.05,0.7,1.0,1e9,-1\n", "sigma_8 = 1e+09 is 2.5e+09 times the width"),
    ],
)
def test_a_file_of_parameters_that_does_not_fit_the_run_is_one_sentence(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    (tmp_path / "theta.csv").write_text(text, encoding="utf-8")
    words = ["sample", "--run", str(finished_run), "--params-file", str(tmp_path / "theta.csv")]
    assert main([*words, "--out", str(tmp_path / "maps.npz")]) == 2
    assert sentence in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["theta.csv"]


@pytest.mark.parametrize("name", ["theta.csv", "theta.txt", "theta.npy"])
def test_no_rows_of_parameters_are_refused_in_every_kind_of_file_and_a_finished_output_stays(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    theta, out = tmp_path / name, tmp_path / "maps.npz"
    if theta.suffix == ".npy":
        np.save(theta, np.empty((0, 6)))
    else:
        theta.write_text(("," if theta.suffix == ".csv" else " ").join(NAMES) + "\n", encoding="utf-8")
    out.write_bytes(b"finished")
    words = ["sample", "--run", str(finished_run), "--params-file", str(theta), "--out", str(out)]
    assert main(words) == 2
    assert capsys.readouterr().err == f"focus sample: {theta}: holds no rows of parameters.\n"
    assert out.read_bytes() == b"finished"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["maps.npz", name]
