"""`focus data check`: a report for good data, one line and 2 for each kind of bad data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from focus_core.cli import main
from focus_core.data.dataset import SURFACE_DENSITY
from focus_core.data.folder import Description, write_folder
from focus_core.parameters import CAMELS_LH6, WCDM6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    maps = rng.lognormal(size=(4, 3, 8, 8)).astype(np.float32)
    about = Description("good", "Mtot", SURFACE_DENSITY, 64.0, 0.0, 3, WCDM6)
    write_folder(tmp_path / "good", maps, 8, WCDM6.from_unit(rng.uniform(-1, 1, (4, 6))), about)
    return tmp_path / "good"


def mistake(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> str:
    assert main(["data", "check", str(path), *options]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return captured.err


def change(folder: Path, index: tuple[int, ...], value: float) -> None:
    maps = np.load(folder / "maps.npy")
    maps[index] = value
    np.save(folder / "maps.npy", maps)
    # As a user's own folder: nothing recorded about its files.
    text = (folder / "dataset.yaml").read_text()
    (folder / "dataset.yaml").write_text(text[: text.index("sha256:")])


def test_a_good_folder_is_reported_with_its_hashes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(folder)]) == 0
    report = capsys.readouterr().out
    for words in ("12 of 8²", "4 simulations", "wcdm6", "64 Mpc/h", SURFACE_DENSITY, "every check passed"):
        assert words in report


def test_changed_maps_are_noticed_by_their_hash(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps = np.load(folder / "maps.npy")
    maps[0, 0, 0] *= 2
    np.save(folder / "maps.npy", maps)
    assert "maps.npy: its sha256 is not the one in dataset.yaml" in mistake(capsys, folder)


@pytest.mark.parametrize(
    ("value", "words"),
    [(-1.0, "map 5 has a negative pixel (-1)"), (np.nan, "map 5 has pixels that are not finite")],
)
def test_bad_pixels_are_named(folder: Path, capsys: pytest.CaptureFixture[str], value: float, words: str) -> None:
    change(folder, (5, 2, 3), value)
    assert f"maps.npy: {words}" in mistake(capsys, folder)


def test_a_map_of_zeros_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder, (5,), 0.0)
    assert "map 5 is zero everywhere" in mistake(capsys, folder)


def test_missing_truncated_and_unfinished_data_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file or folder" in mistake(capsys, folder / "nowhere")
    assert "--box: is 0;" in mistake(capsys, folder, "--box", "0")
    (folder / "maps.npy").write_bytes((folder / "maps.npy").read_bytes()[:-1])
    assert "maps.npy: is truncated" in mistake(capsys, folder)
    (folder / "dataset.yaml").write_text("a: [")
    assert "dataset.yaml, line 1: is not valid YAML" in mistake(capsys, folder)
    (folder / "dataset.yaml").unlink()
    assert "not a (complete) dataset folder" in mistake(capsys, folder)


def test_an_option_that_a_folder_answers_itself_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option, value in (("--params", str(folder / "params.csv")), ("--space", "camels_lh6"), ("--box", "25")):
        said = mistake(capsys, folder, option, value)
        assert said.startswith(f"focus data: {option}: ")
        assert "dataset.yaml says that already" in said
    assert "--box: " in mistake(capsys, folder / "maps.npy", "--box", "25")
    (folder / "dataset.yaml").unlink()
    assert "is a folder; name the .npy file" in mistake(capsys, folder, "--params", str(folder / "params.csv"))


def test_a_cmd_file_finds_its_parameters_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = (np.arange(10) + 0.5) / 10
    theta = CAMELS_LH6.from_unit(np.stack([2 * np.roll(cells, i) - 1 for i in range(6)], axis=1))
    path = tmp_path / "Maps_Mgas_SIMBA_LH_z=0.00.npy"
    np.save(path, np.ones((150, 8, 8), dtype=np.float32))
    assert "params_LH_SIMBA.txt: there is no such file" in mistake(capsys, path)
    np.savetxt(tmp_path / "params_LH_SIMBA.txt", theta, header="Om sigma8 SN1 AGN1 SN2 AGN2")
    for target in (path, tmp_path):
        assert main(["data", "check", str(target)]) == 0
        assert "15 maps each" in capsys.readouterr().out


def test_bare_maps_are_checked_without_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "m.npy", np.ones((2, 8, 8), dtype=np.float32))
    assert main(["data", "check", str(tmp_path / "m.npy")]) == 0
    assert "no parameters to check" in capsys.readouterr().out
    np.save(tmp_path / "m.npy", -np.ones((2, 8, 8), dtype=np.float32))
    assert "map 0 has a negative pixel" in mistake(capsys, tmp_path / "m.npy")


def test_what_a_pair_of_files_leaves_open_is_asked_for_by_the_name_of_the_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "m.npy", np.ones((2, 8, 8), dtype=np.float32))
    np.savetxt(tmp_path / "p.txt", np.full((2, 6), 0.3))
    said = mistake(capsys, tmp_path / "m.npy", "--params", str(tmp_path / "p.txt"))
    assert said.startswith("focus data: --space: must be named")


def test_a_folder_of_several_cmd_files_asks_for_one_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for field in ("Mcdm", "T"):
        np.save(tmp_path / f"Maps_{field}_SIMBA_LH_z=0.00.npy", np.ones((3, 8, 8), np.float32))
    assert main(["data", "check", str(tmp_path)]) == 2
    assert "holds 2 files of maps (Maps_Mcdm_SIMBA_LH_z=0.00.npy and others); name one" in capsys.readouterr().err
