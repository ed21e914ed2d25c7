"""Labels against the official CAMELS tables, which are not part of the project: skipped where they are absent."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from focus_core.data.cmd import check_labels, open_cmd, parse_name
from focus_core.data.parameter_tables import Table, read_table
from focus_core.errors import UserError
from focus_core.parameters import CAMELS_LH6, CAMELS_LH6_AGN4

TABLES = Path(os.environ.get("FOCUS_CAMELS_TABLES") or Path(__file__).parents[3].parent / "shared" / "data" / "camels")
pytestmark = pytest.mark.skipif(
    not TABLES.is_dir(), reason="the official CAMELS tables are absent; FOCUS_CAMELS_TABLES names their folder"
)


def checked(file: str, maps_name: str, table: Table | None = None) -> list[str]:
    name = parse_name(Path(maps_name))
    assert name is not None
    return check_labels(table or read_table(TABLES / file), name, CAMELS_LH6, Path(file))


@pytest.mark.parametrize("suite", ["IllustrisTNG", "SIMBA"])
def test_the_latin_hypercubes_pass_every_check(suite: str) -> None:
    assert checked(f"CosmoAstroSeed_{suite}_L25n256_LH.txt", f"Maps_Mcdm_{suite}_LH_z=0.00.npy") == []


@pytest.mark.parametrize(("suite", "narrow"), [("Astrid", []), ("Magneticum", ["A_AGN2"]), ("SwiftEAGLE", ["A_AGN2"])])
def test_the_hypercubes_of_suites_whose_agn_reach_four_pass_and_what_they_leave_empty_is_a_warning(
    suite: str, narrow: list[str]
) -> None:
    name = parse_name(Path(f"Maps_Mcdm_{suite}_LH_z=0.00.npy"))
    assert name is not None
    space = name.about.space
    assert space == CAMELS_LH6_AGN4
    warnings = check_labels(read_table(TABLES / f"CosmoAstroSeed_{suite}_L25n256_LH.txt"), name, space, Path("LH.txt"))
    assert [column for column in space.names if any(f"column {column} spans" in said for said in warnings)] == narrow
    info = read_info(suite.removeprefix("Swift"))
    assert info["AAGN2"] == (0.25, 4.0)


def read_info(suite: str) -> dict[str, tuple[float, float]]:
    """Parameter → its range, as the suite's own table states it."""
    rows = [line.split(",") for line in (TABLES / f"Info_{suite}_L25n256_6params.csv").read_text().splitlines()[1:]]
    return {row[0]: (float(row[4]), float(row[5])) for row in rows}


def test_every_swap_of_real_columns_with_different_priors_is_caught() -> None:
    values = read_table(TABLES / "CosmoAstroSeed_IllustrisTNG_L25n256_LH.txt").values
    priors = [(p.minimum, p.maximum) for p in CAMELS_LH6.parameters]
    for i in range(6):
        for j in range(i):
            swapped = values.copy()
            swapped[:, [i, j]] = swapped[:, [j, i]]
            if priors[i] == priors[j]:
                continue
            with pytest.raises(UserError, match="should"):
                checked("LH.txt", "Maps_Mcdm_IllustrisTNG_LH_z=0.00.npy", Table(None, swapped))


def test_one_cosmology_passes_and_the_raw_table_of_1p_is_refused() -> None:
    assert checked("CosmoAstroSeed_IllustrisTNG_L25n256_CV.txt", "Maps_T_IllustrisTNG_CV_z=0.00.npy") == []
    with pytest.raises(UserError, match="raw values"):
        checked("CosmoAstroSeed_IllustrisTNG_L25n256_1P.txt", "Maps_T_IllustrisTNG_1P_z=0.00.npy")


def test_the_six_middle_columns_under_the_short_header_are_the_cmd_file(tmp_path: Path) -> None:
    values = read_table(TABLES / "CosmoAstroSeed_IllustrisTNG_L25n256_LH.txt").values
    maps_file = tmp_path / "Maps_Mcdm_IllustrisTNG_LH_z=0.00.npy"
    params_file = tmp_path / "params_LH_IllustrisTNG.txt"
    np.save(maps_file, np.ones((len(values), 4, 4), dtype=np.float32))
    np.savetxt(params_file, values, fmt="%.5f", header="Om sigma8 SN1 AGN1 SN2 AGN2")
    opened = open_cmd(maps_file, params_file)
    assert opened.n_simulations == 1000
    np.testing.assert_allclose(opened.theta[0], [0.309, 0.979, 3.11234, 1.12194, 0.6685, 0.53182])
