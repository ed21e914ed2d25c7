"""The migrations make the very tables that the code uses, up and down, with data in them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from waiting import patience

from focus_core.config.experiment import ExperimentConfig
from focus_core.errors import UserError
from focus_store.contracts import WorkerRow
from focus_store.database.engine import NETWORK_FILE_SYSTEMS, make_engine
from focus_store.database.tables import REVISION, Base
from focus_store.record.record import Record
from focus_store.settings import Settings
from migrations.upgrade import head, known_revisions, migrate, migrate_down

EXPECTED_INDEXES = {
    "ix_event_subject_id",
    "ix_experiment_config_digest",
    "ix_experiment_created_at",
    "ix_experiment_dataset",
    "ix_experiment_param_key_number",
    "ix_experiment_status_queued_at",
    "ix_job_status_queued_at",
    "ix_sample_request_experiment_created_at",
    "ix_sample_request_request_digest",
    "ix_sample_request_status_queued_at",
}


class TestMigrations:
    def test_models_and_migrations_agree(self, settings: Settings) -> None:
        with make_engine(settings.database_url, writes=False).connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []

    def test_the_code_knows_the_newest_revision(self) -> None:
        assert head() == REVISION

    def test_every_expected_index_exists(self, settings: Settings) -> None:
        with make_engine(settings.database_url, writes=False).connect() as connection:
            inspector = inspect(connection)
            found = {index["name"] for table in inspector.get_table_names() for index in inspector.get_indexes(table)}
        assert found >= EXPECTED_INDEXES

    def test_points_are_stored_without_row_numbers_on_sqlite(self, settings: Settings) -> None:
        if not settings.database_url.startswith("sqlite"):
            return
        with make_engine(settings.database_url, writes=False).connect() as connection:
            ddl = connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = 'metric_point'"))
        assert "WITHOUT ROWID" in ddl

    def test_migrating_twice_keeps_what_is_there(
        self, settings: Settings, record: Record, config: ExperimentConfig
    ) -> None:
        row_id = record.experiments.create(config, tags=["kept"])
        assert migrate(settings.database_url) == (REVISION, REVISION)
        assert record.experiments.get(row_id).summary.tags == ("kept",)

    def test_down_and_up_again_with_data(self, settings: Settings, record: Record, config: ExperimentConfig) -> None:
        record.experiments.create(config)
        record.jobs.request_simulation({"name": "quick"})
        record.close()
        assert migrate_down(settings.database_url, "base") == (REVISION, None)
        with pytest.raises(UserError, match="focus-lab migrate"):
            record.experiments.find()
        assert migrate(settings.database_url) == (None, REVISION)
        assert record.experiments.find() == []

    def test_through_every_revision_and_back_the_first_one_s_rows_are_kept(
        self, settings: Settings, record: Record, config: ExperimentConfig
    ) -> None:
        row_id = record.experiments.create(config, tags=["kept"])
        record.workers.beat(WorkerRow("host:1:train", "host", "train", 1, "a GPU", 0.0, None, slot="GPU-1"))
        record.close()
        for revision in sorted(known_revisions() - {REVISION}, reverse=True):
            assert migrate_down(settings.database_url, revision)[1] == revision
        with make_engine(settings.database_url, writes=False).connect() as connection:
            assert connection.scalar(text("SELECT id FROM experiment")) == row_id
            assert connection.scalar(text("SELECT id FROM worker")) == "host:1:train"
        for revision in sorted(known_revisions() - {"0001"}):
            assert migrate(settings.database_url, revision)[1] == revision
        assert record.experiments.get(row_id).summary.tags == ("kept",)
        # The row itself: the state leaves out a worker that has been silent for two leases, and migrating took time.
        with make_engine(settings.database_url, writes=False).connect() as connection:
            assert connection.execute(text("SELECT id, slot FROM worker")).all() == [("host:1:train", None)]

    def test_migrating_works_from_any_folder(self, tmp_path: Path) -> None:
        environment = {**os.environ, "FOCUS_HOME": str(tmp_path / "a home"), "FOCUS_DATABASE_URL": ""}
        command = [sys.executable, "-m", "worker.laboratory.command", "migrate"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        assert f"revision {REVISION}, new" in " ".join(done.stdout.split())
        assert (tmp_path / "a home" / "focus.db").exists()


def journal_mode(url: str) -> str:
    with make_engine(url, writes=True).begin() as connection:
        return str(connection.scalar(text("PRAGMA journal_mode")))


class TestSqlite:
    def test_a_local_record_uses_the_write_ahead_log(self, settings: Settings) -> None:
        if settings.database_url.startswith("sqlite"):
            with make_engine(settings.database_url, writes=True).begin() as connection:
                assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
                assert connection.scalar(text("PRAGMA foreign_keys")) == 1

    def test_a_record_on_a_network_file_system_does_not(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("focus_store.database.engine.network_file_system", lambda path: "nfs4")
        with make_engine(f"sqlite:///{tmp_path / 'far.db'}", writes=True).begin() as connection:
            assert connection.scalar(text("PRAGMA journal_mode")) == "delete"
        assert "nfs4" in NETWORK_FILE_SYSTEMS

    def test_whoever_opens_a_new_record_while_another_writes_its_first_tables_waits(self, tmp_path: Path) -> None:
        file = tmp_path / "new.db"
        with closing(sqlite3.connect(file, isolation_level=None)) as first, ThreadPoolExecutor(1) as threads:
            first.execute("BEGIN IMMEDIATE")
            first.execute("CREATE TABLE t (a)")
            second = threads.submit(journal_mode, f"sqlite:///{file}")
            with pytest.raises(TimeoutError):
                second.result(timeout=0.5)
            first.execute("COMMIT")
            assert second.result(timeout=patience(30)) == "wal"

    def test_a_reader_does_not_wait_for_a_writer(self, record: Record, config: ExperimentConfig) -> None:
        row_id = record.experiments.create(config)
        with record.database.writing() as session:
            session.execute(text("UPDATE experiment SET notes = 'unfinished'"))
            assert record.experiments.get(row_id).notes == ""
        assert record.experiments.get(row_id).notes == "unfinished"
