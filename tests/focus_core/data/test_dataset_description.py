"""`dataset.yaml` edited by hand: each slip is one sentence that names the file and the key."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from focus_core.cli import main
from focus_core.data.folder import Description, open_folder, recorded_hashes, write_folder
from focus_core.errors import UserError
from focus_core.parameters import WCDM6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    about = Description("good", "Mtot", "K", 64.0, 0.0, 1, WCDM6)
    theta = WCDM6.from_unit(rng.uniform(-1, 1, (4, 6)))
    write_folder(tmp_path / "good", rng.lognormal(size=(1, 4, 8, 8)).astype(np.float32), 8, theta, about)
    return tmp_path / "good"


def edited(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "dataset.yaml"
    plain = yaml.safe_load(path.read_text())
    change(plain)
    path.write_text(yaml.safe_dump(plain))


def put(*place: Any) -> Callable[[dict[str, Any]], None]:
    """Set the value at the end of `place` at the keys before it."""
    *keys, last, value = place

    def change(plain: Any) -> None:
        for key in keys:
            plain = plain[key]
        plain[last] = value

    return change


FIRST = ("parameter_space", "parameters", 0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put("box_size", "wide"), "box_size: input should be a valid number.*found 'wide'"),
        (put("box_size", -1), "box_size: input should be greater than 0 .found -1"),
        (put("box_size", float("nan")), "box_size: input should be a finite number"),
        (put("redshift", None), "redshift: .* number"),
        (put("redshift", [0]), "redshift: .* number"),
        (put("maps_per_simulation", 1.5), "maps_per_simulation: .*found 1.5"),
        (put("maps_per_simulation", True), "maps_per_simulation: true is not a number"),
        (put("maps_per_simulation", 0), "maps_per_simulation: .*greater than or equal to 1"),
        (put("normalised", "perhaps"), "normalised: .*found 'perhaps'"),
        (put("name", {"a": 1}), "name: input should be a valid string"),
        (put("provenance", "the internet"), "provenance must be a section of keys and values .found 'the internet'"),
        (put("sha256", "abc"), "sha256 must be a section"),
        (put("sha256", "maps.npy", 12), "sha256.maps.npy: .*found 12"),
        (put("sha256", "maps.npy", "12ab"), "sha256.maps.npy: .*found '12ab'"),
        (put("boxsize", 25), "boxsize is not a key that is known there"),
        (put("parameter_space", "wcdm6"), "parameter_space must be a section .*found 'wcdm6'"),
        (put("parameter_space", "parameters", "all"), "parameter_space.parameters must be a list .found 'all'"),
        (put("parameter_space", "parameters", []), "parameter_space: has no parameters"),
        (put("parameter_space", "fixed", [1]), "parameter_space.fixed must be a section"),
        (put(*FIRST, "Omega_m"), r"parameter_space.parameters\[0\] must be a section"),
        (put(*FIRST, "minimum", "low"), r"parameter_space.parameters\[0\].minimum: .*found 'low'"),
        (put(*FIRST, "minimum", 0.5), r"parameters\[0\]: the minimum of Omega_m, 0.5, is not below its maximum, 0.5"),
        (put(*FIRST, "scaling", "log10"), r"parameters\[0\].scaling: .*'linear' or 'log'.*found 'log10'"),
        (put(*FIRST, "colour", "red"), r"parameters\[0\].colour is not a key"),
        (put(*FIRST, "name", "h"), "parameter_space: has h twice"),
        (lambda plain: plain["parameter_space"]["parameters"][5].pop("maximum"), r"parameters\[5\].maximum is missing"),
        (put("parameter_space", "parameters", 5, "scaling", "log"), "the minimum of w0, -1.3, is not positive"),
        (lambda plain: plain.pop("field"), "field is missing"),
        (lambda plain: plain.pop("parameter_space"), "parameter_space is missing"),
    ],
)
def test_a_wrong_key_is_one_sentence_with_file_and_key(
    folder: Path, change: Callable[[dict[str, Any]], Any], sentence: str
) -> None:
    edited(folder, change)
    for read in (open_folder, recorded_hashes):
        with pytest.raises(UserError, match=rf"dataset\.yaml: .*{sentence}") as caught:
            read(folder)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text", ["- a\n- b\n", "just text\n", "", "[" * 5000, "name: !!bool perhaps\n", "a: 2025-13-45\n"]
)
def test_a_file_that_is_no_mapping_is_told_in_one_line(
    folder: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "dataset.yaml").write_text(text)
    assert main(["data", "check", str(folder)]) == 2
    said = capsys.readouterr().err
    assert re.search(r"dataset\.yaml(, line 1)?: is not", said)
    assert said.count("\n") == 1


def test_numbers_as_people_write_them_and_empty_sections_are_read(folder: Path) -> None:
    # PyYAML reads 1e-1 as text; a folder may be described before its hashes are known.
    edited(folder, put(*FIRST, "minimum", "1e-1"))
    edited(folder, put("provenance", None))
    edited(folder, put("sha256", None))
    edited(folder, put("name", 7))
    edited(folder, put("periodic", "no"))
    data = open_folder(folder)
    assert (data.name, data.periodic, data.provenance) == ("7", False, {})
    assert data.space.parameters[0].minimum == 0.1


def test_a_table_with_a_row_for_every_map_may_say_how_many_belong_to_a_simulation(folder: Path) -> None:
    lines = (folder / "params.csv").read_text().splitlines()
    (folder / "params.csv").write_text("\n".join([lines[0], lines[1], lines[1], lines[2], lines[2]]) + "\n")
    edited(folder, put("maps_per_simulation", 2))
    edited(folder, put("sha256", None))
    data = open_folder(folder)
    assert (data.n_rows, data.n_simulations, data.maps_per_row) == (4, 2, 1)
    (folder / "params.csv").write_text("\n".join([lines[0], lines[1], lines[2], lines[1], lines[2]]) + "\n")
    with pytest.raises(UserError, match=r"maps_per_simulation is 2, but maps\.npy and params\.csv hold 1 maps a row"):
        open_folder(folder)
