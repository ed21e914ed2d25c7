"""Folders that were trained elsewhere enter the record whole, once, and leave it again as files."""

from __future__ import annotations

import csv
import datetime
import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from focus_core.config.experiment import ExperimentConfig, to_yaml
from focus_core.errors import UserError
from focus_core.run_files import RUN_FILES
from focus_store.contracts import DesiredState, Status
from focus_store.database.tables import Base
from focus_store.journal.points import points
from focus_store.moving.export_tables import write_csv, write_parquet
from focus_store.moving.exports import export_run
from focus_store.moving.imports import Change, import_run
from focus_store.queue import TRAIN
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate
from worker.laboratory.command import main

Event = tuple[int, str, dict[str, Any]]
Folder = Callable[..., Path]


def started(attempt: int, step: int = 0) -> Event:
    fields = {"epoch": step // 4, "step": step, "num_epochs": 4, "steps_per_epoch": 4, "parameters": 7, "device": "cpu"}
    return attempt, "run_started", fields


def epoch(attempt: int, number: int) -> list[Event]:
    """Four steps, the checkpoint and the epoch's own line."""
    first = 4 * number - 3
    told: list[Event] = [
        (attempt, "step", {"step": s, "epoch": s / 4, "loss": attempt + s / 7, "lr": 1e-4, "grad_norm": 0.5})
        for s in range(first, first + 4)
    ]
    at = {"epoch": number, "step": 4 * number}
    told.append((attempt, "epoch", at | {"train_loss": 0.9, "val_loss": 1 / number, "seconds": 2.0, "elapsed": 2.0}))
    saved = {"path": "checkpoints/checkpoint_last.pt", "bytes": 10, "sha256": str(number) * 64, "role": "last"}
    return [*told, (attempt, "checkpoint", at | saved)]


def ended(attempt: int, reason: str, message: str = "") -> Event:
    return attempt, "run_ended", {"epoch": 2, "step": 8, "reason": reason, "message": message}


@pytest.fixture
def trained(tmp_path: Path, config: ExperimentConfig, write_journal: Any, write_figures: Any) -> Callable[..., Path]:
    """`trained(events, torn="", name="run")`: a run's folder as `focus train` leaves it on another machine."""

    def make(events: list[Event], torn: str = "", name: str = "run") -> Path:
        folder = tmp_path / "elsewhere" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(to_yaml(config))
        facts = {"host": "far.example", "config": config.to_dict(), "dataset": {"digest": "sha256:there", "grid": 8}}
        (folder / "environment.json").write_text(json.dumps(facts))
        (folder / "checkpoints").mkdir(exist_ok=True)
        (folder / "checkpoints" / "checkpoint_last.pt").write_bytes(b"0123456789")
        (folder / "checkpoints" / "checkpoint_best.pt").unlink(missing_ok=True)
        (folder / "checkpoints" / "checkpoint_best.pt").hardlink_to(folder / "checkpoints" / "checkpoint_last.pt")
        (folder / "dataset-of-terabytes.npy").write_bytes(b"not of the run")
        write_journal(folder, [*events, *write_figures(folder, 1)] if events[-1][1] == "epoch" else events, torn)
        (folder / "logs" / "training.log").write_text("epoch 1/4\n\0 a log with a hole\n")
        return folder

    return make


@pytest.fixture
def finished(trained: Folder, write_figures: Any) -> Path:
    folder = trained([started(1)])
    events = [started(1), *epoch(1, 1), *write_figures(folder, 1), *epoch(1, 2), ended(1, "finished")]
    return trained(events)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Record]:
    """Another record, with nothing in it."""
    settings = Settings.from_environment({"FOCUS_HOME": str(tmp_path / "other home")})
    migrate(settings.database_url)
    found = open_record(settings)
    yield found
    found.close()


def everything(record: Record) -> dict[str, list[Any]]:
    with record.database.reading() as session:
        return {t.name: sorted(map(repr, session.execute(select(t)).all())) for t in Base.metadata.sorted_tables}


