"""`focus spectrum`: exact columns, at least seven digits, one line for a mistake."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from focus_core.cli import main
from focus_core.statistics.power import power_spectrum

# Σ/Σ̄ − 1 in single precision, whose mean is what rounding left: here above zero.
_ROWS = np.random.default_rng(1).normal(size=(8, 8)).astype(np.float32)
OVERDENSITY = np.stack([np.ones((8, 8), np.float32), _ROWS - _ROWS.mean() + np.float32(1e-7)])


@pytest.fixture
def maps_file(tmp_path: Path) -> Path:
    np.save(tmp_path / "maps.npy", np.random.default_rng(0).lognormal(size=(3, 16, 16)).astype(np.float32))
    return tmp_path / "maps.npy"


def test_a_row_for_every_map_and_ring(maps_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "pk.csv"
    assert main(["spectrum", str(maps_file), "--box", "25", "--out", str(out)]) == 0
    assert out.read_text().splitlines()[0] == "map,k,power,n_modes,error"
    rows = list(csv.DictReader(out.open()))
    expected = power_spectrum(np.load(maps_file), 25.0)
    assert [int(row["map"]) for row in rows] == [i for i in range(3) for _ in range(8)]
    assert [int(row["n_modes"]) for row in rows] == 3 * expected.n_modes.tolist()
    np.testing.assert_allclose([float(row["k"]) for row in rows], np.tile(expected.k, 3), rtol=1e-7)
    np.testing.assert_allclose([float(row["power"]) for row in rows], expected.power.ravel(), rtol=1e-7)
    np.testing.assert_allclose([float(row["error"]) for row in rows], expected.error.ravel(), rtol=1e-7)


def test_one_map_without_an_axis_is_map_0(tmp_path: Path, maps_file: Path) -> None:
    np.save(tmp_path / "one.npy", np.load(maps_file)[0])
    assert main(["spectrum", str(tmp_path / "one.npy"), "--box", "25", "--out", str(tmp_path / "pk.csv")]) == 0
    assert {row["map"] for row in csv.DictReader((tmp_path / "pk.csv").open())} == {"0"}


def test_the_mean_carries_its_standard_error_over_maps(maps_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "pk.csv"
    assert main(["spectrum", str(maps_file), "--box", "25", "--mean", "--out", str(out)]) == 0
    assert out.read_text().splitlines()[0] == "k,power,n_modes,error"
    rows = list(csv.DictReader(out.open()))
    power = power_spectrum(np.load(maps_file), 25.0).power
    np.testing.assert_allclose([float(row["power"]) for row in rows], power.mean(0), rtol=1e-7)
    np.testing.assert_allclose([float(row["error"]) for row in rows], power.std(0, ddof=1) / np.sqrt(3), rtol=1e-7)


def test_the_help_says_that_the_mean_takes_maps_as_independent(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["spectrum", "--help"])
    assert "independent" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (np.zeros((2, 8, 8)), [], "maps.npy: map 0 has mean 0"),
        (np.full((2, 8, 8), np.nan), [], "maps.npy: map 0 has pixels that are not finite"),
        (-np.ones((2, 8, 8)), [], "maps.npy: map 0 has mean -1"),
        (OVERDENSITY, [], "maps.npy: map 1 scatters by"),
        (np.ones((2, 8, 9)), [], "maps.npy: have shape (2, 8, 9)"),
        (np.ones(8), [], "maps.npy: have shape (8,)"),
        (np.array(1.0), [], "maps.npy: have shape ()"),
        (np.ones((0, 8, 8)), [], "maps.npy: have shape (0, 8, 8)"),
        (np.full((2, 8, 8), 1.7e308), [], "maps.npy: map 0 has pixels that are not finite"),
        (np.ones((2, 8, 8)), ["--box", "0"], "the box side is 0"),
        (np.ones((2, 8, 8)), ["--box", "1e300"], "the box side is 1e+300"),
        (np.ones((2, 8, 8)), ["--box", "nan"], "the box side is nan"),
        (np.ones((1, 8, 8)), ["--mean"], "leave --mean out"),
        (np.array([{}], dtype=object), [], "pickled"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_the_old_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: np.ndarray, options: list[str], words: str
) -> None:
    np.save(tmp_path / "maps.npy", content, allow_pickle=True)
    (tmp_path / "pk.csv").write_text("old")
    arguments = [str(tmp_path / "maps.npy"), "--box", "25", "--out", str(tmp_path / "pk.csv"), *options]
    assert main(["spectrum", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert (tmp_path / "pk.csv").read_text() == "old"


def test_the_maps_themselves_are_never_written_over(maps_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = maps_file.read_bytes()
    other_name = maps_file.with_name("link.csv")
    other_name.symlink_to(maps_file)
    for out in (maps_file, other_name):
        assert main(["spectrum", str(maps_file), "--box", "25", "--out", str(out)]) == 2
        assert f"--out: {out} is the file of maps itself" in capsys.readouterr().err
    assert maps_file.read_bytes() == before


def test_a_device_is_written_and_not_replaced(maps_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    device = Path("/dev/full")
    if not device.is_char_device():
        pytest.skip("this system has no /dev/full")
    assert main(["spectrum", str(maps_file), "--box", "25", "--out", str(device)]) == 2
    assert "--out: /dev/full cannot be written (No space left on device)" in capsys.readouterr().err
    assert device.is_char_device()
    assert main(["spectrum", str(maps_file), "--box", "25", "--out", "/dev/null"]) == 0


@pytest.mark.parametrize("place", ["missing/pk.csv", "folder", "maps.npy/pk.csv"])
def test_a_place_that_cannot_be_written_is_told_before_the_maps_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    """The maps would be refused too, by the measurement, which comes after."""
    np.save(tmp_path / "maps.npy", np.zeros((2, 8, 8)))
    (tmp_path / "folder").mkdir()
    assert main(["spectrum", str(tmp_path / "maps.npy"), "--box", "25", "--out", str(tmp_path / place)]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "maps.npy"]
