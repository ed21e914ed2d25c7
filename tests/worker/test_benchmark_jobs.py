"""A benchmark of samplers as a job: the real command on a real run, its progress, its result, its end."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from focus_core.catalogue.statistics import STATISTICS
from focus_core.config.experiment import validate_config
from focus_core.data.folder import Description, write_folder
from focus_core.errors import UserError
from focus_core.parameters import WCDM6
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch
from focus_store.contracts import JobRow, JobStatus
from focus_store.queue import TRAIN
from focus_store.record.record import Record, open_record
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


def record_in(home: Path) -> Record:
    environment = {"FOCUS_POLL_SECONDS": "0.05", "FOCUS_TRAIN_NICENESS": "0", "FOCUS_TRAIN_THREADS": "1"}
    return open_record(Settings.from_environment({**environment, "FOCUS_HOME": str(home)}))


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home whose record has a run of one epoch, as its supervisor would have left it; tests get copies."""
    home = tmp_path_factory.mktemp("trained")
    record = record_in(home)
    migrate(record.settings.database_url)
    run = train(record)
    record.close()
    return home, run


@pytest.fixture
def record(tmp_path: Path, trained_once: tuple[Path, str]) -> Iterator[Record]:
    shutil.copytree(trained_once[0], tmp_path / "home")
    found = record_in(tmp_path / "home")
    yield found
    found.close()


@pytest.fixture
def trained(trained_once: tuple[Path, str]) -> str:
    return trained_once[1]


def train(record: Record) -> str:
    rng, settings = np.random.default_rng(0), record.settings
    maps = np.exp(rng.normal(27.0, 0.7, (16, 16, 16))).astype(np.float32)
    about = Description("tiny", "Mcdm", "(M☉/h)/(Mpc/h)²", 16.0, 0.0, 2, WCDM6)
    write_folder(settings.datasets / "tiny", [maps], 16, WCDM6.from_unit(rng.uniform(-1, 1, (8, 6))), about)
    config = validate_config(CONFIG)
    run = record.experiments.create(config, draft=True)
    run_training(config, settings.run_folder(run), settings.home, StopSwitch())
    record.journal.ingest(run, settings.run_folder(run))
    return run


def work(record: Record, job: str, *, shutting_down: bool = False) -> JobRow:
    claim = record.leases.claim(TRAIN, "worker-1")
    assert claim is not None
    assert claim.id == job
    run_job(Errand(record, claim, lambda: shutting_down))
    return record.jobs.get(job)


def test_a_benchmark_runs_as_a_job_and_its_result_is_an_artifact_of_the_run(record: Record, trained: str) -> None:
    before = record.experiments.change_token(trained)
    job = record.findings.request("sampler_benchmark", trained, maps=2)
    assert work(record, job, shutting_down=True).status is JobStatus.QUEUED  # goes back to the lane
    row = work(record, job)
    assert (row.status, row.message, row.done, row.total) == (JobStatus.SUCCEEDED, None, 1000, 1000)
    digest = record.findings.newest("sampler_benchmark", trained)
    assert digest is not None
    found = record.findings.found("sampler_benchmark", digest)
    assert {case["sampler"] for case in found["cases"]} == {"ddim", "ddpm", "heun", "dpmpp_2m"}
    assert len(found["cases"]) == found["cases_in_all"]
    assert (found["maps_each"], found["simulations"]) == (2, 4)
    assert record.experiments.change_token(trained) > before  # live pages look again

    (record.settings.run_folder(trained) / "truth.npz").unlink()
    row = work(record, record.findings.request("sampler_benchmark", trained))
    assert row.status is JobStatus.FAILED
    assert "truth.npz: is not there; a training run writes it at its start" in (row.message or "")
    assert record.findings.newest("sampler_benchmark", trained) == digest


def test_an_evaluation_runs_as_a_job_and_its_result_and_report_are_artifacts_of_the_run(
    record: Record, trained: str
) -> None:
    row = work(record, record.findings.request("evaluation", trained, n=2, split="validation"))
    assert (row.status, row.message, row.done, row.total) == (JobStatus.SUCCEEDED, None, 1000, 1000)
    digest = record.findings.newest("evaluation", trained)
    assert digest is not None
    found = record.findings.found("evaluation", digest)
    assert [each["name"] for each in found["statistics"]] == list(STATISTICS)
    assert found["settings"]["split"] == "validation"
    assert found["headline"]
    assert set(found["curves"]) <= set(STATISTICS)
    report = record.findings.newest("evaluation", trained, "report.html")
    assert report is not None
    assert b"<html" in record.artifacts.read(report)[:200]


NOT_EVALUATED: list[tuple[dict[str, Any], str]] = [
    ({"n": 0}, "n: 0 is not a whole number from 1 on."),
    ({"split": "all of it"}, "split: 'all of it' is unknown; known are test, validation, train, all."),
    ({"sampler": "magic"}, "sampler: 'magic' is unknown"),
    ({"steps": 200}, "steps: 200 are too many; DDIM takes 20 or fewer, all of diffusion.timesteps"),
    ({"sampler": "heun", "steps": 21}, "steps: 21 are too many; Heun takes 20 or fewer"),
    ({"sampler": "ddpm", "steps": 7}, "steps: is 7, but ddpm takes all 20 steps of the run's schedule"),
    ({"sampler": "euler"}, "sampler: euler is not available for method diffusion; use ddim"),
    ({"level": 1}, "level: is not an argument of an evaluation"),
]


def test_what_cannot_be_evaluated_is_refused_when_it_is_asked_for(record: Record, trained: str) -> None:
    for wrong, sentence in NOT_EVALUATED:
        with pytest.raises(UserError, match=re.escape(sentence)):
            record.findings.request("evaluation", trained, **wrong)
    assert record.jobs.every() == []
