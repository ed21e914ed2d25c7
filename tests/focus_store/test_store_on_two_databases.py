"""What SQLite gives by locking the whole file, and PostgreSQL must give as well: races, slots, snapshots, revisions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from private_database import ServerPool
from racing import RACERS, race
from sqlalchemy import text
from waiting import await_condition

from focus_core.config.experiment import ExperimentConfig
from focus_store.database.engine import make_engine
from focus_store.database.session import UPDATE_COMMAND, RecordUnfit
from focus_store.database.tables import REVISION
from focus_store.queue import TRAIN
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings
from migrations.upgrade import UnknownRevisionError, migrate


def _claim(record: Record, i: int) -> str | None:
    claim = record.leases.claim(TRAIN, f"host:{i}")
    return None if claim is None else claim.id


def _take_slot(record: Record, i: int) -> str | None:
    return record.slots.take("host:0", "host", "a GPU", f"host:{i}:train")


def _simulate(record: Record, i: int) -> str:
    return record.jobs.request_simulation({"name": "pm", "simulations": 8})


class TestRaces:
    def test_as_many_workers_as_rows_all_get_one(self, record: Record, config: ExperimentConfig) -> None:
        """A loser of one row looks for another: its message was the only one that would have told of that row."""
        rows = [record.experiments.create(config) for _ in range(RACERS)]
        assert sorted(race(record, _claim)) == sorted(rows)

    def test_of_several_workers_that_want_one_gpu_exactly_one_gets_it(self, record: Record) -> None:
        tokens = race(record, _take_slot)
        assert sum(token is not None for token in tokens) == 1

    def test_a_suite_that_several_ask_for_at_the_same_moment_is_simulated_once(self, record: Record) -> None:
        jobs = race(record, _simulate)
        assert len(set(jobs)) == 1


class TestSlots:
    def test_a_slot_is_kept_by_renewing_it_and_given_back(self, record: Record) -> None:
        token = record.slots.take("GPU-1", "a", "H100", "a:1:train")
        assert token is not None
        assert record.slots.holder("GPU-1") == "a:1:train"
        assert record.slots.take("GPU-1", "b", "H100", "b:1:train") is None
        assert record.slots.take("GPU-2", "b", "H100", "b:1:train") is not None
        assert record.slots.keep("GPU-1", token)
        record.slots.leave("GPU-1", token)
        assert record.slots.holder("GPU-1") is None
        assert not record.slots.keep("GPU-1", token)
        assert record.slots.take("GPU-1", "b", "H100", "b:1:train") is not None

    def test_the_slot_of_a_silent_worker_falls_to_the_next_and_its_old_token_is_worth_nothing(
        self, record: Record
    ) -> None:
        old = record.slots.take("GPU-1", "a", "H100", "a:1:train")
        assert old is not None
        new = await_condition(lambda: record.slots.take("GPU-1", "b", "H100", "b:1:train"), "the lease to run out")
        assert not record.slots.keep("GPU-1", old)
        record.slots.leave("GPU-1", old)
        assert record.slots.holder("GPU-1") == "b:1:train"
        assert record.slots.keep("GPU-1", new)


class TestSnapshots:
    def test_a_reader_sees_one_moment_of_the_record(self, record: Record, config: ExperimentConfig) -> None:
        row_id = record.experiments.create(config)
        with record.database.reading() as session:
            before = session.scalar(text("SELECT notes FROM experiment"))
            record.notes.set(row_id, "changed in between")
            assert session.scalar(text("SELECT notes FROM experiment")) == before == ""
        assert record.experiments.get(row_id).notes == "changed in between"


class TestRevisions:
    def test_a_newer_record_is_refused_with_the_command_that_updates_focus(self, settings: Settings) -> None:
        with make_engine(settings.database_url, writes=True).begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(RecordUnfit, match=rf"revision 9999, which a newer.*knows revision {REVISION}") as refused:
            open_record(settings).experiments.find()
        assert refused.value.command == UPDATE_COMMAND
        assert str(refused.value).endswith(UPDATE_COMMAND)
        with pytest.raises(UnknownRevisionError, match="9999"):
            migrate(settings.database_url)

    def test_an_older_record_is_refused_with_the_command_that_migrates(self, settings: Settings) -> None:
        with make_engine(settings.database_url, writes=True).begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        with pytest.raises(RecordUnfit, match=rf"revision 0001.*needs revision {REVISION}; run: focus-lab migrate"):
            open_record(settings).experiments.find()

    @pytest.mark.parametrize("database", ["sqlite", "postgresql"])
    def test_of_two_that_migrate_at_once_one_waits_for_the_other(
        self, database: str, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        url = f"sqlite:///{tmp_path / 'new.db'}"
        if database == "postgresql":
            pool: ServerPool = request.getfixturevalue("server_pool")
            url = pool.new_database(migrated=False)
        with ThreadPoolExecutor(2) as threads:
            found = list(threads.map(lambda _: migrate(url), range(2)))
        assert sorted(found, key=str) == [(REVISION, REVISION), (None, REVISION)]
