"""A suite is the same bytes however often it was stopped, and never somebody else's folder."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path

import numpy as np
import pytest
import yaml
from full_disk import files_no_larger_than

from focus_core.config.experiment import DataSection
from focus_core.data.cmd import open_cmd, parse_name
from focus_core.data.folder import open_folder
from focus_core.data.opening import open_dataset
from focus_core.errors import StopRequested, UserError
from focus_core.parameters import CAMELS_LH6, CAMELS_NBODY2, WCDM6
from focus_core.simulation import suite
from focus_core.simulation.suite import SuiteSpec, simulate_suite

SMALL = SuiteSpec(simulations=4, grid=8, box=32.0, seed=5)


class StopAfter:
    """Asks to stop once `count` simulations of this call are done."""

    def __init__(self, count: int) -> None:
        self.count, self.seen = count, -1

    def progress(self, done: int, total: int) -> None:
        self.seen += 1

    def __call__(self) -> bool:
        return self.seen >= self.count


def stop_after(spec: SuiteSpec, out: Path, count: int) -> None:
    stop = StopAfter(count)
    with pytest.raises(StopRequested, match="the same command continues"):
        simulate_suite(spec, out, progress=stop.progress, should_stop=stop)


def test_a_suite_is_a_dataset_labelled_as_a_simulation(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    simulate_suite(SMALL, tmp_path / "s", progress=lambda done, total: seen.append((done, total)))
    data = open_folder(tmp_path / "s")
    assert seen == [(i, 4) for i in range(5)]
    assert (data.name, data.grid, data.n_simulations, data.maps_per_row) == ("s", 8, 4, 12)
    assert (data.box_size, data.space, data.redshift) == (32.0, WCDM6, 0.0)
    assert "particle-mesh" in data.provenance["source"]
    assert data.provenance["force_resolution"].startswith("4 Mpc/h")
    # Slabs of a quarter of the box tile it, so every axis has the mean density of the universe.
    means = np.array(data.maps, dtype=np.float64).reshape(4, 3, 4, -1).mean(axis=(2, 3))
    expected = data.theta[:, :1] * 2.77536627e11 * 8.0
    np.testing.assert_allclose(means, np.broadcast_to(expected, means.shape), rtol=1e-6)


def test_a_suite_stopped_twice_equals_one_that_never_was(tmp_path: Path) -> None:
    whole = open_folder(simulate_suite(SMALL, tmp_path / "whole"))
    for count in (1, 2):
        stop_after(SMALL, tmp_path / "parts", count)
        assert not (tmp_path / "parts" / "dataset.yaml").exists()
    parts = open_folder(simulate_suite(SMALL, tmp_path / "parts"))
    np.testing.assert_array_equal(parts.maps, whole.maps)
    np.testing.assert_array_equal(parts.theta, whole.theta)
    assert parts.digest == whole.digest
    assert not (tmp_path / "parts" / ".suite").exists()


def test_a_complete_suite_is_left_alone(tmp_path: Path) -> None:
    out = simulate_suite(SMALL, tmp_path / "s")
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    simulate_suite(SMALL, out)
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before


@pytest.mark.parametrize("finished", [True, False])
def test_another_suite_in_the_same_folder_is_refused_with_what_it_holds(tmp_path: Path, finished: bool) -> None:
    if finished:
        simulate_suite(SMALL, tmp_path)
    else:
        stop_after(SMALL, tmp_path, 1)
    with pytest.raises(UserError, match=r"already holds another suite \(seed 5\)"):
        simulate_suite(dataclasses.replace(SMALL, seed=6), tmp_path)


def test_a_folder_that_is_not_a_suite_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "maps.npy").write_bytes(b"mine")
    with pytest.raises(UserError, match="did not make"):
        simulate_suite(SMALL, tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="did not make"):
        simulate_suite(SMALL, tmp_path / "file")
    with pytest.raises(UserError, match=r"file.* cannot be written"):
        simulate_suite(SMALL, tmp_path / "file" / "deeper")


def test_parameters_that_somebody_else_wrote_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "params.csv").write_text("mine")
    with pytest.raises(UserError, match=r"params\.csv .*did not make"):
        simulate_suite(SMALL, tmp_path)
    assert (tmp_path / "params.csv").read_text() == "mine"


def test_a_record_of_a_suite_that_was_edited_by_hand_is_a_sentence(tmp_path: Path) -> None:
    simulate_suite(SMALL, tmp_path / "s")
    description = yaml.safe_load((tmp_path / "s" / "dataset.yaml").read_text())
    for provenance in ([1], {"suite": "small"}, "hand-made"):
        (tmp_path / "s" / "dataset.yaml").write_text(yaml.safe_dump(description | {"provenance": provenance}))
        with pytest.raises(UserError, match="another suite"):
            simulate_suite(SMALL, tmp_path / "s")
    (tmp_path / "t" / ".suite").mkdir(parents=True)
    (tmp_path / "t" / ".suite" / "spec.json").write_text('{"simulations": 2')
    with pytest.raises(UserError, match=r"spec\.json is damaged"):
        simulate_suite(SMALL, tmp_path / "t")


def test_a_longer_suite_begins_with_the_shorter_one_and_fills_the_prior() -> None:
    long = SuiteSpec(simulations=64).design()
    np.testing.assert_array_equal(SuiteSpec(simulations=11).design(), long[:11])
    assert not np.allclose(SuiteSpec(simulations=64, seed=1).design(), long)
    unit = WCDM6.to_unit(long)
    # 64 points of a Sobol sequence put exactly one into each 64th of every axis.
    cells = np.floor((unit + 1) / 2 * 64).astype(int)
    assert all(sorted(column) == list(range(64)) for column in cells.T)


def test_realisations_share_a_point_and_differ_in_phase(tmp_path: Path) -> None:
    spec = dataclasses.replace(SMALL, simulations=2, realisations=2)
    data = open_folder(simulate_suite(spec, tmp_path))
    np.testing.assert_array_equal(data.theta[0], data.theta[1])
    assert not np.array_equal(data.theta[1], data.theta[2])
    assert not np.array_equal(data.maps[:12], data.maps[12:24])
    assert len({spec.phase_seed(row) for row in range(4)}) == 4
    # They say that they may part in a split, and suites of earlier versions, whose provenance alone tells it, too.
    assert (data.n_simulations, data.slab_depth) == (4, SMALL.box / SMALL.n_slabs)
    description = tmp_path / "dataset.yaml"
    plain = yaml.safe_load(description.read_text())
    assert (plain.pop("independent_realisations"), plain.pop("slab_depth")) == (True, SMALL.box / SMALL.n_slabs)
    description.write_text(yaml.safe_dump(plain))
    older = open_folder(tmp_path)
    assert (older.n_simulations, older.slab_depth) == (4, SMALL.box / SMALL.n_slabs)
    assert "each θ was run with 2 initial phases" in older.independent_realisations
    # The first realisation of a point is what it would be alone.
    assert spec.phase_seed(2) == SMALL.phase_seed(1)


def test_the_cmd_layout_is_a_pair_that_opens_with_its_own_box(tmp_path: Path) -> None:
    spec = dataclasses.replace(SMALL, space=CAMELS_LH6, layout="cmd", simulations=8)
    simulate_suite(spec, tmp_path)
    (maps_file,) = tmp_path.glob("Maps_*.npy")
    name = parse_name(maps_file)
    assert name is not None
    params_file = tmp_path / name.params_file
    assert params_file.read_text().startswith("# Om sigma8 SN1 AGN1 SN2 AGN2\n")
    data = open_cmd(maps_file, params_file)
    assert (data.box_size, data.space, data.n_maps, data.maps_per_row) == (32.0, CAMELS_NBODY2, 96, 12)
    np.testing.assert_allclose(data.theta, spec.design()[:, :2], rtol=1e-9)
    assert data.slab_depth == 8.0
    section = DataSection(maps_path=str(maps_file), params_path=str(params_file), box_size=25.0)
    with pytest.raises(UserError, match=r"data\.box_size: is 25, but .* was made in 32 Mpc/h"):
        open_dataset(section, tmp_path)


def test_feedback_labels_have_no_effect_and_cosmology_has(tmp_path: Path) -> None:
    """Two suites with one seed and grid differ in maps because θ does, not because of the space's name."""
    data = open_folder(simulate_suite(dataclasses.replace(SMALL, space=CAMELS_LH6, simulations=2), tmp_path))
    assert data.space.fixed["Omega_b"] == 0.049
    means = np.array(data.maps, dtype=np.float64).reshape(2, -1).mean(1)
    np.testing.assert_allclose(means[0] / means[1], data.theta[0, 0] / data.theta[1, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"simulations": 0}, "--simulations"),
        ({"realisations": 0}, "--realisations"),
        ({"simulations": 10**20}, "--simulations"),
        ({"realisations": 10**7}, "--realisations"),
        ({"grid": 7}, "--grid"),
        ({"grid": 2048}, "--grid"),
        ({"box": 0.0}, "--box"),
        ({"box": float("nan")}, "--box"),
        ({"box": 1e-300}, "--box"),
        ({"box": 1e300}, "--box"),
        ({"seed": -1}, "--seed"),
        ({"slabs": 3}, "--slabs"),
        ({"layout": "cmd"}, "--layout"),
    ],
)
def test_what_cannot_be_simulated_is_refused_by_option(change: dict[str, object], option: str) -> None:
    with pytest.raises(UserError, match=option):
        dataclasses.replace(SMALL, **change)  # type: ignore[arg-type]


