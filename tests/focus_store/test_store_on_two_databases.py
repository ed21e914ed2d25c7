"""What SQLite gives by locking the whole file, and PostgreSQL must give as well: races, slots, snapshots, revisions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from private_database import ServerPool
from racing import RACERS, race
from sqlalchemy import text
from waiting import await_condition

from focus_core.config import ExperimentConfig
from focus_store.engine import make_engine
from focus_store.queue import TRAIN
from focus_store.repository import Repository
from focus_store.session import UPDATE_COMMAND, RecordUnfit, open_record
from focus_store.settings import Settings
from focus_store.tables import REVISION
from migrations.upgrade import UnknownRevisionError, migrate


def _claim(repository: Repository, i: int) -> str | None:
    claim = repository.claim(TRAIN, f"host:{i}")
    return None if claim is None else claim.id


def _take_slot(repository: Repository, i: int) -> str | None:
    return repository.take_slot("host:0", "host", "a GPU", f"host:{i}:train")


def _simulate(repository: Repository, i: int) -> str:
    return repository.request_simulation({"name": "pm", "simulations": 8})


class TestRaces:
    def test_as_many_workers_as_rows_all_get_one(self, repository: Repository, config: ExperimentConfig) -> None:
        """A loser of one row looks for another: its message was the only one that would have told of that row."""
        rows = [repository.create_experiment(config) for _ in range(RACERS)]
        assert sorted(race(repository, _claim)) == sorted(rows)

    def test_of_several_workers_that_want_one_gpu_exactly_one_gets_it(self, repository: Repository) -> None:
        tokens = race(repository, _take_slot)
        assert sum(token is not None for token in tokens) == 1

    def test_a_suite_that_several_ask_for_at_the_same_moment_is_simulated_once(self, repository: Repository) -> None:
        jobs = race(repository, _simulate)
        assert len(set(jobs)) == 1


class TestSlots:
    def test_a_slot_is_kept_by_renewing_it_and_given_back(self, repository: Repository) -> None:
        token = repository.take_slot("GPU-1", "a", "H100", "a:1:train")
        assert token is not None
        assert repository.slot_holder("GPU-1") == "a:1:train"
        assert repository.take_slot("GPU-1", "b", "H100", "b:1:train") is None
        assert repository.take_slot("GPU-2", "b", "H100", "b:1:train") is not None
        assert repository.keep_slot("GPU-1", token)
        repository.leave_slot("GPU-1", token)
        assert repository.slot_holder("GPU-1") is None
        assert not repository.keep_slot("GPU-1", token)
        assert repository.take_slot("GPU-1", "b", "H100", "b:1:train") is not None

    def test_the_slot_of_a_silent_worker_falls_to_the_next_and_its_old_token_is_worth_nothing(
        self, repository: Repository
    ) -> None:
        old = repository.take_slot("GPU-1", "a", "H100", "a:1:train")
        assert old is not None
        new = await_condition(lambda: repository.take_slot("GPU-1", "b", "H100", "b:1:train"), "the lease to run out")
        assert not repository.keep_slot("GPU-1", old)
        repository.leave_slot("GPU-1", old)
        assert repository.slot_holder("GPU-1") == "b:1:train"
        assert repository.keep_slot("GPU-1", new)


class TestSnapshots:
    def test_a_reader_sees_one_moment_of_the_record(self, repository: Repository, config: ExperimentConfig) -> None:
        row_id = repository.create_experiment(config)
        with repository.reading() as session:
            before = session.scalar(text("SELECT notes FROM experiment"))
            repository.set_notes(row_id, "changed in between")
            assert session.scalar(text("SELECT notes FROM experiment")) == before == ""
        assert repository.experiment(row_id).notes == "changed in between"


class TestRevisions:
    def test_a_newer_record_is_refused_with_the_command_that_updates_focus(self, settings: Settings) -> None:
        with make_engine(settings.database_url, writes=True).begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(RecordUnfit, match=rf"revision 9999, which a newer.*knows revision {REVISION}") as refused:
            open_record(settings).list_experiments()
        assert refused.value.command == UPDATE_COMMAND
        assert str(refused.value).endswith(UPDATE_COMMAND)
        with pytest.raises(UnknownRevisionError, match="9999"):
            migrate(settings.database_url)

    def test_an_older_record_is_refused_with_the_command_that_migrates(self, settings: Settings) -> None:
        with make_engine(settings.database_url, writes=True).begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        with pytest.raises(RecordUnfit, match=rf"revision 0001.*needs revision {REVISION}; run: focus-lab migrate"):
            open_record(settings).list_experiments()

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
