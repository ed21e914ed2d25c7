"""A whole record goes into another database, row by row, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from private_database import ServerPool
from sqlalchemy import select, text

from focus_core.config.experiment import ExperimentConfig
from focus_core.errors import UserError
from focus_store.contracts import SampleSpec, Status, WorkerRow
from focus_store.database.engine import make_engine
from focus_store.database.tables import Base, Experiment
from focus_store.journal.points import points_digest
from focus_store.moving import copying
from focus_store.moving.copying import copy_record
from focus_store.queue import TRAIN
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate, migrate_down

Rows = dict[str, list[str]]


@pytest.fixture
def source(tmp_path: Path, migrated_file: Path) -> Iterator[Record]:
    """A record on SQLite, the one to leave."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(migrated_file, home / "focus.db")
    found = open_record(Settings.from_environment({"FOCUS_HOME": str(home)}))
    yield found
    found.close()


@pytest.fixture
def filled(source: Record, config: ExperimentConfig, write_journal: Any, write_figures: Any) -> Record:
    """Rows in every table that refers to another: a child before its parent by id, a journal, a sample, a job."""
    parent = source.experiments.create(config)
    for _ in range(4):  # ids are drawn at random: some child sorts before its parent
        source.experiments.create(config, parent=parent, tags=["Ω", "b"])
    claim = source.leases.claim(TRAIN, "host:1")
    assert claim is not None
    folder = source.settings.run_folder(claim.id)
    at = {"epoch": 1, "step": 4}
    saved = {"role": "best", "path": "c.pt", "bytes": 3, "sha256": "a" * 64, "val_loss": 0.1}
    steps = [(1, "step", {"step": s, "epoch": s / 4, "loss": 1 / s, "lr": 1e-4, "grad_norm": 0.5}) for s in range(1, 9)]
    started = (1, "run_started", {"epoch": 0, "step": 0, "device": "cpu"})
    write_journal(folder, [started, *steps, (1, "checkpoint", at | saved), *write_figures(folder, 1)])
    source.journal.ingest(claim.id, folder)
    with source.database.writing() as session:  # what older versions let in and PostgreSQL does not hold
        session.get_one(Experiment, claim.id).log_tail = "a hole \0 in a log"
    source.samples.request(SampleSpec(claim.id, (0.3, 0.05, 0.7, 1.0, 0.8, -1.0), n=1, seed=5, steps=2))
    source.jobs.request_simulation({"name": "suite"})
    source.leases.release(claim, Status.CRASHED, "crashed", "its machine burnt")
    return source


def contents(database_url: str) -> Rows:
    """Every row of every table, NUL read as the sign that stands for what cannot be read."""
    engine = make_engine(database_url, writes=False)
    with engine.connect() as connection:
        found = {
            t.name: sorted(map(repr, map(tuple, connection.execute(select(t))))) for t in Base.metadata.sorted_tables
        }
    engine.dispose()
    return {name: [row.replace("\\x00", "\ufffd") for row in rows] for name, rows in found.items()}


class TestCopy:
    @pytest.fixture(params=["sqlite", "postgresql"])
    def target(self, request: pytest.FixtureRequest, tmp_path: Path, server_pool: ServerPool) -> str:
        """A database without a single table."""
        if request.param == "postgresql":
            return server_pool.new_database(migrated=False)
        return f"sqlite:///{tmp_path / 'copy.db'}"

    def test_every_row_arrives_and_the_copy_goes_on(
        self, filled: Record, target: str, monkeypatch: pytest.MonkeyPatch, config: ExperimentConfig
    ) -> None:
        monkeypatch.setattr(copying, "BATCH", 3)  # several batches a table
        done = copy_record(filled.settings, target, migrate)
        expected = contents(filled.settings.database_url)
        assert contents(target) == expected
        assert dict(done.rows) == {name: len(rows) for name, rows in expected.items()}
        assert done.rows["experiment"] == 5
        assert done.rows["metric_point"] == 25

        # The copy is a record like any other: its own numbers do not meet those that came.
        copy = open_record(replace(filled.settings, database_url=target))
        claim = copy.leases.claim(TRAIN, "host:2")
        assert claim is not None
        run = copy.settings.run_folder(copy.experiments.find(status=Status.CRASHED)[0].id)
        with copy.database.reading() as session, filled.database.reading() as other:
            assert points_digest(session, run.name) == points_digest(other, run.name)
        with copy.database.writing() as session:
            session.get_one(Experiment, run.name).journal_offset = 0
        assert copy.journal.ingest(run.name, run) > 0, "a replay meets the series that came"
        assert copy.experiments.create(config, parent=run.name)
        copy.close()

    def test_a_target_with_rows_is_refused_and_left_alone(
        self, filled: Record, target: str, config: ExperimentConfig
    ) -> None:
        migrate(target)
        other = open_record(replace(filled.settings, database_url=target))
        other.experiments.create(config, draft=True)
        other.close()
        before = contents(target)
        with pytest.raises(UserError, match="has rows already; name an empty database"):
            copy_record(filled.settings, target, migrate)
        assert contents(target) == before

    def test_a_copy_that_differs_is_not_kept(
        self, filled: Record, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def forget_a_point(writer: Any, table: Any) -> None:
            if table.name == "metric_point":
                writer.execute(text("DELETE FROM metric_point WHERE step = 3"))

        monkeypatch.setattr(copying, "_correct_sequence", forget_a_point)
        with pytest.raises(RuntimeError, match="metric_point: 22 rows arrived of 25"):
            copy_record(filled.settings, target, migrate)
        assert not any(contents(target).values())


def test_a_record_that_is_written_to_is_refused(source: Record, tmp_path: Path) -> None:
    source.workers.beat(WorkerRow("host:1:train", "host", "train", 1, "cpu", heartbeat_age=0.0, current=None))
    with pytest.raises(UserError, match=r"1 workers write to it.*focus-lab down"):
        copy_record(source.settings, f"sqlite:///{tmp_path / 'copy.db'}", migrate)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("nonsense", "is not a database's address"),
        ("mysql://host/focus", "mysql is not supported"),
        ("postgresql+psycopg://nobody@127.0.0.1:1/focus", "cannot be used"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_sentence(source: Record, address: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as refusal:
        copy_record(source.settings, address, migrate)
    assert len(str(refusal.value).splitlines()) == 1


def test_the_record_itself_is_no_target(source: Record) -> None:
    with pytest.raises(UserError, match="is the record itself"):
        copy_record(source.settings, source.settings.database_url, migrate)


@pytest.mark.parametrize("older", ["source", "target"])
def test_another_revision_is_refused(source: Record, tmp_path: Path, older: str) -> None:
    target = f"sqlite:///{tmp_path / 'copy.db'}"
    migrate(target)
    migrate_down(target if older == "target" else source.settings.database_url, "-1")
    with pytest.raises(UserError, match=r"is of revision \d+, but this version of FOCUS needs.*focus-lab migrate"):
        copy_record(source.settings, target, migrate)