def test_a_full_disk_is_a_sentence_and_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = open_folder(simulate_suite(SMALL, tmp_path / "whole"))
    write, written = suite.write_maps, 0

    def full_after_two(path: Path, pieces: list[np.ndarray], shape: tuple[int, ...]) -> None:
        nonlocal written
        written += 1
        if written > 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, pieces, shape)

    monkeypatch.setattr(suite, "write_maps", full_after_two)
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\).*keeps what is finished"):
        simulate_suite(SMALL, tmp_path / "s")
    assert len(list((tmp_path / "s" / ".suite").iterdir())) == 3  # two simulations, and what the suite is
    monkeypatch.undo()
    np.testing.assert_array_equal(open_folder(simulate_suite(SMALL, tmp_path / "s")).maps, whole.maps)


def test_a_disk_that_takes_only_a_part_of_a_simulation_is_full(tmp_path: Path) -> None:
    # `np.save` told nothing of it, and left a file without its end.
    refused = pytest.raises(UserError, match=r"simulation_000000\.npy cannot be written \(File too large\)")
    with files_no_larger_than(1000), refused:
        simulate_suite(SMALL, tmp_path / "s")
    assert open_folder(simulate_suite(SMALL, tmp_path / "s")).n_simulations == SMALL.n_rows


def test_a_simulation_whose_file_was_cut_is_run_again(tmp_path: Path) -> None:
    whole = open_folder(simulate_suite(SMALL, tmp_path / "whole"))
    stop_after(SMALL, tmp_path / "s", 2)
    shard = tmp_path / "s" / ".suite" / "simulation_000001.npy"
    shard.write_bytes(shard.read_bytes()[:1000])
    np.testing.assert_array_equal(open_folder(simulate_suite(SMALL, tmp_path / "s")).maps, whole.maps)
