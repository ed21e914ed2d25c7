"""`focus-lab ask` files the same request as a page's form."""

from __future__ import annotations

from pathlib import Path

import pytest

from focus_store.contracts import JobStatus
from focus_store.record.record import open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate
from worker.laboratory.command import main


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOCUS_HOME", str(tmp_path))
    migrate(Settings.from_environment().database_url)
    return tmp_path


def test_a_job_is_asked_for_by_its_kind_and_arguments(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "simulate", "name=small", "simulations=8", "grid=16", "box=16"]) == 0
    job_id = capsys.readouterr().out.partition(":")[0]
    record = open_record(Settings.from_environment())
    job = record.jobs.get(job_id)
    record.close()
    assert (job.kind, job.status, job.total) == ("simulate", JobStatus.QUEUED, 8)
    assert (job.arguments["grid"], job.arguments["box"], job.arguments["seed"]) == (16, 16.0, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simulate", "name=a b"], "name: 'a b' cannot name a dataset"),
        (["simulate", "name=small", "boxes=3"], "boxes: is not an argument of a simulation"),
        (["simulate", "small"], "small: is not an argument of a job; give NAME=VALUE."),
        (["sampler_benchmark", "experiment=nothing1"], "experiment nothing1"),
        (["sampler_benchmark"], "experiment: is missing"),
    ],
)
def test_a_mistake_is_one_line_as_on_the_page(
    home: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("focus-lab ask: ")
    assert words in error
    assert error.count("\n") == 1
