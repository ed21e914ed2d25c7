"""`focus data new`: whatever has maps and a table becomes a dataset, by options or by a few questions."""

from __future__ import annotations

import io
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import yaml
from mass_maps import GRID, hypercube, maps_of

from focus_core.cli import main
from focus_core.data.folder import open_folder

THETA = hypercube(6)
MAPS = maps_of(THETA)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Maps, and a table of two parameters that vary and one that does not, with pandas' index."""
    np.save(tmp_path / "box.npy", MAPS)
    rows = [f"{i},{row[0]},{row[2]},0.05" for i, row in enumerate(THETA.tolist())]
    (tmp_path / "table.csv").write_text("\n".join([",Om,my_feedback,Ob", *rows]) + "\n")
    return tmp_path / "box.npy", tmp_path / "table.csv"


def new(tmp_path: Path, *options: str) -> int:
    return main(["data", "new", str(tmp_path / "mine"), *options])


def test_any_parameters_with_any_names_become_a_dataset_that_is_checked(
    tmp_path: Path, files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    maps, table = files
    options = ["--maps", str(maps), "--params", str(table), "--field", "Mtot", "--box", "25", "--depth", "5"]
    assert new(tmp_path, *options, "--range", "my_feedback=0.2:5:log") == 0
    assert "next: focus data check" in capsys.readouterr().out
    data = open_folder(tmp_path / "mine")
    assert data.space.names == ("Omega_m", "my_feedback")
    assert data.space.fixed == {"Omega_b": 0.05}
    feedback = data.space.parameters[1]
    assert (feedback.minimum, feedback.maximum, feedback.scaling) == (0.2, 5.0, "log")
    assert data.space.parameters[0].html == "Ω<sub>m</sub>"
    assert data.space.parameters[0].minimum <= THETA[:, 0].min()
    np.testing.assert_array_equal(data.theta, THETA[:, [0, 2]])
    assert (tmp_path / "mine" / "maps.npy").resolve() == maps.resolve()
    assert (data.grid, data.box_size, data.slab_depth, data.maps_per_row) == (GRID, 25.0, 5.0, 15)
    assert main(["data", "check", str(tmp_path / "mine")]) == 0
    said = capsys.readouterr().out
    assert "every check passed" in said
    assert "complete sets of slabs" in said


def test_a_column_may_be_called_anything_and_is_shown_as_it_is_called(tmp_path: Path, files: tuple[Path, Path]) -> None:
    name = "<b>A</b>$_1"
    np.savetxt(tmp_path / "one.txt", THETA[:, :1])
    assert new(tmp_path, "--maps", str(files[0]), "--params", str(tmp_path / "one.txt"), "--columns", name) == 0
    (parameter,) = open_folder(tmp_path / "mine").space.parameters
    assert (parameter.name, parameter.symbol, unescape(parameter.html)) == (name, name, name)
    assert "<" not in parameter.html
    assert "$" not in parameter.tex, "it would end the formula that it stands in"


def test_a_column_of_two_words_is_one_parameter_in_the_table_that_is_written_too(
    tmp_path: Path, files: tuple[Path, Path]
) -> None:
    (tmp_path / "one.csv").write_text("\n".join(["dark energy", *(str(value) for value in THETA[:, 0].tolist())]))
    assert new(tmp_path, "--maps", str(files[0]), "--params", str(tmp_path / "one.csv")) == 0
    data = open_folder(tmp_path / "mine")
    assert data.space.names == ("dark energy",)
    np.testing.assert_array_equal(data.theta, THETA[:, :1])


def test_what_cannot_be_a_parameter_is_refused_before_anything_is_written(
    tmp_path: Path, files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Under a name of two words, the number of the row and the value were read as two parameters."""
    table = tmp_path / "one.txt"
    table.write_text("\n".join(["dark energy", *(f"{i} {value}" for i, value in enumerate(THETA[:, 0].tolist()))]))
    options = ["--maps", str(files[0]), "--params", str(table)]
    assert new(tmp_path, *options) == 2
    said = capsys.readouterr().err
    assert "--range: the column dark of " in said
    assert "numbers its rows, 0 to 5, and is no parameter; take it out (names with blanks in them need quotes)" in said
    np.savetxt(tmp_path / "one.txt", THETA[:, :1])
    for name in ("H#0", "seed", "3"):
        assert new(tmp_path, *options, "--columns", name) == 2
        assert f"--columns: '{name}' of {table} cannot name a parameter" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


def test_a_table_without_names_and_one_without_variation_are_asked_for_what_is_missing(
    tmp_path: Path, files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    maps, _ = files
    np.savetxt(tmp_path / "two.txt", THETA[:, :2])
    options = ["--maps", str(maps), "--params", str(tmp_path / "two.txt")]
    assert new(tmp_path, *options) == 2
    assert "has 2 columns and it has no header; name each of them" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()
    assert new(tmp_path, *options, "--columns", "a,b", "--range", "c=0:1") == 2
    assert "--range: 'c' is no column" in capsys.readouterr().err
    assert new(tmp_path, *options, "--columns", "a,b", "--range", "a=1:0") == 2
    assert "the minimum of a, 1, is not below its maximum, 0" in capsys.readouterr().err
    np.savetxt(tmp_path / "two.txt", np.ones((6, 2)), header="a b")
    assert new(tmp_path, *options) == 2
    assert "nothing to condition on" in capsys.readouterr().err
    np.savetxt(tmp_path / "two.txt", THETA[:4, :2], header="a b")
    assert new(tmp_path, *options) == 2
    assert "not a whole number of maps" in capsys.readouterr().err


def test_at_a_terminal_what_is_not_given_is_asked_for(
    tmp_path: Path, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    maps, table = files

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("25\n\nMtot\n"))
    assert new(tmp_path, "--maps", str(maps), "--params", str(table)) == 0
    asked = capsys.readouterr().err
    assert "Side of the box" in asked
    assert "Depth that a map is summed over" in asked
    plain = yaml.safe_load((tmp_path / "mine" / "dataset.yaml").read_text())
    assert (plain["box_size"], plain["field"], plain["unit"]) == (25.0, "Mtot", "(M☉/h)/(Mpc/h)²")
    assert "slab_depth" not in plain
    assert new(tmp_path, "--maps", str(maps), "--params", str(table)) == 2
    assert "is there already; edit it" in capsys.readouterr().err


def test_files_in_the_folder_itself_and_answers_that_stay_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    np.savez(folder / "maps.npz", maps=np.log10(MAPS))
    (folder / "params.csv").write_text("a\n" + "0.1\n0.1\n0.2\n0.2\n0.3\n0.3\n")
    assert new(tmp_path, "--stored-as", "log10", "--independent", "--box", "25") == 0
    data = open_folder(folder)
    assert data.stored_as == "log10"
    assert data.n_simulations == 6
    np.testing.assert_allclose(data.maps[3], MAPS[3], rtol=1e-5)
    assert main(["data", "check", str(folder)]) == 0
    assert "independent realisations, which a split may part (dataset.yaml says so)" in capsys.readouterr().out
