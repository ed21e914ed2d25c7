"""Whatever a worker or `focus-lab` shall write at the end of long work is asked for before it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prepared_record import SmallLaboratory, copy_filled
from read_only import make_read_only

from focus_core.catalogue.jobs import job_kinds
from focus_store.contracts import JobStatus, SampleSpec, Status
from focus_store.queue import SAMPLE, TRAIN
from focus_store.record.record import open_record
from focus_store.settings import Settings
from worker.consumer import tasks
from worker.laboratory.command import main

THETA = (0.3, 0.05, 0.7, 1.0, 1.02, -1.0)


@pytest.fixture
def small(filled_once: SmallLaboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallLaboratory]:
    monkeypatch.setenv("FOCUS_HOME", str(tmp_path / "home"))
    shutil.copytree(filled_once.home, tmp_path / "home")
    record = open_record(Settings.from_environment())
    laboratory = copy_filled(filled_once, record)
    record.leases.claim(TRAIN, "elsewhere")  # the queued one
    yield laboratory
    record.close()


def _train(small: SmallLaboratory) -> str:
    small.record.experiments.resume(small.failed)
    return small.failed


# What is asked for, its lane, and the folders of the laboratory without which its end could not be written down.
ASKED: dict[str, tuple[Callable[[SmallLaboratory], str], str, tuple[str, ...]]] = {
    "simulate": (lambda s: s.record.jobs.request_simulation({"name": "new"}), TRAIN, ("datasets", "artifacts")),
    "add_dataset": (
        lambda s: s.record.jobs.request("add_dataset", {"name": "new", "path": str(s.home)}),
        SAMPLE, ("datasets", "artifacts", "work"),
    ),
    "sampler_benchmark": (
        lambda s: s.record.findings.request("sampler_benchmark", s.finished), TRAIN, ("artifacts", "runs"),
    ),
    "evaluation": (lambda s: s.record.findings.request("evaluation", s.finished), TRAIN, ("artifacts", "runs")),
    "training": (_train, TRAIN, ("runs", "artifacts")),
    "sample": (lambda s: s.record.samples.request(SampleSpec(s.finished, THETA, n=2, seed=9)), SAMPLE, ("artifacts",)),
}  # fmt: skip
CASES = [(what, folder) for what, (_, _, folders) in ASKED.items() for folder in folders]


def test_every_kind_of_work_stands_here() -> None:
    assert set(ASKED) == {*job_kinds(), "training", "sample"}


@pytest.mark.parametrize(("what", "folder"), CASES)
def test_work_whose_end_could_not_be_written_down_fails_before_it_begins(
    small: SmallLaboratory, what: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, lane, _ = ASKED[what]
    record, wanted = small.record, ask(small)
    (small.home / folder).mkdir(exist_ok=True)
    make_read_only(small.home / folder, monkeypatch)
    monkeypatch.setattr("worker.jobs.child.spawn", _begun)
    monkeypatch.setattr("worker.jobs.sampling.load_run", _begun)
    monkeypatch.setattr("worker.jobs.child.running_in", lambda *_: [])
    worker = SimpleNamespace(record=record, row=SimpleNamespace(id="worker-1", lane=lane))
    monkeypatch.setattr(tasks.presence, "this_worker", lambda: worker)
    monkeypatch.setattr(tasks.presence, "shutting_down", lambda: False)
    assert tasks._work_on_next(lane)
    status, message = _ended(small, what, wanted)
    assert status in (Status.FAILED, JobStatus.FAILED)
    assert message is not None
    assert message.startswith(f"FOCUS_HOME: {small.home / folder}")
    assert message.endswith("cannot be written (Read-only file system); make it writable, then resume.")


def _begun(*_: Any, **__: Any) -> None:
    raise AssertionError("its work began")


def _ended(small: SmallLaboratory, what: str, wanted: str) -> tuple[str, str | None]:
    record = small.record
    if what == "training":
        summary = record.experiments.get(wanted).summary
        return summary.status, summary.message
    row = record.samples.get(wanted) if what == "sample" else record.jobs.get(wanted)
    return row.status, row.message


# The words of `focus-lab`, where nobody can write, and where its work begins.
COMMANDS: dict[str, tuple[list[str], str, str]] = {
    "export": (["export", "--all", "--out", "ELSEWHERE"], "ELSEWHERE", "focus_store.moving.exports._write"),
    "import": (["import", "RUN"], "HOME/runs", "focus_store.moving.imports.read_story"),
    "import into artifacts": (["import", "RUN"], "HOME/artifacts", "focus_store.moving.imports.read_story"),
    "copy-record": (
        ["copy-record", "--to", "sqlite:///ELSEWHERE/a.db"], "ELSEWHERE", "focus_store.moving.copying._copy",
    ),
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_laboratory_says_so_before_its_work(
    small: SmallLaboratory,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words, folder, work = COMMANDS[command]
    elsewhere, run = tmp_path / "elsewhere", small.record.settings.run_folder(small.finished)
    elsewhere.mkdir()

    def placed(word: str) -> str:
        return word.replace("ELSEWHERE", str(elsewhere)).replace("HOME", str(small.home)).replace("RUN", str(run))

    make_read_only(Path(placed(folder)), monkeypatch)
    monkeypatch.setattr(work, _begun)
    assert main([placed(word) for word in words]) == 2
    assert "cannot be written (Read-only file system)" in capsys.readouterr().err
