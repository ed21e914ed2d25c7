"""Rows of one θ in a run: they stay together in its split, its truth and its figures, unless the data say otherwise."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mass_maps import hypercube, maps_of, write_pair

from focus_core.cli import main
from focus_core.config.experiment import ExperimentConfig, to_yaml
from focus_core.data.cmd import open_cmd
from focus_core.data.split import Split, split_rows, split_simulations
from focus_core.data.stored import StoredMaps
from focus_core.disk.atomic import replacing
from focus_core.errors import UserError
from focus_core.run_files import LAST
from focus_core.training.checkpoint import load_checkpoint
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

ConfigMaker = Callable[..., ExperimentConfig]
SIMULATIONS, EACH = 40, 3


def few_maps(theta: np.ndarray) -> np.ndarray:
    """Three maps (cut to 16²) of each simulation."""
    return maps_of(theta).reshape(len(theta), 15, 20, 20)[:, :EACH, :16, :16].reshape(-1, 16, 16)


def config_of(make: ConfigMaker, maps: Path, **data: Any) -> ExperimentConfig:
    (params,) = maps.parent.glob("params_*.txt")
    where = {"dataset": None, "maps_path": str(maps), "params_path": str(params), "train_split": 0.75}
    return make(data={**where, **data}, training={"num_epochs": 1, "batch_size": 64})


def parts(split: Split, theta: np.ndarray) -> list[set[bytes]]:
    return [{theta[row].tobytes() for row in part} for part in (split.train, split.validation, split.test)]


def trained(make: ConfigMaker, maps: Path, run: Path, **data: Any) -> Split:
    run_training(config_of(make, maps, **data), run, run / "home", StopSwitch())
    return Split.from_json((run / "split.json").read_text())


@pytest.mark.parametrize("kept", ["in order", "shuffled", "with maps dropped"])
def test_a_row_for_every_map_never_parts_a_simulation(tmp_path: Path, tiny_config: ConfigMaker, kept: str) -> None:
    rows = np.arange(SIMULATIONS * EACH)
    rng = np.random.default_rng(0)
    rows = {"in order": rows, "shuffled": rng.permutation(rows), "with maps dropped": np.delete(rows, [4, 5, 50])}[kept]
    theta = np.repeat(hypercube(SIMULATIONS), EACH, axis=0)[rows]
    maps = write_pair(tmp_path, few_maps(hypercube(SIMULATIONS))[rows], theta)
    split = trained(tiny_config, maps, tmp_path / "run")
    train, validation, test = parts(split, theta)
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert (len(train), len(validation), len(test)) == (30, 5, 5)
    assert sorted((*split.train, *split.validation, *split.test)) == list(range(len(rows)))
    truth = np.load(tmp_path / "run" / "truth.npz")
    assert len(truth["theta"]) == SIMULATIONS
    np.testing.assert_array_equal(np.bincount(truth["split"]), [30, 5, 5])
    assert "rows of one θ are one simulation" in (tmp_path / "run" / "logs" / "training.log").read_text()


def test_rows_that_are_said_to_be_independent_may_part_and_the_report_says_so(
    tmp_path: Path, tiny_config: ConfigMaker
) -> None:
    theta = np.repeat(hypercube(SIMULATIONS), EACH, axis=0)
    maps = write_pair(tmp_path, few_maps(hypercube(SIMULATIONS)), theta)
    split = trained(tiny_config, maps, tmp_path / "run", independent_realisations=True)
    train, validation, _ = parts(split, theta)
    assert train & validation
    assert split == split_simulations(SIMULATIONS * EACH, 0.75, 0)
    for file in ("logs/training.log", "README.md"):
        assert "independent realisations, which a split may part" in (tmp_path / "run" / file).read_text()


def test_one_cosmology_is_trained_where_the_set_is_one_of_other_phases_and_refused_elsewhere(
    tmp_path: Path, tiny_config: ConfigMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    theta = np.tile([0.3, 0.8, 1.0, 1.0, 1.0, 1.0], (8, 1))
    pixels = maps_of(theta)[:, :16, :16]
    split = trained(tiny_config, write_pair(tmp_path / "cv", pixels, theta, kind="CV"), tmp_path / "run")
    assert (len(split.train), len(split.validation), len(split.test)) == (6, 1, 1)
    words = ["sample", "--run", str(tmp_path / "run"), "--n", "1", "--device", "cpu", "--out", str(tmp_path / "m.npz")]
    assert main([*words, "--params", "Omega_m=0.3,sigma_8=0.9,A_SN1=1,A_AGN1=1,A_SN2=1,A_AGN2=1"]) == 0
    said = capsys.readouterr().err
    assert "sigma_8 = 0.9 is outside its training range of 0.8 alone by 25.0 % of the prior's width" in said
    assert "Omega_m" not in said
    with pytest.raises(UserError, match=r"of 1 simulations.*independent_realisations: true"):
        trained(tiny_config, write_pair(tmp_path / "be", pixels, theta, kind="BE"), tmp_path / "other")
    # A row for every map: their place tells the boxes, 15 maps each.
    by_map = write_pair(tmp_path / "rows", pixels, np.repeat(theta, 15, axis=0), kind="CV")
    opened = open_cmd(by_map, tmp_path / "rows" / "params_CV_SIMBA.txt")
    assert (opened.n_simulations, set(opened.maps_each)) == (8, {15})


def test_a_split_of_an_earlier_version_goes_on_in_rows_of_the_table(tmp_path: Path, tiny_config: ConfigMaker) -> None:
    """Runs of equal rows were counted as one: split.json of such a run names every third row of today."""
    theta = np.repeat(hypercube(SIMULATIONS), EACH, axis=0)
    maps = write_pair(tmp_path, few_maps(hypercube(SIMULATIONS)), theta)
    run = tmp_path / "run"
    trained(tiny_config, maps, run)
    older = split_simulations(SIMULATIONS, 0.75, 0)
    (run / "split.json").write_text(older.to_json())
    more = config_of(tiny_config, maps)
    more = more.model_copy(update={"training": more.training.model_copy(update={"num_epochs": 2})})
    run_training(more, run, run / "home", StopSwitch())
    now = json.loads((run / "split.json").read_text())
    assert now["test"] == [row for s in older.test for row in range(EACH * s, EACH * s + EACH)]


def test_a_run_that_parts_its_simulations_says_so_when_it_goes_on(tmp_path: Path, tiny_config: ConfigMaker) -> None:
    theta = np.repeat(hypercube(SIMULATIONS), EACH, axis=0)
    maps = write_pair(tmp_path, few_maps(hypercube(SIMULATIONS)), theta)
    run = tmp_path / "run"
    trained(tiny_config, maps, run)
    (run / "split.json").write_text(split_simulations(SIMULATIONS * EACH, 0.75, 0).to_json())
    more = config_of(tiny_config, maps)
    more = more.model_copy(update={"training": more.training.model_copy(update={"num_epochs": 2})})
    run_training(more, run, run / "home", StopSwitch())
    assert "split.json parts the maps of" in (run / "logs" / "training.log").read_text()


def test_an_nbody_run_of_six_columns_goes_on_in_them(tmp_path: Path, tiny_config: ConfigMaker) -> None:
    """As an earlier version began it: its file names no space, its checkpoint tells six columns."""
    theta = hypercube(12)
    maps = write_pair(tmp_path, maps_of(theta)[:, :16, :16], theta, suite="Nbody_SIMBA")
    run = tmp_path / "run"
    config = config_of(tiny_config, maps)
    with pytest.raises(UserError, match=r"model\.cond_dim: is 6.*set it to 2.*only Omega_m and sigma_8"):
        run_training(config, tmp_path / "fresh", run / "home", StopSwitch())
    run_training(config_of(tiny_config, maps, parameter_space="camels_lh6"), run, run / "home", StopSwitch())
    state = load_checkpoint(run / LAST)
    with replacing(run / LAST) as file:
        torch.save({**state, "config": {**state["config"], "data": config.to_dict()["data"]}}, file)
    (run / "config.yaml").write_text(to_yaml(config))
    more = config.model_copy(update={"training": config.training.model_copy(update={"num_epochs": 2})})
    run_training(more, run, run / "home", StopSwitch())
    assert load_checkpoint(run / LAST)["parameter_space"]["name"] == "camels_lh6"
    assert load_checkpoint(run / LAST)["epoch"] == 2


def test_a_set_stored_as_logarithms_trains_to_the_transform_of_the_maps_themselves(
    tmp_path: Path, tiny_config: ConfigMaker
) -> None:
    theta = hypercube(8)
    pixels = maps_of(theta)[:, :16, :16]
    plain = write_pair(tmp_path / "plain", pixels, theta)
    logs = write_pair(tmp_path / "logs", np.log10(pixels.astype(np.float64)), theta)
    with pytest.raises(UserError, match=r"look like log10.*data\.stored_as: log10"):
        trained(tiny_config, logs, tmp_path / "refused")
    trained(tiny_config, plain, tmp_path / "one")
    trained(tiny_config, logs, tmp_path / "two", stored_as="log10")
    one, two = (json.loads((tmp_path / run / "transform.json").read_text()) for run in ("one", "two"))
    assert one["kind"] == two["kind"] == "log10"
    for key in ("floor", "mean", "std", "pixel_min", "pixel_max"):
        assert one[key] == pytest.approx(two[key], rel=1e-5)
    assert isinstance(StoredMaps(np.zeros((1, 2, 2)), "log10")[0], np.ndarray)


def test_settings_of_data_that_are_not_given_leave_the_digest_as_it_was(tiny_config: ConfigMaker) -> None:
    plain = tiny_config()
    assert not {"slab_depth", "stored_as", "independent_realisations"} & set(plain.to_dict()["data"])
    said = tiny_config(data={"independent_realisations": True})
    assert said.digest() != plain.digest()


def test_the_rows_of_singles_are_split_as_simulations_always_were() -> None:
    assert split_rows(np.arange(40), 0.75, 3) == split_simulations(40, 0.75, 3)
