"""Data that passed silently, or were refused with wrong advice: each is found, with its likely cause."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy
import yaml
from mass_maps import DEPTH, hypercube, maps_of, slabs, write_pair

from focus_core.cli import main
from focus_core.data.folder import Description, open_folder, write_folder
from focus_core.data.mass import rank_correlation
from focus_core.parameters import CAMELS_LH6, CAMELS_LH6_AGN4, WCDM6

Check = Callable[..., "Checked"]


class Checked:
    """What `focus data check` says and how it ends."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.out.splitlines() if line.startswith("warning ")]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    def run(path: Path, *options: str) -> Checked:
        code = main(["data", "check", str(path), *options])
        said = capsys.readouterr()
        return Checked(code, said.out, said.err)

    return run


THETA = hypercube(24)
MAPS = maps_of(THETA)


def test_a_complete_set_that_obeys_its_labels_has_no_warning(tmp_path: Path, check: Check) -> None:
    found = check(write_pair(tmp_path, MAPS, THETA))
    assert (found.code, found.warnings) == (0, [])
    assert "24 simulations, 15 maps each" in found.out
    assert "slabs of 5 Mpc/h" in found.out
    assert "complete sets of slabs" in found.out
    assert "rank correlation 1.00" in found.out
    assert found.out.rstrip().endswith("every check passed")


@pytest.mark.parametrize(("field", "baryons"), [("Mcdm", 0.049), ("Mtot", 0.0)])
def test_cold_dark_matter_lacks_the_baryons_and_all_matter_does_not(
    tmp_path: Path, check: Check, field: str, baryons: float
) -> None:
    right = check(write_pair(tmp_path / "right", maps_of(THETA, baryons=baryons), THETA, field=field))
    assert right.warnings == []
    wrong = check(write_pair(tmp_path / "wrong", maps_of(THETA, baryons=0.049 - baryons), THETA, field=field))
    assert len(wrong.warnings) == 1
    assert "complete set of slabs should be Ω ρ_c · 5 Mpc/h within 2 %" in wrong.warnings[0]


def test_logarithms_are_refused_with_the_setting_that_reads_them(tmp_path: Path, check: Check) -> None:
    path = write_pair(tmp_path, np.log10(MAPS), THETA)
    found = check(path)
    assert found.code == 2
    assert "these look like log10 of it. Say --stored-as log10" in found.err
    read = check(path, "--stored-as", "log10")
    assert (read.code, read.warnings) == (0, [])
    assert "rank correlation 1.00" in read.out


def test_overdensities_are_refused_and_one_plus_overdensities_warned_of_and_both_are_read(
    tmp_path: Path, check: Check
) -> None:
    contrast = (MAPS / MAPS.mean(axis=(1, 2), keepdims=True)).astype(np.float32)
    minus, plus = write_pair(tmp_path / "a", contrast - 1, THETA), write_pair(tmp_path / "b", contrast, THETA)
    found = check(minus)
    assert found.code == 2
    assert "look like overdensities δ = Σ/Σ̄ − 1. Say --stored-as overdensity" in found.err
    (warning,) = check(plus).warnings
    assert "these look like 1 + δ = Σ/Σ̄. Say --stored-as overdensity" in warning
    for path in (minus, plus):
        read = check(path, "--stored-as", "overdensity")
        assert (read.code, read.warnings) == (0, [])
        assert "mean 1 (mean density)" in read.out
    neither = check(write_pair(tmp_path / "c", MAPS, THETA), "--stored-as", "overdensity")
    assert neither.code == 2
    assert "whose mean is 0 (δ) or 1 (1 + δ)" in neither.err


