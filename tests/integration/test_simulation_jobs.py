"""Simulation jobs on a real worker: progress, cancel, resume where they stopped, the dataset registered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from stacks import ON_FILES, ON_SERVERS

from focus_core.config.experiment import DataSection
from focus_core.data.dataset import MapDataset
from focus_core.data.folder import open_folder
from focus_core.data.opening import open_dataset
from focus_core.parameters import CAMELS_LH6
from focus_store.contracts import JobRow, JobStatus, Status
from focus_store.queue import SAMPLE, TRAIN
from worker.processes import running_in

SUITE = {"name": "small", "simulations": 24, "grid": 16, "box": 16.0, "seed": 3}


@ON_SERVERS
def test_a_suite_is_cancelled_resumed_and_registered(laboratory: Any) -> None:
    laboratory.worker(TRAIN)
    record, folder = laboratory.record, laboratory.settings.datasets / "small"
    job = record.jobs.request_simulation(SUITE)
    laboratory.await_condition(lambda: record.jobs.get(job).done >= 1, "the first simulation")
    record.jobs.cancel(job)
    stopped = laboratory.await_condition(
        lambda: row if (row := record.jobs.get(job)).status is not JobStatus.RUNNING else None, "the cancel"
    )
    assert running_in(folder, "--out") == []
    if stopped.status is JobStatus.CANCELLED:  # on a fast machine the suite may have ended first
        assert 1 <= stopped.done < 24
        assert record.datasets.every() == []
        record.jobs.resume(job)
    done = laboratory.await_condition(
        lambda: row if (row := record.jobs.get(job)).status is JobStatus.SUCCEEDED else None, "the suite"
    )
    assert (done.done, done.total, done.message) == (24, 24, None)
    (dataset,) = record.datasets.every()
    opened = open_folder(folder)
    assert (dataset.name, dataset.n_maps, dataset.n_simulations, dataset.grid) == ("small", opened.n_maps, 24, 16)
    assert (dataset.digest, dataset.box_size) == (opened.digest, 16.0)
    assert dataset.parameter_space == opened.space.to_dict()
    assert np.isfinite(opened.maps).all()
    assert_measured(record, opened)

    # Asked for again, it is there at once; another suite of that name is refused in one sentence.
    again = record.jobs.request_simulation(SUITE)
    laboratory.await_condition(lambda: record.jobs.get(again).status is JobStatus.SUCCEEDED, "the suite that is there")
    other = record.jobs.request_simulation(SUITE | {"seed": 4})
    laboratory.await_condition(lambda: record.jobs.get(other).status is JobStatus.FAILED, "the refusal")
    assert "another suite" in (record.jobs.get(other).message or "")


def assert_measured(record: Any, opened: MapDataset) -> None:
    """What the record shows of a dataset, against its files."""
    dataset = record.datasets.get(opened.name)
    survey, pixels = dataset.survey, np.asarray(opened.maps, dtype=np.float64)
    np.testing.assert_allclose([survey["mean"], survey["std"]], [pixels.mean(), pixels.std()], rtol=1e-9)
    arrays = record.artifacts.arrays(survey["arrays"])
    np.testing.assert_array_equal(arrays["theta"], opened.theta)
    assert arrays["power_mean"].shape == (opened.n_simulations, opened.grid // 2)
    assert [simulation for simulation, _ in survey["sheets"]] == list(range(opened.n_simulations))
    assert all(record.artifacts.read(digest)[8:12] == b"WEBP" for _, digest in survey["sheets"])
    assert dataset.checked_at is not None
    assert not any((record.settings.home / "work").iterdir())


@ON_FILES
def test_a_dataset_is_added_by_its_path_while_a_training_would_hold_the_other_lane(
    laboratory: Any, tmp_path: Path
) -> None:
    laboratory.worker(SAMPLE)
    record, good, bad = laboratory.record, tmp_path / "cmd", tmp_path / "bad"
    rng = np.random.default_rng(2)
    bad.mkdir()
    good.mkdir()
    maps = rng.lognormal(mean=27.0, size=(12, 16, 16)).astype(np.float32)
    theta = CAMELS_LH6.from_unit(rng.uniform(-0.5, 0.5, (4, 6)))
    for folder, rows in ((good, theta), (bad, theta[:3])):
        np.save(folder / "Maps_Mcdm_Nbody_IllustrisTNG_LH_z=0.00.npy", maps[: len(theta) * 3 - (folder == bad)])
        np.savetxt(folder / "params_LH_Nbody_IllustrisTNG.txt", rows)

    refused = record.datasets.request("bad", str(bad))
    added = record.datasets.request("tng", str(good))
    ended = laboratory.await_condition(lambda: _ended(record.jobs.get(refused)), "the refusal")
    assert ended.status is JobStatus.FAILED
    assert "holds 11 maps, which is not a whole number of maps for each of the 3 rows" in ended.message
    ended = laboratory.await_condition(lambda: _ended(record.jobs.get(added)), "the survey")
    assert (ended.status, ended.message, ended.done, ended.total) == (JobStatus.SUCCEEDED, None, 4, 4), (
        laboratory.logs()
    )
    # A configuration can name it: the folder in the laboratory points to the files where they lie.
    opened = open_dataset(DataSection(dataset="tng"), laboratory.settings.home)
    assert opened.maps_file.resolve() == (good / "Maps_Mcdm_Nbody_IllustrisTNG_LH_z=0.00.npy").resolve()
    assert (opened.box_size, opened.space.name, opened.digest) == (
        25.0,
        "camels_nbody2",
        record.datasets.get("tng").digest,
    )
    np.testing.assert_allclose(opened.theta, theta[:, :2])
    assert any("official sets have 15" in said for said in record.datasets.get("tng").survey["warnings"])
    assert_measured(record, opened)
    assert [dataset.name for dataset in record.datasets.every()] == ["tng"]

    # Files that changed since are refused by the next check, and what was known of them stays.
    np.save(good / "Maps_Mcdm_Nbody_IllustrisTNG_LH_z=0.00.npy", 2 * maps)
    again = record.datasets.request("tng", record.datasets.get("tng").path)
    ended = laboratory.await_condition(lambda: _ended(record.jobs.get(again)), "the second check")
    assert "maps.npy: its sha256 is not the one in dataset.yaml" in ended.message
    assert record.datasets.get("tng").survey["mean"] > 0


def _ended(job: JobRow) -> JobRow | None:
    return job if job.status in (JobStatus.SUCCEEDED, JobStatus.FAILED) else None


@ON_FILES
def test_a_training_whose_dataset_is_not_there_fails_with_the_trainers_own_sentence(
    laboratory: Any, tiny_config: Any
) -> None:
    laboratory.worker(TRAIN)
    record = laboratory.record
    config = tiny_config(num_epochs=2)
    (laboratory.settings.datasets / "tiny").rename(laboratory.settings.datasets / "gone")
    run = record.experiments.create(config)
    laboratory.await_condition(lambda: laboratory.summary(run).status is Status.FAILED, "the refusal")
    message = laboratory.summary(run).message
    assert message.startswith("data.dataset: 'tiny' is not there")
    assert "focus simulate" in message
    assert "Traceback" not in message
