"""A benchmark of samplers as a job: the real command on a real run, its progress, its result, its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from focus_core.config import validate_config
from focus_core.data.folder import Description, write_folder
from focus_core.parameters import WCDM6
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch
from focus_store.contracts import JobRow, JobStatus
from focus_store.queue import TRAIN
from focus_store.repository import Repository
from focus_store.session import open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate
from worker.jobs.child import Errand
from worker.jobs.work import run_job

CONFIG = {
    "experiment": {"name": "tiny"},
    "data": {"dataset": "tiny", "train_split": 0.5},
    "model": {"base_channels": 8, "channel_mults": [1, 2], "time_dim": 16},
    "diffusion": {"timesteps": 20},
    "training": {"batch_size": 4, "num_epochs": 1, "scheduler": {"warmup_epochs": 1}},
    "sampling": {"ddim_timesteps": 2},
    "device": "cpu",
}


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    settings = Settings.from_environment(
        {"FOCUS_HOME": str(tmp_path), "FOCUS_POLL_SECONDS": "0.05", "FOCUS_TRAIN_NICENESS": "0"}
    )
    migrate(settings.database_url)
    found = open_record(settings)
    yield found
    found.close()


@pytest.fixture
def trained(repository: Repository) -> str:
    """A run of one epoch in the record, as its supervisor would have left it."""
    rng, settings = np.random.default_rng(0), repository.settings
    maps = np.exp(rng.normal(27.0, 0.7, (16, 16, 16))).astype(np.float32)
    about = Description("tiny", "Mcdm", "(M☉/h)/(Mpc/h)²", 16.0, 0.0, 2, WCDM6)
    write_folder(settings.datasets / "tiny", [maps], 16, WCDM6.from_unit(rng.uniform(-1, 1, (8, 6))), about)
    config = validate_config(CONFIG)
    run = repository.create_experiment(config, draft=True)
    run_training(config, settings.run_folder(run), settings.home, StopSwitch())
    repository.ingest(run, settings.run_folder(run))
    return run


def work(repository: Repository, job: str, *, shutting_down: bool = False) -> JobRow:
    claim = repository.claim(TRAIN, "worker-1")
    assert claim is not None
    assert claim.id == job
    run_job(Errand(repository, claim, lambda: shutting_down))
    return repository.job(job)


def test_a_benchmark_runs_as_a_job_and_its_result_is_an_artifact_of_the_run(
    repository: Repository, trained: str
) -> None:
    before = repository.change_token(trained)
    job = repository.request_benchmark(trained, maps=2)
    assert work(repository, job, shutting_down=True).status is JobStatus.QUEUED  # goes back to the lane
    row = work(repository, job)
    assert (row.status, row.message, row.done, row.total) == (JobStatus.SUCCEEDED, None, 1000, 1000)
    digest = repository.benchmark_result(trained)
    assert digest is not None
    found = repository.benchmark_found(digest)
    assert {case["sampler"] for case in found["cases"]} == {"ddim", "ddpm", "heun", "dpmpp_2m"}
    assert len(found["cases"]) == found["cases_in_all"]
    assert (found["maps_each"], found["simulations"]) == (2, 4)
    assert repository.change_token(trained) > before  # live pages look again

    (repository.settings.run_folder(trained) / "truth.npz").unlink()
    row = work(repository, repository.request_benchmark(trained))
    assert row.status is JobStatus.FAILED
    assert "truth.npz: is not there; a training writes it when it starts" in (row.message or "")
    assert repository.benchmark_result(trained) == digest