def test_maps_per_square_kiloparsec_and_a_box_in_kiloparsecs_are_told(tmp_path: Path, check: Check) -> None:
    (warning,) = check(write_pair(tmp_path / "a", MAPS * 1e-6, THETA)).warnings
    assert "(kpc/h)²" in warning
    about = Description("k", "Mtot", "(M☉/h)/(Mpc/h)²", 25000.0, 0.0, 15, CAMELS_LH6)
    write_folder(tmp_path / "b", [MAPS], MAPS.shape[-1], THETA, about)
    found = check(tmp_path / "b")
    assert any("look like kpc/h" in warning and "box_size: 25" in warning for warning in found.warnings)
    refused = check(write_pair(tmp_path / "c", MAPS, THETA), "--box", "25000")
    assert refused.code == 2
    assert "kpc/h" in refused.err


@pytest.mark.parametrize("column", [0, 3])
def test_labels_that_were_sorted_are_told(tmp_path: Path, check: Check, column: int) -> None:
    order = np.argsort(THETA[:, column])
    found = check(write_pair(tmp_path, MAPS, THETA[order]))
    name = CAMELS_LH6.names[column]
    assert any("does not rise with Ω_m" in line and f"sorted by {name}" in line for line in found.warnings)


def test_labels_of_other_simulations_are_told_where_there_are_twenty_of_them(tmp_path: Path, check: Check) -> None:
    shifted = np.roll(THETA, 7, axis=0)
    (warning,) = check(write_pair(tmp_path / "a", MAPS, shifted)).warnings
    assert "rank correlation" in warning
    assert "sorted, cut or of another set" in warning
    few = check(write_pair(tmp_path / "b", MAPS[: 15 * 12], shifted[:12]))
    assert not any("rank correlation" in line for line in few.warnings)
    assert "12 distinct Ω_m are too few (20)" in few.out


def test_a_table_that_was_cut_is_refused_with_the_number_that_it_needs(tmp_path: Path, check: Check) -> None:
    found = check(write_pair(tmp_path, MAPS, THETA[:12]))
    assert found.code == 2
    assert "gives 30 maps to a simulation, but official sets have 15" in found.err
    assert "a table of 24 simulations. It looks cut" in found.err


def test_fewer_maps_than_the_official_fifteen_are_a_warning(tmp_path: Path, check: Check) -> None:
    some = MAPS.reshape(24, 15, 20, 20)[:, :5].reshape(-1, 20, 20)
    found = check(write_pair(tmp_path, some, THETA))
    assert found.code == 0
    assert any("has 5 maps of a simulation, but official sets have 15" in line for line in found.warnings)


def test_camels_own_box_cannot_be_contradicted(tmp_path: Path, check: Check) -> None:
    path = write_pair(tmp_path, MAPS, THETA)
    assert check(path, "--box", "25").code == 0
    found = check(path, "--box", "50")
    assert found.code == 2
    assert found.err.startswith("focus data: --box: is 50, but Maps_Mtot_SIMBA_LH_z=0.00.npy was made in 25 Mpc/h")


def test_a_box_stated_by_the_suite_is_never_read_as_25_and_its_depth_is_asked_for(tmp_path: Path, check: Check) -> None:
    path = write_pair(tmp_path, 2 * MAPS, THETA, suite="IllustrisTNG_L50n512")
    found = check(path)
    assert found.code == 2
    assert "--box" in found.err
    assert "--depth" in found.err
    assert "50 Mpc/h" in found.err
    assert check(path, "--box", "25").code == 2
    told = check(path, "--depth", "10")
    assert (told.code, told.warnings) == (0, [])
    assert "50 Mpc/h, slabs of 10 Mpc/h" in told.out


def test_the_depth_of_a_folder_is_in_its_description_and_without_it_the_report_says_what_is_judged(
    tmp_path: Path, check: Check
) -> None:
    rng = np.random.default_rng(3)
    theta = hypercube(24, WCDM6)
    maps = [slabs(row[0], rng) for row in theta]
    about = Description("d", "Mtot", "(M☉/h)/(Mpc/h)²", 25.0, 0.0, 15, WCDM6)
    write_folder(tmp_path / "d", maps, 20, theta, about)
    found = check(tmp_path / "d")
    assert (found.code, found.warnings) == (0, [])
    assert "order of magnitude alone" in found.out
    assert "rank correlation 1.00" in found.out
    assert "complete sets of slabs" in check(tmp_path / "d", "--depth", f"{DEPTH:g}").out
    description = yaml.safe_load((tmp_path / "d" / "dataset.yaml").read_text())
    (tmp_path / "d" / "dataset.yaml").write_text(yaml.safe_dump(description | {"slab_depth": 15}))
    (warning,) = check(tmp_path / "d").warnings
    assert "0.333 times Ω ρ_c · 15 Mpc/h" in warning
    assert open_folder(tmp_path / "d").slab_depth == 15


