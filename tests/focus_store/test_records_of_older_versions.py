"""Records that older versions wrote open with all that they held, and are kept as they were before they are changed."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from full_disk import files_no_larger_than
from private_database import ServerPool
from sqlalchemy import MetaData, select

from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_core.errors import UserError
from focus_store.contracts import JobStatus, Status
from focus_store.database.blobs import unpacked
from focus_store.database.engine import make_engine
from focus_store.database.tables import REVISION, Measurement
from focus_store.journal.points import points_digest
from focus_store.moving.backups import migrate_safely
from focus_store.moving.copying import copy_as_it_is
from focus_store.record.record import open_record
from focus_store.settings import Settings
from migrations import upgrade
from migrations.upgrade import migrate, migrate_down
from worker.laboratory.command import bring_up_to_date

OLDER = Path(__file__).parents[1] / "older_versions"


@dataclasses.dataclass(frozen=True)
class OldRecord:
    revision: str
    trained: str
    points: str  # sha256 of the curves, as that version's import told it
    settings: Settings

    @property
    def url(self) -> str:
        return self.settings.database_url

    @property
    def backups(self) -> Path:
        return self.settings.home / "backups"


WRITTEN = {
    "0003": ("fztvawcp", "49ac43bba722afcf49b1e59a6ddd0744e0642daa862b9eaf32c26db4a826f211"),
    "0005": ("9d6x5arj", "5d23e9a8db58e2d7a5b53289363e530fc9e40d94ed6e9f783c9547bf1ae1c2fa"),
}
Columns = dict[str, dict[str, list[str]]]


def write_old_record(revision: str, path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript((OLDER / f"record_{revision}.sql").read_text(encoding="utf-8"))


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path, server_pool: ServerPool) -> Iterator[OldRecord]:
    """As it was written, or brought row by row into PostgreSQL's tables of that revision; 0003 unless it is marked."""
    marker = request.node.get_closest_marker("parametrize")
    revision = request.node.callspec.params.get("revision", "0003") if marker else "0003"
    home = tmp_path / "home"
    home.mkdir()
    write_old_record(revision, home / "focus.db")
    url = server_pool.new_database(migrated=False) if request.param == "postgresql" else ""
    if url:
        migrate(url, revision)
        copy_as_it_is(f"sqlite:///{home / 'focus.db'}", url)
    settings = Settings.from_environment({"FOCUS_HOME": str(home), "FOCUS_DATABASE_URL": url})
    yield OldRecord(revision, *WRITTEN[revision], settings)
    if url:
        server_pool.drop(url)


def contents(url: str) -> Columns:
    """Every table's columns as they stand in the database, in the order of the rows."""
    engine, tables = make_engine(url, writes=False), MetaData()
    with engine.connect() as connection:
        tables.reflect(connection)
        found = {}
        for table in tables.sorted_tables:
            rows = sorted(connection.execute(select(table)).mappings(), key=lambda row: repr(list(row.values())[:4]))
            found[table.name] = {column.name: [repr(row[column.name]) for row in rows] for column in table.columns}
    engine.dispose()
    del found["alembic_version"]
    return found


def shared(one: Columns, other: Columns) -> Columns:
    return {t: {c: rows for c, rows in one[t].items() if c in other[t]} for t in one if t in other}


class TestOpening:
    @pytest.mark.parametrize("revision", sorted(WRITTEN))
    def test_it_opens_with_all_that_it_held(self, old: OldRecord, revision: str) -> None:
        migrate_safely(old.url, old.backups, migrate)
        record = open_record(old.settings)
        trained = record.experiments.get(old.trained)
        assert (trained.summary.name, trained.summary.status) == ("Begun by an older version, Ωm", Status.SUCCEEDED)
        assert set(trained.summary.tags) == {"Ω", "baseline"}
        assert {checkpoint.role for checkpoint in trained.checkpoints} == {"best", "last"}
        with record.database.reading() as session:
            assert points_digest(session, old.trained) == old.points
        assert {row.status for row in record.experiments.find()} == {Status.SUCCEEDED, Status.FAILED, Status.DRAFT}
        assert [job.status for job in record.jobs.every()] == [JobStatus.QUEUED]
        assert record.datasets.get("old").n_simulations == 12
        assert record.figures.epochs(old.trained)
        record.close()

    def test_a_p_k_error_of_before_its_own_error_was_measured_gets_none(self, old: OldRecord) -> None:
        errors = contents(old.url)["experiment"]["power_error"]
        assert any(error != "None" for error in errors)
        migrate(old.url)
        assert contents(old.url)["experiment"]["power_error"] == errors
        record = open_record(old.settings)
        trained = record.experiments.get(old.trained).summary
        drawn = record.figures.at(old.trained, record.figures.epochs(old.trained)[-1])
        assert trained.power_error is not None
        assert (trained.power_uncertainty, trained.power_maps, trained.power_simulations) == (None, None, None)
        summary = drawn.of(POWER_SPECTRUM).summary
        assert summary["power_error"] is not None
        assert not [name for name in ("power_uncertainty", "power_maps", "power_simulations") if summary.get(name)]
        record.close()

    @pytest.mark.parametrize("revision", sorted(WRITTEN))
    def test_down_and_up_again_keep_what_both_revisions_have_room_for(self, old: OldRecord, revision: str) -> None:
        migrate(old.url)
        newest = contents(old.url)
        migrate_down(old.url, "0002")
        oldest = contents(old.url)
        assert shared(oldest, newest) == shared(newest, oldest)
        migrate(old.url)
        again = contents(old.url)
        assert again.keys() == newest.keys()
        assert shared(again, oldest) == shared(newest, oldest)