class TestImport:
    def test_every_point_figure_and_checkpoint_arrives(self, record: Record, finished: Path) -> None:
        done = import_run(record, finished)
        assert (done.change, done.status, done.figures, done.checkpoints) == (Change.NEW, Status.SUCCEEDED, 1, 2)
        assert done.warnings == ()
        with record.database.reading() as session:
            found = {(p.key, p.split, p.step): p.value for p in points(session, done.id)}
        assert len(found) == done.points == 8 * 3 + 2 * 4 + 1
        assert [found["loss", "train", step] for step in range(1, 9)] == [1 + step / 7 for step in range(1, 9)]
        assert found["loss", "validation", 8] == 0.5
        detail = record.experiments.get(done.id)
        assert (detail.summary.name, detail.summary.epoch, detail.summary.best_val_loss) == ("Λ run", 2, 0.5)
        assert [(a.number, a.host, a.reason) for a in detail.attempts] == [(1, "far.example", "finished")]
        assert detail.environment["dataset"]["digest"] == "sha256:there"
        assert "a log with a hole" in detail.log_tail
        assert [(e.after, e.who) for e in record.experiments.events(done.id)] == [(Status.SUCCEEDED, "import")]
        assert record.figures.at(done.id, 1).generated_tiles

    def test_the_folder_is_copied_without_what_is_not_of_the_run(self, record: Record, finished: Path) -> None:
        copy = record.settings.run_folder(import_run(record, finished).id)
        assert not copy.is_symlink()
        assert not (copy / "dataset-of-terabytes.npy").exists()
        best, last = (copy / "checkpoints" / f"checkpoint_{role}.pt" for role in ("best", "last"))
        assert best.read_bytes() == b"0123456789"
        assert best.samefile(last), "two names of one file stay one file"

    def test_a_link_leaves_the_folder_where_it_is(self, record: Record, finished: Path) -> None:
        done = import_run(record, finished, link=True)
        assert record.settings.run_folder(done.id).resolve() == finished
        assert import_run(record, finished, link=True).change is Change.NOTHING

    def test_a_second_import_changes_nothing_and_says_so(self, record: Record, finished: Path) -> None:
        first = import_run(record, finished)
        before = everything(record)
        second = import_run(record, finished)
        assert second == replace(first, change=Change.NOTHING)
        shutil.move(finished, finished.with_name("moved"))
        assert import_run(record, finished.with_name("moved")).id == first.id
        assert everything(record) == before

    @pytest.mark.parametrize(
        ("ending", "status"),
        [("stopped", Status.PAUSED), ("failed", Status.FAILED), ("finished", Status.SUCCEEDED), (None, Status.CRASHED)],
    )
    def test_its_state_is_how_the_journal_ends(
        self, record: Record, trained: Folder, ending: str | None, status: Status
    ) -> None:
        events = [started(1), *epoch(1, 1), started(2, 4), *epoch(2, 2)]
        done = import_run(record, trained([*events, *([ended(2, ending, "disk full")] if ending else [])]))
        detail = record.experiments.get(done.id)
        assert detail.summary.status is done.status is status
        assert [(a.number, a.reason) for a in detail.attempts] == [(1, "crashed"), (2, ending or "crashed")]
        assert detail.summary.attempts == 2, "the next attempt is the third"
        assert (detail.summary.message == "disk full") is (status is Status.FAILED)

    def test_a_crashed_run_waits_for_a_person_and_is_then_resumed(self, record: Record, trained: Folder) -> None:
        done = import_run(record, trained([started(1), *epoch(1, 1)]))
        assert record.leases.requeue_crashed() == []
        record.experiments.request(done.id, DesiredState.RUN)
        claim = record.leases.claim(TRAIN, "host:1")
        assert claim is not None
        assert (claim.id, claim.attempt) == (done.id, 2)

    def test_what_it_did_since_comes_with_the_next_import(self, record: Record, trained: Folder) -> None:
        events = [started(1), *epoch(1, 1), ended(1, "stopped")]
        first = import_run(record, trained(events))
        events += [started(2, 4), *epoch(2, 2), ended(2, "finished")]
        second = import_run(record, trained(events))
        assert (second.id, second.change, second.status) == (first.id, Change.GROWN, Status.SUCCEEDED)
        assert second.points > first.points
        assert [a.reason for a in record.experiments.get(first.id).attempts] == ["stopped", "finished"]
        moves = [(e.before, e.after) for e in reversed(record.experiments.events(first.id))]
        assert moves[-1] == ("starting", "succeeded")
        assert import_run(record, trained(events)).change is Change.NOTHING

    def test_a_folder_that_went_another_way_is_refused(self, record: Record, trained: Folder) -> None:
        start = [started(1), *epoch(1, 1), ended(1, "stopped")]
        done = import_run(record, trained(start))
        ours = record.settings.run_folder(done.id) / "logs" / "events.jsonl"
        ours.write_text(ours.read_text() + '{"resumed": "here"}\n')
        before = everything(record)
        with pytest.raises(UserError, match="gone on differently"):
            import_run(record, trained([*start, started(2, 4), *epoch(2, 2)]))
        assert everything(record) == before

    def test_a_run_of_this_very_record_is_known(self, record: Record, config: Any, trained: Folder) -> None:
        own = record.experiments.create(config)
        folder = trained([started(1), *epoch(1, 1), ended(1, "finished")])
        shutil.copytree(folder, record.settings.run_folder(own))
        assert record.leases.claim(TRAIN, "host:1") is not None
        record.journal.ingest(own, record.settings.run_folder(own))
        assert import_run(record, folder).id == own

    def test_a_lost_database_is_made_again_from_the_folders(self, record: Record, trained: Folder) -> None:
        folder = record.settings.run_folder("abcd1234")
        shutil.copytree(trained([started(1), *epoch(1, 1), ended(1, "finished")]), folder)
        assert import_run(record, folder).id == "abcd1234"
        assert folder.is_dir()

    def test_an_import_that_was_interrupted_is_finished_by_the_next(
        self, record: Record, finished: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def break_off(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(type(record.journal), "ingest", break_off)
            with pytest.raises(KeyboardInterrupt):
                import_run(record, finished)
        done = import_run(record, finished)
        assert (done.status, done.points, done.figures) == (Status.SUCCEEDED, 33, 1)
        assert [a.reason for a in record.experiments.get(done.id).attempts] == ["finished"]


# The folder decides before any database is asked, so one of them is enough.
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
class TestBadFolders:
    def test_a_torn_last_line_is_left_out_with_a_warning(self, record: Record, trained: Folder) -> None:
        done = import_run(record, trained([started(1), *epoch(1, 1)], torn='{"seq": 7, "ti'))
        (warning,) = [text for text in done.warnings if "last line" in text]
        assert "events.jsonl: its last line is incomplete" in warning
        assert (done.status, done.points) == (Status.CRASHED, 16)

    @pytest.mark.parametrize("line", ['{"seq": 3, "ti', "[]", '{"seq": 3, "time": "x", "attempt": 1, "kind": "step"}'])
    def test_a_broken_line_in_the_middle_is_refused_by_file_and_line(
        self, record: Record, finished: Path, line: str
    ) -> None:
        journal = finished / "logs" / "events.jsonl"
        lines = journal.read_text().splitlines()
        lines[3] = line
        journal.write_text("\n".join(lines) + "\n")
        with pytest.raises(UserError) as refusal:
            import_run(record, finished)
        assert f"{journal}, line 4: " in str(refusal.value)
        assert "delete that line" in str(refusal.value)
        assert record.laboratory.is_empty()
        assert not list(record.settings.runs.glob("*"))
        # As the sentence says: without the line it can be imported, and the gap is told.
        del lines[3]
        journal.write_text("\n".join(lines) + "\n")
        done = import_run(record, finished)
        assert "from event 2 to event 4" in done.warnings[0]
        assert done.points == 30

    def test_lost_arrays_and_checkpoints_are_told(self, record: Record, finished: Path) -> None:
        (finished / "figs" / "samples_1.npz").unlink()
        (finished / "checkpoints" / "checkpoint_last.pt").unlink()
        done = import_run(record, finished)
        assert done.figures == 0
        assert len(done.warnings) == 2
        assert "1 of 2 figures cannot be shown" in done.warnings[0]
        assert "the run cannot be resumed" in done.warnings[1]

    @pytest.mark.parametrize(
        ("remove", "sentence"),
        [
            ("logs/events.jsonl", "has no logs/events.jsonl"),
            (".", "is not a folder"),
            ("config.yaml environment.json", "neither environment.json nor config.yaml"),
        ],
    )
    def test_a_folder_that_is_not_a_runs_is_one_sentence(
        self, record: Record, finished: Path, remove: str, sentence: str
    ) -> None:
        for name in remove.split():
            path = finished / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        with pytest.raises(UserError, match=sentence):
            import_run(record, finished)
        assert record.laboratory.is_empty()

    def test_a_run_that_is_being_trained_is_refused(self, record: Record, trained: Folder) -> None:
        folder = trained([started(1), *epoch(1, 1)])
        with (folder / "logs" / "trainer.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(UserError, match="is writing there"):
                import_run(record, folder)
        assert import_run(record, folder).change is Change.NEW

    def test_a_journal_that_grew_a_moment_ago_elsewhere_needs_a_word(self, record: Record, trained: Folder) -> None:
        folder = trained([started(1), *epoch(1, 1)])
        journal, now = folder / "logs" / "events.jsonl", datetime.datetime.now(datetime.UTC)
        journal.write_text(journal.read_text().replace("2025-01-01T00:00:00.000000+00:00", now.isoformat()))
        with pytest.raises(UserError, match=r"on far.example, so a training run may be running there.*--ended"):
            import_run(record, folder)
        assert import_run(record, folder, ended=True).status is Status.CRASHED


class TestExport:
    @pytest.mark.parametrize(("write", "suffix"), [(write_csv, "csv"), (write_parquet, "parquet")])
    def test_an_export_holds_every_point_and_comes_back_the_same(
        self, record: Record, empty: Record, finished: Path, tmp_path: Path, write: Any, suffix: str
    ) -> None:
        first = import_run(record, finished)
        record.notes.set(first.id, "a note")
        done = export_run(record, first.id, tmp_path / "out", write)
        assert (done.points, done.digest, done.warnings) == (first.points, first.digest, ())
        rows = read_table(done.folder / f"points.{suffix}")
        with record.database.reading() as session:
            expected = [(p.attempt, p.key, p.split, p.step, p.value) for p in points(session, first.id)]
        found = [(int(r["attempt"]), r["key"], r["split"], int(r["step"]), float(r["value"])) for r in rows]
        assert found == expected, "to the last bit"
        assert {row["time"] for row in rows} == {"2025-01-01T00:00:00.000000+00:00"}
        spectra = read_table(done.folder / f"spectra.{suffix}")
        assert len(spectra) == done.curves == (4 * 3 + 4) * 4
        assert {(row["k_unit"], row["power_unit"]) for row in spectra} == {("h/Mpc", "(Mpc/h)²")}

        back = import_run(empty, done.folder)
        assert (back.id, back.digest, back.figures, back.change) == (first.id, first.digest, 1, Change.NEW)
        assert empty.experiments.get(back.id).notes == "a note"
        assert any("checkpoint_last.pt: is not there" in warning for warning in back.warnings)

    def test_a_file_of_every_kind_comes_back_through_the_commands(
        self, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FOCUS_DATABASE_URL", "")
        write_one_of_every_kind(finished)
        (finished / "mine.txt").write_text("a person's own")
        monkeypatch.setenv("FOCUS_HOME", str(tmp_path / "there"))
        assert main(["import", str(finished)]) == 0
        assert main(["export", "--all", "--checkpoints", "--out", str(tmp_path / "out")]) == 0
        (exported,) = (tmp_path / "out").iterdir()
        monkeypatch.setenv("FOCUS_HOME", str(tmp_path / "back"))
        assert main(["import", str(exported)]) == 0
        back = contents(tmp_path / "back" / "runs" / exported.name)
        stays = {"logs/trainer.lock", "mine.txt", "dataset-of-terabytes.npy"}
        assert back == {path: text for path, text in contents(finished).items() if path not in stays}

    def test_nothing_is_overwritten(self, record: Record, finished: Path, tmp_path: Path) -> None:
        done = import_run(record, finished)
        export_run(record, done.id, tmp_path / "out", write_csv, checkpoints=True)
        assert (tmp_path / "out" / done.id / "run" / "checkpoints" / "checkpoint_best.pt").is_file()
        with pytest.raises(UserError, match="choose another folder"):
            export_run(record, done.id, tmp_path / "out", write_csv)
        assert [path.name for path in (tmp_path / "out").iterdir()] == [done.id]


def write_one_of_every_kind(folder: Path) -> None:
    """Of each line of the list at least one file, also where the fixture wrote none."""
    for kind in RUN_FILES:
        path = folder / kind.pattern.replace("*", "one_of_these")
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_text(f"what {kind.writer} wrote to {kind.pattern}")
    (folder / "split.json").write_text('{"seed": 0}')
    (folder / "truth.npz").unlink()
    np.savez(folder / "truth.npz", theta=np.zeros((2, 6)))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read_table(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_commands_tell_what_they_did_and_refuse_in_one_sentence(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOCUS_HOME", str(tmp_path / "new home"))
    monkeypatch.delenv("FOCUS_DATABASE_URL", raising=False)
    assert main(["import", str(finished)]) == 0, "an import may be the first thing a person does"
    said = capsys.readouterr().out
    assert "is in the record now as" in said
    assert "33 points" in said
    assert main(["import", str(finished), str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert "stands unchanged in the record as" in captured.out
    assert captured.err.startswith(f"focus-lab import: {tmp_path}: has no logs/events.jsonl")
    assert len(captured.err.splitlines()) == 1
    assert main(["export", "--out", str(tmp_path / "out")]) == 2
    assert main(["export", "--all", "--out", str(tmp_path / "out"), "--format", "parquet"]) == 0
    assert main(["export", "00000000", "--out", str(tmp_path / "out")]) == 2
    captured = capsys.readouterr()
    assert "33 points" in captured.out
    assert "experiment 00000000: is not in this record" in captured.err


def test_an_export_of_nothing_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOCUS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FOCUS_DATABASE_URL", "")
    assert main(["migrate"]) == 0
    assert main(["export", "--all", "--out", str(tmp_path / "out")]) == 0
    assert "nothing was exported" in capsys.readouterr().out
