"""What is true of every kind of job, whichever are in the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from focus_core.catalogue.by_path import load
from focus_core.catalogue.jobs import DATASET, EXPERIMENT, PARTS, SAMPLE, TRAIN, JobKind, job_kind, job_kinds, kinds_in
from focus_core.errors import UserError

ARGUMENTS: dict[str, dict[str, Any]] = {
    "simulate": {"name": "quick"},
    "add_dataset": {"name": "tng", "path": "/data/tng"},
    "sampler_benchmark": {"experiment": "3x7k2m9q"},
    "evaluation": {"experiment": "3x7k2m9q", "n": 4},
}


@pytest.fixture(params=sorted(job_kinds()))
def kind(request: pytest.FixtureRequest) -> JobKind:
    return job_kind(request.param)


def test_every_kind_says_what_is_asked_of_it(kind: JobKind) -> None:
    assert kind.lane in (TRAIN, SAMPLE)
    assert kind.subject in (DATASET, EXPERIMENT)
    plain = kind.check(ARGUMENTS[kind.name])
    assert kind.check(plain) == plain, "what is in the record passes again"
    assert kind.title({"name": "tiny", **plain})
    assert kind.total(plain) >= 0
    words = kind.command(plain, Path("/place/of/run"))
    assert words[words.index("--out") + 1] == "/place/of/run", "what an earlier attempt left is found by its folder"


def test_what_needs_record_or_worker_is_there_by_its_path(kind: JobKind) -> None:
    assert callable(load(kind.admit))
    assert load(kind.work).__mro__[-2].__name__ == "JobWork"


def test_every_kind_waits_in_one_lane() -> None:
    assert sorted(kinds_in(TRAIN) + kinds_in(SAMPLE)) == sorted(job_kinds())


def test_an_unknown_kind_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UserError, match="known are add_dataset, evaluation, sampler_benchmark, simulate"):
        job_kind("dance")


def test_progress_is_two_numbers_in_a_file_and_unknown_before(tmp_path: Path) -> None:
    kind = job_kind("sampler_benchmark")
    assert kind.progress(tmp_path, PARTS) is None
    (tmp_path / "progress").write_text("250 1000\n")
    assert kind.progress(tmp_path, PARTS) == (250, 1000)


def test_a_suite_counts_its_simulations_on_disk(tmp_path: Path) -> None:
    kind = job_kind("simulate")
    assert kind.progress(tmp_path, 4) == (0, 4)
    (tmp_path / ".suite").mkdir()
    (tmp_path / ".suite" / "000.npy").touch()
    (tmp_path / ".suite" / "state.json").touch()
    assert kind.progress(tmp_path, 4) == (1, 4)
    (tmp_path / "dataset.yaml").touch()
    assert kind.progress(tmp_path, 4) == (4, 4)
