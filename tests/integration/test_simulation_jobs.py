"""Simulation jobs on a real worker: progress, cancel, resume where they stopped, the dataset registered."""

from __future__ import annotations

from typing import Any

import numpy as np

from focus_core.data.folder import open_folder
from focus_store.contracts import JobStatus, Status
from focus_store.queue import TRAIN
from worker.processes import running_in

SUITE = {"name": "small", "simulations": 24, "grid": 16, "box": 16.0, "seed": 3}


def test_a_suite_is_cancelled_resumed_and_registered(laboratory: Any) -> None:
    laboratory.worker(TRAIN)
    repository, folder = laboratory.repository, laboratory.settings.datasets / "small"
    job = repository.request_simulation(SUITE)
    laboratory.await_condition(lambda: repository.job(job).done >= 1, "the first simulation")
    repository.cancel_job(job)
    stopped = laboratory.await_condition(
        lambda: row if (row := repository.job(job)).status is not JobStatus.RUNNING else None, "the cancel"
    )
    assert running_in(folder, "--out") == []
    if stopped.status is JobStatus.CANCELLED:  # on a fast machine the suite may have ended first
        assert 1 <= stopped.done < 24
        assert repository.datasets() == []
        repository.resume_job(job)
    done = laboratory.await_condition(
        lambda: row if (row := repository.job(job)).status is JobStatus.SUCCEEDED else None, "the suite"
    )
    assert (done.done, done.total, done.message) == (24, 24, None)
    (dataset,) = repository.datasets()
    opened = open_folder(folder)
    assert (dataset.name, dataset.n_maps, dataset.n_simulations, dataset.grid) == ("small", opened.n_maps, 24, 16)
    assert (dataset.digest, dataset.box_size) == (opened.digest, 16.0)
    assert dataset.parameter_space == opened.space.to_dict()
    assert np.isfinite(opened.maps).all()

    # Asked for again, it is there at once; another suite of that name is refused in one sentence.
    again = repository.request_simulation(SUITE)
    laboratory.await_condition(lambda: repository.job(again).status is JobStatus.SUCCEEDED, "the suite that is there")
    other = repository.request_simulation(SUITE | {"seed": 4})
    laboratory.await_condition(lambda: repository.job(other).status is JobStatus.FAILED, "the refusal")
    assert "another suite" in (repository.job(other).message or "")


def test_a_training_whose_dataset_is_not_there_fails_with_the_trainers_own_sentence(
    laboratory: Any, tiny_config: Any
) -> None:
    laboratory.worker(TRAIN)
    repository = laboratory.repository
    config = tiny_config(num_epochs=2)
    (laboratory.settings.datasets / "tiny").rename(laboratory.settings.datasets / "gone")
    run = repository.create_experiment(config)
    laboratory.await_condition(lambda: laboratory.summary(run).status is Status.FAILED, "the refusal")
    message = laboratory.summary(run).message
    assert message.startswith("data.dataset: 'tiny' is not there")
    assert "focus simulate" in message
    assert "Traceback" not in message