class TestStatistics:
    @pytest.mark.parametrize("revision", ["0005"])
    def test_spectra_are_measurements_of_the_power_spectrum_and_come_back_bit_by_bit(
        self, old: OldRecord, revision: str
    ) -> None:
        before = contents(old.url)
        migrate(old.url)
        record = open_record(old.settings)
        (epoch, *_) = record.figures.epochs(old.trained)
        drawn = record.figures.at(old.trained, epoch)
        told = dict(zip(before["spectrum"]["epoch"], before["spectrum"]["power_error"], strict=True))
        assert repr(drawn.power_error) == told[str(epoch)]
        assert repr(drawn.power_arrays) in before["spectrum"]["arrays"]
        with record.database.reading() as session:
            (found,) = session.scalars(
                select(Measurement).where(Measurement.experiment == old.trained, Measurement.epoch == epoch)
            )
        arrays = unpacked(found.content)
        assert arrays["generated"].shape == (4, 3, 8)
        assert arrays["real"].shape == (4, 8)
        assert repr(arrays["k"].astype("<f8").tobytes()) in before["spectrum"]["k"]
        record.close()
        migrate_down(old.url, "0005")
        after = contents(old.url)
        for table in ("spectrum", "metric_summary"):
            assert after[table] == before[table]


class TestBackup:
    def test_before_its_tables_are_changed_the_record_is_kept_in_a_file(self, old: OldRecord, tmp_path: Path) -> None:
        done = migrate_safely(old.url, old.backups, migrate)
        assert (done.before, done.after) == ("0003", REVISION)
        write_old_record("0003", tmp_path / "as_written.db")
        assert done.backup is not None
        assert list(old.backups.iterdir()) == [done.backup]
        assert contents(f"sqlite:///{done.backup}") == contents(f"sqlite:///{tmp_path / 'as_written.db'}")

    def test_a_record_of_today_is_not_copied(self, old: OldRecord) -> None:
        migrate(old.url)
        assert migrate_safely(old.url, old.backups, migrate).backup is None
        assert not old.backups.exists()

    def test_a_migration_that_fails_leaves_the_record_as_it_was(
        self, old: OldRecord, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before, to_the_end = contents(old.url), upgrade.command.upgrade

        def fail_at_the_end(configuration: object, revision: str) -> None:
            to_the_end(configuration, revision)
            if revision == "head":
                raise RuntimeError("the last statement failed")

        monkeypatch.setattr(upgrade.command, "upgrade", fail_at_the_end)
        with pytest.raises(RuntimeError, match="the last statement failed") as failure:
            migrate_safely(old.url, old.backups, migrate)
        assert "The record is as it was, of revision 0003" in failure.value.__notes__[0]
        assert contents(old.url) == before

    def test_one_that_failed_after_it_had_committed_is_undone_from_the_copy(self, old: OldRecord) -> None:
        before = contents(old.url)

        def fail_half_way(url: str, revision: str) -> tuple[str | None, str | None]:
            if revision != "head":
                return migrate(url, revision)
            migrate(url, "0004")
            raise RuntimeError("the second half failed")

        with pytest.raises(RuntimeError, match="the second half failed") as failure:
            migrate_safely(old.url, old.backups, fail_half_way)
        (note,), (backup,) = failure.value.__notes__, old.backups.iterdir()
        assert str(backup) in note
        if old.url.startswith("sqlite"):
            assert contents(old.url) == before
        else:
            assert "is not as it was" in note

    def test_without_room_for_the_copy_nothing_is_changed(self, old: OldRecord) -> None:
        before = contents(old.url)
        with files_no_larger_than(60_000), pytest.raises(UserError, match=r"backups: the record cannot be kept there"):
            migrate_safely(old.url, old.backups, migrate)
        assert contents(old.url) == before
        assert list(old.backups.iterdir()) == []

    def test_the_command_says_where_the_copy_is(self, old: OldRecord, capsys: pytest.CaptureFixture[str]) -> None:
        bring_up_to_date(old.settings)
        (backup,) = old.backups.iterdir()
        assert f"record: revision {REVISION}, was 0003; as it was before: {backup}" in capsys.readouterr().out