def test_the_official_range_of_each_suite_is_taken(tmp_path: Path, check: Check) -> None:
    theta = hypercube(24, CAMELS_LH6_AGN4)
    assert theta[:, 5].max() > 3
    maps = maps_of(theta)
    for suite in ("Astrid", "Magneticum", "EAGLE", "SwiftEAGLE"):
        found = check(write_pair(tmp_path / suite, maps, theta, suite=suite))
        assert (found.code, found.warnings) == (0, []), suite
        assert "camels_lh6_agn4" in found.out
    refused = check(write_pair(tmp_path / "SIMBA", maps, theta, suite="SIMBA"))
    assert refused.code == 2
    assert "every column lies within camels_lh6_agn4: name that as --space" in refused.err


def test_a_subset_with_a_narrower_range_is_a_warning_and_no_order_of_columns(tmp_path: Path, check: Check) -> None:
    theta = hypercube(60)
    kept = theta[:, 0] < 0.25
    found = check(write_pair(tmp_path / "a", maps_of(theta[kept]), theta[kept]))
    assert found.code == 0
    (warning,) = found.warnings
    assert "column Omega_m spans" in warning
    assert "order of the columns" not in warning
    narrow = check(write_pair(tmp_path / "b", maps_of(theta), theta, suite="SwiftEAGLE"))
    assert ["A_AGN2" in warning for warning in narrow.warnings] == [True]


def test_nbody_maps_are_labelled_by_the_two_parameters_that_mean_anything(tmp_path: Path, check: Check) -> None:
    path = write_pair(tmp_path, MAPS, THETA, suite="Nbody_IllustrisTNG")
    found = check(path)
    assert (found.code, found.warnings) == (0, [])
    assert "camels_nbody2" in found.out
    assert "only Omega_m and sigma_8" in found.out
    every = check(path, "--space", "camels_lh6")
    assert any("only Omega_m and sigma_8" in line for line in every.warnings)


@pytest.mark.parametrize(
    ("kind", "suite", "columns", "words"),
    [
        ("SB35", "IllustrisTNG", 35, "varies 35 parameters"),
        ("LH", "Ramses", 6, "Ramses has parameters of its own"),
        ("WDM", "IllustrisTNG", 6, "the set 'WDM' in its name is not known"),
        ("LH", "SIMBA", 5, "has 5 parameter columns"),
        ("LH", "SIMBA", 2, "has 2 parameter columns"),
    ],
)
def test_a_table_without_a_shipped_space_is_told_the_way_out(
    tmp_path: Path, check: Check, kind: str, suite: str, columns: int, words: str
) -> None:
    tmp_path.mkdir(exist_ok=True)
    path = tmp_path / f"Maps_Mtot_{suite}_{kind}_z=0.00.npy"
    np.save(path, MAPS)
    np.savetxt(tmp_path / f"params_{kind}_{suite}.txt", np.random.default_rng(0).uniform(0.1, 0.5, (24, columns)))
    found = check(path)
    assert found.code == 2
    assert words in found.err
    assert "focus data new" in found.err


def test_ranks_are_spearmans() -> None:
    x = np.array([3.0, 1.0, 2.0, 2.0, 10.0])
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1.0)
    assert rank_correlation(x, -x) == pytest.approx(-1.0)
    assert rank_correlation(x, np.ones(5)) == 0.0
    other = np.array([1.0, 2.0, 2.0, 5.0, 3.0])
    assert rank_correlation(x, other) == pytest.approx(scipy.stats.spearmanr(x, other).statistic)
