"""From a journal written by hand to the database: every number arrives, once, however often it is read."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from focus_core.catalogue.measured.pdf import PDF
from focus_core.config.experiment import ExperimentConfig
from focus_core.errors import UserError
from focus_store.contracts import Status
from focus_store.database.tables import Attempt, Base, Checkpoint, Experiment, MetricPoint
from focus_store.journal.curve import downsample
from focus_store.queue import TRAIN
from focus_store.record.record import Record, open_record

Event = tuple[int, str, dict[str, Any]]
WriteJournal = Callable[..., Path]
WriteFigures = Callable[[Path, int], list[Event]]

# Columns that say when or how often somebody looked, not what was measured.
_CLOCKS = {"change", "progressed_at", "created_at", "queued_at", "published_at", "started_at"}


def started(attempt: int, step: int = 0, epoch: int = 0) -> Event:
    fields = {"epoch": epoch, "step": step, "num_epochs": 4, "steps_per_epoch": 4, "parameters": 1234}
    return attempt, "run_started", fields | {"device": "cpu", "config_digest": "x", "resumed": step > 0, "torch": "2"}


def steps(attempt: int, first: int, last: int) -> list[Event]:
    return [
        (attempt, "step", {"step": s, "epoch": s / 4, "loss": attempt + s / 100, "lr": 1e-4, "grad_norm": 0.5})
        for s in range(first, last + 1)
    ]


def epoch(attempt: int, number: int, val_loss: float) -> list[Event]:
    entry = {"epoch": number, "step": 4 * number, "train_loss": 0.9, "val_loss": val_loss, "lr": 1e-4, "seconds": 2.0}
    entry |= {"images_per_second": 50.0, "peak_memory_bytes": 7, "elapsed": 2.0 * number, "best": True}
    entry |= {"step_ms_p50": 80.0, "data_wait_share": 0.01, "flops_per_step": 1e9, "peak_share": 0.5}
    saved = {"epoch": number, "step": 4 * number, "path": "checkpoints/checkpoint_last.pt", "bytes": 10}
    saved |= {"role": "last", "sha256": f"{number}" * 64, "val_loss": val_loss}
    return [(attempt, "checkpoint", saved), (attempt, "epoch", entry)]


@pytest.fixture
def run(record: Record, config: ExperimentConfig) -> tuple[str, Path]:
    """An experiment that has been claimed, and its empty folder."""
    row_id = record.experiments.create(config)
    assert record.leases.claim(TRAIN, "host:1") is not None
    folder = record.settings.run_folder(row_id)
    folder.mkdir(parents=True)
    return row_id, folder


def contents(record: Record) -> dict[str, list[dict[str, Any]]]:
    """Everything in the database but clocks."""
    with record.database.reading() as session:
        return {
            table.name: sorted(
                ({k: v for k, v in row._mapping.items() if k not in _CLOCKS} for row in session.execute(select(table))),
                key=repr,
            )
            for table in Base.metadata.sorted_tables
            if table.name != "event"
        }


class TestIngestion:
    def test_a_journal_becomes_curves_summaries_checkpoints_and_figures(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal, write_figures: WriteFigures
    ) -> None:
        row_id, folder = run
        journal = [started(1), *steps(1, 1, 4), *epoch(1, 1, 0.8), *write_figures(folder, 1)]
        journal += [*steps(1, 5, 8), *epoch(1, 2, 0.6), *write_figures(folder, 2)]
        write_journal(folder, journal)
        assert record.journal.ingest(row_id, folder) == len(journal)

        loss = record.curves.series(row_id, "loss", "train")
        np.testing.assert_array_equal(loss.step, np.arange(1, 9))
        np.testing.assert_allclose(loss.value, 1 + np.arange(1, 9) / 100)
        validation = record.curves.series(row_id, "loss", "validation")
        np.testing.assert_array_equal(validation.step, [4, 8])
        np.testing.assert_array_equal(validation.value, [0.8, 0.6])
        for key in ("images_per_second", "seconds", "elapsed", "power_error"):
            assert len(record.curves.series(row_id, key, "whatever").step) == 2
        for key, value in {"step_ms_p50": 80.0, "data_wait_share": 0.01, "flops_per_step": 1e9}.items():
            assert record.curves.series(row_id, key, "train").value.tolist() == [value, value]

        detail = record.experiments.get(row_id)
        seen = detail.summary
        assert seen.status is Status.RUNNING
        assert (seen.epoch, seen.step, seen.num_epochs, seen.parameters) == (2, 8, 4, 1234)
        assert (seen.best_val_loss, seen.last_val_loss, seen.loss_sparkline) == (0.6, 0.6, (0.8, 0.6))
        assert (seen.power_error, seen.seconds_trained, detail.box_size, detail.grid) == (0.125, 4.0, 16.0, 8)
        assert [(c.role, c.epoch, c.sha256[0]) for c in detail.checkpoints] == [("last", 2, "2")]

        assert record.figures.epochs(row_id) == [1, 2]
        figures = record.figures.at(row_id, 2)
        assert seen.thumbnail == figures.generated_tiles[0][0]
        assert [len(row) for row in figures.generated_tiles] == [3, 3, 3, 3]
        assert figures.samples_arrays is not None
        assert figures.power_arrays is not None
        assert record.artifacts.arrays(figures.samples_arrays)["generated"].shape == (4, 3, 8, 8)
        for digest in (*figures.real_tiles, *(tile for row in figures.generated_tiles for tile in row)):
            assert record.artifacts.read(digest)[8:12] == b"WEBP"

    def test_every_statistic_of_the_catalogue_is_a_row_with_its_summary_and_its_scalar_a_curve(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal
    ) -> None:
        row_id, folder = run
        (folder / "figs").mkdir(parents=True)
        bins = {PDF.axis.name: np.arange(4.0), "unit": np.array("1/dex"), "box_size": np.float64(16.0)}
        generated, simulated = np.random.default_rng(0).random((4, 3, 4)), np.ones((4, 4))
        np.savez(folder / "figs/pdf.npz", generated=generated, simulation_mean=simulated, real=simulated, **bins)
        about = {"epoch": 2, "step": 8, "name": "pdf", "path": "figs/pdf.png", "arrays": "figs/pdf.npz"}
        told = {"pdf_distance": 0.25, "pdf_uncertainty": 0.125}
        unknown = about | {"name": "of a version to come"}
        write_journal(folder, [started(1), *epoch(1, 2, 0.8), (1, "figure", about | told), (1, "figure", unknown)])
        record.journal.ingest(row_id, folder)
        found = record.figures.at(row_id, 2)
        assert found.measured.keys() == {"pdf"}
        of = found.of(PDF)
        assert of.summary == {"pdf_maps": 12, "pdf_simulations": 4, **told}, "what was told, and what was not"
        assert of.arrays is not None
        np.testing.assert_array_equal(record.artifacts.arrays(of.arrays)["generated"], generated)
        assert record.curves.series(row_id, "pdf_distance", "train").value.tolist() == [0.25]
        assert record.experiments.get(row_id).summary.power_error is None

    def test_the_peak_of_memory_is_that_of_all_attempts(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal
    ) -> None:
        """The first attempt measured samplers beside the training, say; what it took the run took."""
        row_id, folder = run
        (saved, (_, kind, first)), second = epoch(1, 1, 0.8), epoch(2, 2, 0.7)
        journal = [started(1), saved, (1, kind, first | {"peak_memory_bytes": 900})]
        write_journal(folder, journal)
        record.journal.ingest(row_id, folder)
        write_journal(folder, [*journal, started(2, 4, 1), *second])
        record.journal.ingest(row_id, folder)
        assert record.experiments.get(row_id).peak_memory_bytes == 900

    def test_reading_a_journal_twice_changes_nothing(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal, write_figures: WriteFigures
    ) -> None:
        row_id, folder = run
        journal = [started(1), *steps(1, 1, 4), *epoch(1, 1, 0.8), *write_figures(folder, 1)]
        write_journal(folder, [*journal, *steps(1, 5, 6), started(2, 4, 1), *steps(2, 5, 8), *epoch(2, 2, 0.7)])
        record.journal.ingest(row_id, folder)
        before = contents(record)
        assert record.journal.ingest(row_id, folder) == 0
        with record.database.writing() as session:
            session.execute(update(Experiment).values(journal_offset=0, journal_line=0))
        assert record.journal.ingest(row_id, folder) > 0
        assert contents(record) == before

    def test_lines_that_came_after_the_end_of_an_attempt_are_found_and_read(
        self, record: Record, config: ExperimentConfig, write_journal: WriteJournal
    ) -> None:
        row_id = record.experiments.create(config)
        claim = record.leases.claim(TRAIN, "host:1")
        assert claim is not None
        folder = record.settings.run_folder(row_id)
        write_journal(folder, [started(1), *steps(1, 1, 4)])
        record.journal.ingest(row_id, folder)
        size = write_journal(folder, [started(1), *steps(1, 1, 6), *epoch(1, 1, 0.8)]).stat().st_size
        assert record.journal.unread_at_rest("host") == {}, "whoever has the lease reads the journal"
        assert record.journal.ingest_at_rest(row_id, folder) == 0
        record.leases.release(claim, Status.FAILED, "failed")
        assert record.journal.unread_at_rest("host") == {row_id: size}
        assert record.journal.unread_at_rest("host", datetime.timedelta(hours=-1)) == {}, "it ended before that"
        assert record.journal.ingest_at_rest(row_id, folder) == 4
        assert record.journal.unread_at_rest("host") == {}
        assert record.curves.series(row_id, "loss", "train").step.tolist() == [1, 2, 3, 4, 5, 6]
        assert record.experiments.get(row_id).summary.status is Status.FAILED

    def test_where_hosts_keep_folders_of_their_own_only_that_of_the_last_attempt_counts(
        self, record: Record, config: ExperimentConfig, write_journal: WriteJournal, tmp_path: Path
    ) -> None:
        row_id = record.experiments.create(config)
        claim = record.leases.claim(TRAIN, "host:1")
        assert claim is not None
        size = write_journal(record.settings.run_folder(row_id), [started(1), *steps(1, 1, 4)]).stat().st_size
        record.leases.release(claim, Status.FAILED, "failed")
        apart = open_record(dataclasses.replace(record.settings, artifact_url=f"file://{tmp_path}/store"))
        assert apart.journal.unread_at_rest("host") == {row_id: size}
        assert apart.journal.unread_at_rest("another") == {}, "its copy may be an older one"
        assert record.journal.unread_at_rest("another") == {row_id: size}, "all hosts see the same folders"
        apart.close()

    def test_it_does_not_matter_in_how_many_pieces_a_journal_is_read(
        self,
        record: Record,
        config: ExperimentConfig,
        run: tuple[str, Path],
        write_journal: WriteJournal,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        row_id, folder = run
        journal = [started(1), *steps(1, 1, 4), *epoch(1, 1, 0.8), *steps(1, 5, 8), *epoch(1, 2, 0.9)]
        monkeypatch.setattr("focus_store.journal.ingest.BATCH", 3)
        for length in range(0, len(journal) + 1, 2):
            write_journal(folder, journal[:length])
            record.journal.ingest(row_id, folder)
        write_journal(folder, journal)
        record.journal.ingest(row_id, folder)
        loss = record.curves.series(row_id, "loss", "train")
        assert (loss.step.tolist(), loss.value.min(), loss.value.max()) == ([*range(1, 9)], 1.01, 1.08)
        assert record.curves.series(row_id, "loss", "validation").value.tolist()[-1] == 0.9
        assert record.experiments.get(row_id).summary.best_val_loss == 0.8

    def test_a_torn_last_line_waits_until_it_is_whole(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal
    ) -> None:
        row_id, folder = run
        path = write_journal(folder, [started(1), *steps(1, 1, 2)], torn='{"seq": 3, "time": "2025')
        assert record.journal.ingest(row_id, folder) == 3
        assert record.journal.ingest(row_id, folder) == 0
        write_journal(folder, [started(1), *steps(1, 1, 3)])
        assert record.journal.ingest(row_id, folder) == 1
        assert len(record.curves.series(row_id, "loss", "train").step) == 3
        assert path.exists()

    def test_a_broken_line_elsewhere_is_named_and_what_came_before_is_kept(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal
    ) -> None:
        row_id, folder = run
        path = write_journal(folder, [started(1), *steps(1, 1, 2)])
        record.journal.ingest(row_id, folder)
        with path.open("a") as file:
            file.write("not json\n")
        with pytest.raises(UserError, match="line 4"):
            record.journal.ingest(row_id, folder)
        assert len(record.curves.series(row_id, "loss", "train").step) == 2

    def test_a_journal_that_was_replaced_by_a_shorter_one_is_read_from_its_start(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal
    ) -> None:
        row_id, folder = run
        write_journal(folder, [started(1), *steps(1, 1, 8)])
        record.journal.ingest(row_id, folder)
        write_journal(folder, [started(2), *steps(2, 1, 3)])
        assert record.journal.ingest(row_id, folder) == 4
        np.testing.assert_array_equal(record.curves.series(row_id, "loss", "train").attempt, [2, 2, 2])

    def test_a_figure_whose_arrays_cannot_be_read_stops_nothing(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal
    ) -> None:
        row_id, folder = run
        lost = {"epoch": 1, "step": 4, "name": "samples", "path": "figs/a.png", "arrays": "figs/not_there.npz"}
        write_journal(folder, [started(1), (1, "figure", lost), *steps(1, 1, 2)])
        assert record.journal.ingest(row_id, folder) == 4
        assert record.figures.epochs(row_id) == []

    def test_log_environment_and_truth_come_along(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal
    ) -> None:
        row_id, folder = run
        write_journal(folder, [started(1)])
        (folder / "logs" / "training.log").write_text("line\n" * 10_000 + "the end, Σ\n")
        space = {"name": "one", "parameters": [], "fixed": {}}
        environment = {"host": "h", "dataset": {"grid": 32, "box_size": 25.0, "unit": "u", "parameter_space": space}}
        (folder / "environment.json").write_text(json.dumps(environment))
        np.savez(folder / "truth.npz", theta=np.zeros((3, 6)))
        record.journal.ingest(row_id, folder)
        detail = record.experiments.get(row_id)
        assert detail.log_tail.endswith("line\nthe end, Σ\n")
        assert len(detail.log_tail.encode()) <= 16_384
        assert detail.environment["host"] == "h"
        assert (detail.grid, detail.box_size, detail.unit, detail.parameter_space) == (32, 25.0, "u", space)
        assert detail.truth_arrays is not None
        assert record.artifacts.arrays(detail.truth_arrays)["theta"].shape == (3, 6)
        token = record.experiments.change_token(row_id)
        record.journal.ingest(row_id, folder)
        assert record.experiments.change_token(row_id) == token


class TestOwnership:
    def test_a_step_belongs_to_the_latest_attempt_that_started_before_it(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal
    ) -> None:
        row_id, folder = run
        # The first attempt got to 7; the second resumed at 4 and died at 5; the third resumed at 4 too.
        journal = [started(1), *steps(1, 1, 7), started(2, 4, 1), *steps(2, 5, 5), started(3, 4, 1), *steps(3, 5, 8)]
        write_journal(folder, journal)
        record.journal.ingest(row_id, folder)
        curve = record.curves.series(row_id, "loss", "train")
        np.testing.assert_array_equal(curve.step, np.arange(1, 9))
        np.testing.assert_array_equal(curve.attempt, [1, 1, 1, 1, 3, 3, 3, 3])
        with record.database.reading() as session:
            points = session.query(MetricPoint).count()
        assert points == 3 * (7 + 1 + 4), "nothing that an attempt measured is dropped from the record"

    def test_an_attempt_that_has_resumed_owns_steps_that_it_has_not_reached(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal
    ) -> None:
        row_id, folder = run
        write_journal(folder, [started(1), *steps(1, 1, 7), *epoch(1, 1, 0.5), started(2, 2)])
        record.journal.ingest(row_id, folder)
        np.testing.assert_array_equal(record.curves.series(row_id, "loss", "train").step, [1, 2])
        assert record.experiments.get(row_id).summary.best_val_loss is None

    def test_an_attempt_that_never_started_owns_nothing(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal
    ) -> None:
        row_id, folder = run
        write_journal(folder, [started(1), *steps(1, 1, 3)])
        record.journal.ingest(row_id, folder)
        with record.database.writing() as session:
            attempt = session.get(Attempt, (row_id, 1))
            assert attempt is not None
            session.add(Attempt(experiment=row_id, number=2, worker="w", host="h", started_at=attempt.started_at))
        assert len(record.curves.series(row_id, "loss", "train").step) == 3

    def test_a_checkpoint_that_was_removed_is_offered_no_more_and_a_damaged_one_is_an_event(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal
    ) -> None:
        row_id, folder = run
        kept = [(attempt, kind, {**fields, "role": "epoch_0001"}) for attempt, kind, fields in epoch(1, 1, 0.5)[:1]]
        removed = {"epoch": 2, "step": 8, "role": "epoch_0001", "path": "checkpoints/checkpoint_epoch_0001.pt"}
        damaged = {"epoch": 1, "step": 4, "message": "checkpoint_last.pt is damaged; continues from another"}
        write_journal(folder, [started(1), *kept, *epoch(1, 2, 0.4)])
        record.journal.ingest(row_id, folder)
        assert [c.role for c in record.experiments.get(row_id).checkpoints] == ["epoch_0001", "last"]
        events = [started(1), *kept, *epoch(1, 2, 0.4), (1, "checkpoint_removed", removed)]
        write_journal(folder, [*events, (2, "checkpoint_damaged", damaged)])
        for _ in range(2):
            record.journal.ingest(row_id, folder)
            assert [c.role for c in record.experiments.get(row_id).checkpoints] == ["last"]
            told = [e.message for e in record.experiments.events(row_id) if e.kind == "checkpoint_damaged"]
            assert told == [f"attempt 2: {damaged['message']}"]
            record.journal.read_again(row_id)

    def test_checkpoints_of_every_attempt_stay_but_the_list_shows_the_files_that_are_there(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal
    ) -> None:
        row_id, folder = run
        write_journal(folder, [started(1), *epoch(1, 1, 0.8), *epoch(1, 2, 0.7), started(2, 4, 1), *epoch(2, 2, 0.75)])
        record.journal.ingest(row_id, folder)
        with record.database.reading() as session:
            assert session.query(Checkpoint).count() == 3
        (last,) = record.experiments.get(row_id).checkpoints
        assert (last.epoch, last.val_loss) == (2, 0.75)


class TestDownsampling:
    def test_a_view_keeps_ends_and_peaks_and_never_exceeds_its_limit(
        self, record: Record, run: tuple[str, Path], write_journal: WriteJournal
    ) -> None:
        row_id, folder = run
        journal = [started(1), *steps(1, 1, 3000)]
        journal[1234] = (1, "step", journal[1234][2] | {"loss": 99.0})
        write_journal(folder, journal)
        record.journal.ingest(row_id, folder)
        view = record.curves.series(row_id, "loss", "train", max_points=100)
        assert len(view.step) <= 100
        assert (view.step[0], view.step[-1]) == (1, 3000)
        assert view.value.max() == 99.0
        assert len(record.curves.series(row_id, "loss", "train").step) == 3000

    def test_values_that_are_not_numbers_do_not_break_it(self) -> None:
        value = np.ones(1000)
        value[500] = np.nan
        keep = downsample(np.arange(1000), value, 50)
        assert 500 in keep
        assert len(keep) <= 50
