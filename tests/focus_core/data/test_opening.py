"""Every way to name a dataset, and a sentence for every way to get it wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from focus_core.config.experiment import DataSection
from focus_core.data.dataset import SURFACE_DENSITY
from focus_core.data.folder import Description, write_folder
from focus_core.data.opening import open_dataset
from focus_core.data.parameter_tables import read_table
from focus_core.errors import UserError
from focus_core.parameters import CAMELS_LH6, WCDM6, ParameterSpace

CMD_HEADER = "# Om sigma8 SN1 AGN1 SN2 AGN2"


def theta_of(space: ParameterSpace, n: int = 6) -> np.ndarray:
    """Evenly spread rows, so that column means are those of the prior."""
    cells = (np.arange(n) + 0.5) / n
    return space.from_unit(np.stack([2 * np.roll(cells, i) - 1 for i in range(len(space))], axis=1))


def write_dataset(folder: Path, n: int = 6) -> Path:
    maps = np.random.default_rng(0).lognormal(size=(n, 2, 8, 8)).astype(np.float32)
    about = Description("a name", "Mtot", SURFACE_DENSITY, 64.0, 0.0, 2, WCDM6, provenance={"seed": 1})
    write_folder(folder, maps, 8, theta_of(WCDM6, n), about)
    return folder


def write_cmd(
    folder: Path, theta: np.ndarray, header: str = CMD_HEADER, kind: str = "LH", maps: int = 15
) -> DataSection:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).lognormal(size=(maps * len(theta), 8, 8)).astype(np.float32)
    maps_file = folder / f"Maps_Mcdm_IllustrisTNG_{kind}_z=0.00.npy"
    params_file = folder / f"params_{kind}_IllustrisTNG.txt"
    np.save(maps_file, pixels)
    lines = [header, *(" ".join(f"{value:.5f}" for value in row) for row in theta)]
    params_file.write_text("\n".join(line for line in lines if line) + "\n")
    return DataSection(maps_path=str(maps_file), params_path=str(params_file))


def test_a_dataset_is_found_by_name_in_the_laboratory_and_by_path(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "datasets" / "small")
    by_name = open_dataset(DataSection(dataset="small"), tmp_path)
    by_path = open_dataset(DataSection(dataset=str(folder)), tmp_path / "elsewhere")
    assert by_name.digest == by_path.digest
    assert (by_name.n_maps, by_name.grid, by_name.n_simulations, by_name.maps_per_row) == (12, 8, 6, 2)
    assert (by_name.box_size, by_name.unit, by_name.space, by_name.periodic) == (64.0, SURFACE_DENSITY, WCDM6, True)
    assert isinstance(by_name.maps, np.memmap)
    np.testing.assert_array_equal(by_name.theta, theta_of(WCDM6))


def test_a_missing_dataset_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        open_dataset(DataSection(dataset="quick"), tmp_path)
    wanted = tmp_path / "datasets" / "quick"
    assert f"focus simulate --out {wanted} --simulations 64 --grid 64 --box 64 --seed 0" in str(caught.value)
    assert "data.dataset: 'quick'" in str(caught.value)


def test_a_box_or_space_that_contradicts_the_folder_is_refused(tmp_path: Path) -> None:
    folder = str(write_dataset(tmp_path / "d"))
    with pytest.raises(UserError, match=r"data\.box_size: is 25"):
        open_dataset(DataSection(dataset=folder, box_size=25), tmp_path)
    with pytest.raises(UserError, match=r"data\.parameter_space: is camels_lh6"):
        open_dataset(DataSection(dataset=folder, parameter_space="camels_lh6"), tmp_path)


def test_columns_out_of_order_or_out_of_range_are_refused_by_name(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "d")
    lines = (folder / "params.csv").read_text().splitlines()
    (folder / "params.csv").write_text("\n".join(["Omega_b,Omega_m,h,n_s,sigma_8,w0", *lines[1:]]) + "\n")
    with pytest.raises(UserError, match=r"params\.csv: column 1 is called Omega_b, but wcdm6 has Omega_m"):
        open_dataset(DataSection(dataset=str(folder)), tmp_path)
    (folder / "params.csv").write_text("\n".join([lines[0], "0.9,0.05,0.7,1.0,0.8,-1.0", *lines[2:]]) + "\n")
    with pytest.raises(UserError, match=r"column Omega_m should lie in \[0\.1, 0\.5\], but row 0 holds 0\.9"):
        open_dataset(DataSection(dataset=str(folder)), tmp_path)
    (folder / "params.csv").write_text("\n".join([lines[0], "0.3,0.05,0.7,1.0,0.8,-1.0", *lines[2:]]) + "\n")
    with pytest.raises(UserError, match="was changed since"):
        open_dataset(DataSection(dataset=str(folder)), tmp_path)


@pytest.mark.parametrize("key", ["name", "parameter_space", "maps_per_simulation"])
def test_a_description_without_a_key_is_told_by_key(tmp_path: Path, key: str) -> None:
    folder = write_dataset(tmp_path / "d")
    plain = yaml.safe_load((folder / "dataset.yaml").read_text())
    del plain[key]
    (folder / "dataset.yaml").write_text(yaml.safe_dump(plain))
    with pytest.raises(UserError, match=rf"dataset\.yaml: {key} is missing"):
        open_dataset(DataSection(dataset=str(folder)), tmp_path)


def test_truncated_missing_and_foreign_arrays_are_told_apart(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "d")
    whole = (folder / "maps.npy").read_bytes()
    section = DataSection(dataset=str(folder))
    (folder / "maps.npy").write_bytes(whole[:-100])
    with pytest.raises(UserError, match=r"maps\.npy: is truncated: its header promises \(12, 8, 8\)"):
        open_dataset(section, tmp_path)
    (folder / "maps.npy").write_bytes(whole[:40])
    with pytest.raises(UserError, match="truncated or damaged within its header"):
        open_dataset(section, tmp_path)
    (folder / "maps.npy").write_bytes(whole[:10] + b"{" * (len(whole) - 10))
    with pytest.raises(UserError, match=r"maps\.npy: is truncated or damaged within its header"):
        open_dataset(section, tmp_path)
    (folder / "maps.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"is not a \.npy array \(0 bytes\)"):
        open_dataset(section, tmp_path)
    np.save(folder / "maps.npy", np.ones((12, 8, 8), dtype=np.int32))
    with pytest.raises(UserError, match="holds int32"):
        open_dataset(section, tmp_path)
    np.save(folder / "maps.npy", np.ones((12, 8, 9), dtype=np.float32))
    with pytest.raises(UserError, match=r"shape \(12, 8, 9\)"):
        open_dataset(section, tmp_path)
    (folder / "maps.npy").unlink()
    with pytest.raises(UserError, match="no such file"):
        open_dataset(section, tmp_path)


def test_a_cmd_pair_implies_its_box_space_and_maps_per_simulation(tmp_path: Path) -> None:
    data = open_dataset(write_cmd(tmp_path, theta_of(CAMELS_LH6)), tmp_path)
    assert (data.box_size, data.space, data.field, data.redshift) == (25.0, CAMELS_LH6, "Mcdm", 0.0)
    assert (data.maps_per_row, data.unit, data.periodic) == (15, SURFACE_DENSITY, True)
    np.testing.assert_allclose(data.theta, theta_of(CAMELS_LH6), atol=1e-5)


def test_the_digest_of_a_pair_follows_its_content_not_its_place(tmp_path: Path) -> None:
    first = open_dataset(write_cmd(tmp_path / "a", theta_of(CAMELS_LH6)), tmp_path)
    again = open_dataset(write_cmd(tmp_path / "b", theta_of(CAMELS_LH6)), tmp_path)
    other = open_dataset(write_cmd(tmp_path / "c", theta_of(CAMELS_LH6)[::-1]), tmp_path)
    assert first.digest == again.digest != other.digest
    assert first.digest.startswith("fingerprint:")


@pytest.mark.parametrize("swap", [(0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (2, 5)])
def test_every_swap_of_columns_with_different_priors_is_caught_without_a_header(
    tmp_path: Path, swap: tuple[int, int]
) -> None:
    theta = theta_of(CAMELS_LH6, 100)
    theta[:, list(swap)] = theta[:, list(swap[::-1])]
    with pytest.raises(UserError, match=r"params_LH_IllustrisTNG\.txt: column \w+ should"):
        open_dataset(write_cmd(tmp_path, theta, header="", maps=1), tmp_path)


def test_column_means_of_a_latin_hypercube_are_checked(tmp_path: Path) -> None:
    theta = theta_of(CAMELS_LH6, 100)
    theta[:, 4] = 0.5 + 1.5 * np.sqrt(np.linspace(0, 1, 100))  # fills its range, and far from log-uniform
    with pytest.raises(UserError, match=r"column A_SN2 should have a mean of 1\.08"):
        open_dataset(write_cmd(tmp_path, theta, maps=1), tmp_path)


def test_a_header_in_another_order_and_a_wrong_space_are_refused(tmp_path: Path) -> None:
    section = write_cmd(tmp_path, theta_of(CAMELS_LH6), header="# Om sigma8 SN1 SN2 AGN1 AGN2")
    with pytest.raises(UserError, match="column 4 is called SN2, but camels_lh6 has A_AGN1"):
        open_dataset(section, tmp_path)
    section = write_cmd(tmp_path, theta_of(CAMELS_LH6)).model_copy(update={"parameter_space": "wcdm6"})
    with pytest.raises(UserError, match="column 2 is called sigma8, but wcdm6 has Omega_b"):
        open_dataset(section, tmp_path)


def test_rows_and_columns_that_disagree_are_refused(tmp_path: Path) -> None:
    section = write_cmd(tmp_path, theta_of(CAMELS_LH6))
    params = Path(str(section.params_path))
    lines = params.read_text().splitlines()
    params.write_text("\n".join([*lines, lines[-1]]) + "\n")
    with pytest.raises(UserError, match="90 maps, which is not a whole number of maps for each of the 7 rows"):
        open_dataset(section, tmp_path)
    params.write_text("\n".join(line.rsplit(" ", 1)[0] for line in lines) + "\n")
    with pytest.raises(UserError, match="5 parameter columns, but camels_lh6 has 6"):
        open_dataset(section, tmp_path)
    params.write_text("\n".join([lines[0], lines[1] + " 7"]) + "\n")
    with pytest.raises(UserError, match="line 2: has 7 columns"):
        open_dataset(section, tmp_path)
    params.write_text("\n".join([lines[0], lines[1].replace("0.", "O.", 1)]) + "\n")
    with pytest.raises(UserError, match="is not a number"):
        open_dataset(section, tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("p.txt", "1 2 3\n1 2\n", r"p\.txt, line 2: has 2 columns, but the first row has 3"),
        ("p.csv", "1,2,3\n# a note\n1,2\n", r"p\.csv, line 3: has 2 columns, but the first row has 3"),
        ("p.csv", "a,b\n1," + "9" * 200_000, r"p\.csv: cannot be read as CSV \(field larger"),
    ],
)
def test_a_broken_table_is_told_by_its_line(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_table(tmp_path / name)


def test_a_label_that_is_not_finite_is_told_by_its_row_counted_from_one_and_its_name_if_it_has_one(
    tmp_path: Path,
) -> None:
    np.save(tmp_path / "p.npy", np.array([[1.0, 2.0, 3.0], [1.0, np.inf, 3.0]]))
    with pytest.raises(UserError, match=r"p\.npy, row 2: column 2 is inf; θ must be finite\."):
        read_table(tmp_path / "p.npy")
    # A column that is no parameter has no number either.
    (tmp_path / "p.csv").write_text("Name,a,b\nLH_0,1,2\nLH_1,3,nan\n")
    with pytest.raises(UserError, match=r"p\.csv, row 2: b is nan; θ must be finite\."):
        read_table(tmp_path / "p.csv")


def test_sets_that_leave_the_prior_on_purpose_only_warn(tmp_path: Path) -> None:
    theta = np.tile([0.3, 0.8, 1.0, 1.0, 1.0, 1.0], (4, 1))
    theta[3, 2] = 100.0
    assert len(open_dataset(write_cmd(tmp_path, theta, kind="EX"), tmp_path).warnings) == 1
    assert open_dataset(write_cmd(tmp_path, theta[:3], kind="CV"), tmp_path).warnings == ()
    with pytest.raises(UserError, match="column A_SN1 should lie in"):
        open_dataset(write_cmd(tmp_path, theta, kind="BE"), tmp_path)


def test_raw_values_of_illustristng_are_refused_and_scaled_ones_are_not(tmp_path: Path) -> None:
    theta = np.tile([0.3, 0.8, 3.6, 1.0, 7.4, 20.0], (5, 1))
    with pytest.raises(UserError, match=r"3\.6·A_SN1, 7\.4·A_SN2, 20·A_AGN2"):
        open_dataset(write_cmd(tmp_path, theta, kind="1P"), tmp_path)
    theta /= [1, 1, 3.6, 1, 7.4, 20]
    assert open_dataset(write_cmd(tmp_path, theta, kind="1P"), tmp_path).n_rows == 5
    with pytest.raises(UserError, match="raw values"):
        open_dataset(write_cmd(tmp_path, theta, kind="SB28"), tmp_path)


def test_an_unknown_set_in_a_cmd_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the set 'XX' in its name is not known"):
        open_dataset(write_cmd(tmp_path, theta_of(CAMELS_LH6), kind="XX"), tmp_path)


def test_a_normalised_pair_has_no_unit_and_keeps_its_sisters_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "processed_data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    np.save(folder / "maps_normalized.npy", rng.standard_normal((12, 1, 8, 8)).astype(np.float32))
    np.save(folder / "params_normalized.npy", np.repeat(rng.uniform(-1, 1, (4, 6)), 3, axis=0))
    monkeypatch.chdir(tmp_path)
    data = open_dataset(DataSection(data_dir="processed"), tmp_path)
    assert (data.normalised, data.unit, data.box_size, data.grid) == (True, None, None, 8)
    assert (data.n_rows, data.maps_per_row, data.n_simulations, set(data.maps_each)) == (12, 1, 4, {3})
    np.testing.assert_allclose(data.space.to_unit(data.theta), data.theta)
    assert open_dataset(DataSection(data_dir="processed", box_size=25), tmp_path).box_size == 25
    named = open_dataset(DataSection(data_dir="processed", parameter_space="wcdm6"), tmp_path)
    assert named.space.names == WCDM6.names


def test_another_pair_must_name_its_space(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.ones((6, 8, 8), dtype=np.float32))
    np.savetxt(tmp_path / "p.txt", theta_of(WCDM6))
    section = DataSection(maps_path=str(tmp_path / "m.npy"), params_path=str(tmp_path / "p.txt"))
    with pytest.raises(UserError, match=r"data\.parameter_space: must be named"):
        open_dataset(section, tmp_path)
    data = open_dataset(section.model_copy(update={"parameter_space": "wcdm6", "box_size": 50.0}), tmp_path)
    assert (data.n_simulations, data.box_size, data.normalised) == (6, 50.0, False)
