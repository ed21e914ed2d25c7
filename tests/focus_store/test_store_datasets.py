"""Datasets, lanes and disk in the record: who may claim what, why something waits, and deletions that are cut short."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from focus_core.config.experiment import ExperimentConfig, validate_config
from focus_core.errors import UserError
from focus_core.parameters import WCDM6
from focus_store.contracts import DesiredState, JobStatus, SampleSpec, Status, WorkerRow
from focus_store.database.tables import Artifact, Checkpoint, Event, Experiment, Figure
from focus_store.queue import SAMPLE, TRAIN
from focus_store.record.record import Record

Journal = Callable[..., Path]


def register(record: Record, name: str = "quick", digest: str = "sha256:" + "a" * 64, **survey: Any) -> None:
    columns = {
        "name": name,
        "path": str(record.settings.datasets / name),
        "digest": digest,
        "n_maps": 36,
        "n_simulations": 12,
        "grid": 16,
        "box_size": 16.0,
        "unit": "(M☉/h)/(Mpc/h)²",
        "parameter_space": WCDM6.to_dict(),
        "provenance": None,
    }
    record.datasets.register_survey(columns, survey, [])


def beat(record: Record, lane: str) -> None:
    record.workers.beat(WorkerRow(f"here:1:{lane}", "here", lane, 1, "cpu", 0.0, None, memory_used=5, memory_total=10))


def set_status(record: Record, experiment: str, status: Status) -> None:
    with record.database.writing() as session:
        session.execute(update(Experiment).where(Experiment.id == experiment).values(status=status))


class TestDatasets:
    def test_a_check_runs_in_the_lane_of_the_samples(self, record: Record) -> None:
        job = record.datasets.request("mine", "/data/mine")
        assert record.leases.claim(TRAIN, "t") is None
        claim = record.leases.claim(SAMPLE, "s")
        assert claim is not None
        assert (claim.kind, claim.id) == ("job", job)

    def test_a_simulation_stays_in_the_lane_of_the_trainings(self, record: Record) -> None:
        job = record.jobs.request_simulation({"name": "quick"})
        assert record.leases.claim(SAMPLE, "s") is None
        claim = record.leases.claim(TRAIN, "t")
        assert claim is not None
        assert claim.id == job

    def test_a_check_that_waits_answers_its_twin(self, record: Record) -> None:
        job = record.datasets.request("mine", "/data/mine")
        assert record.datasets.request("mine", "/data/mine") == job

    @pytest.mark.parametrize(
        ("name", "path", "said"),
        [("a/b", "/data", "name: 'a/b'"), ("mine", " ", "path: is empty"), ("quick", "/else", "choose another name")],
    )
    def test_what_cannot_be_added_is_a_sentence(self, record: Record, name: str, path: str, said: str) -> None:
        register(record)
        with pytest.raises(UserError, match=said):
            record.datasets.request(name, path)

    def test_the_same_place_may_be_checked_again_under_its_name(self, record: Record) -> None:
        register(record)
        record.datasets.request("quick", str(record.settings.datasets / "quick"))

    def test_users_of_a_dataset_carry_the_digest_that_they_found(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        register(record, files={"/data/Maps.npy": [1, 2]})
        named = record.experiments.create(config)
        pair = {"maps_path": "/data/Maps.npy", "params_path": "/data/p.txt"}
        by_file = record.experiments.create(validate_config({"data": pair | {"parameter_space": "wcdm6"}}))
        record.experiments.create(validate_config({"data": {"dataset": "other"}}))
        found = {"dataset": {"digest": "sha256:" + "b" * 64}}
        with record.database.writing() as session:
            session.execute(update(Experiment).where(Experiment.id == named).values(environment=found))
        uses = {use.id: use.digest for use in record.datasets.uses(record.datasets.get("quick"))}
        assert uses == {named: "sha256:" + "b" * 64, by_file: None}


class TestLanes:
    def test_every_wait_has_its_place_and_its_reason(self, record: Record, config: ExperimentConfig) -> None:
        first = record.experiments.create(config)
        job = record.jobs.request_simulation({"name": "small"})
        blocked = record.experiments.create(config, after_job=job)
        assert {e.reason for e in record.lanes.entries(TRAIN)} == {"no training worker lives"}
        beat(record, TRAIN)
        entries = {e.id: e for e in record.lanes.entries(TRAIN)}
        assert entries[first].reason == "a worker takes it within seconds"
        assert entries[job].reason == "behind Λ run"
        assert entries[blocked].reason == "after the simulation small"
        assert [entries[i].position for i in (first, job, blocked)] == [1, 2, 3]
        claim = record.leases.claim(TRAIN, "here:1:train")
        assert claim is not None
        beat(record, TRAIN)  # a worker does so all the time; the machine may have stood still since the first
        entries = {e.id: e for e in record.lanes.entries(TRAIN)}
        assert (entries[first].position, entries[first].owner) == (0, "here:1:train")
        assert (entries[job].position, entries[job].reason) == (1, "behind Λ run")

    @pytest.mark.parametrize("how", [JobStatus.CANCELLED, JobStatus.FAILED])
    def test_an_experiment_does_not_start_behind_a_suite_that_was_not_made(
        self, record: Record, config: ExperimentConfig, how: JobStatus
    ) -> None:
        job = record.jobs.request_simulation({"name": "quick"})
        experiment = record.experiments.create(config, after_job=job)
        if how is JobStatus.CANCELLED:
            record.jobs.cancel(job)
        else:
            claim = record.leases.claim(TRAIN, "here:1:train")
            assert claim is not None
            record.leases.release(claim, how, "failed", "no room")
        assert record.leases.claim(TRAIN, "here:1:train") is None
        beat(record, TRAIN)  # a worker does so all the time; the machine may have stood still since the first
        (entry,) = record.lanes.entries(TRAIN)
        word = "was cancelled" if how is JobStatus.CANCELLED else "failed"
        assert entry.reason == f"waits for the dataset quick, whose simulation {word}"
        beat(record, TRAIN)
        held = record.lanes.held_back(experiment)
        assert held is not None
        assert (held.job, held.job_status, held.reason) == (job, how, entry.reason)

        record.jobs.resume(job)
        claim = record.leases.claim(TRAIN, "here:1:train")
        assert claim is not None
        assert claim.id == job, "simulated again, it comes first"
        record.leases.release(claim, JobStatus.SUCCEEDED, "finished")
        assert record.lanes.held_back(experiment) is None
        claim = record.leases.claim(TRAIN, "here:1:train")
        assert claim is not None
        assert claim.id == experiment

    def test_a_dataset_that_comes_in_otherwise_sets_the_experiment_free(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        job = record.jobs.request_simulation({"name": "quick"})
        experiment = record.experiments.create(config, after_job=job)
        record.jobs.cancel(job)
        assert record.leases.claim(TRAIN, "here:1:train") is None
        register(record)
        claim = record.leases.claim(TRAIN, "here:1:train")
        assert claim is not None
        assert claim.id == experiment

    def test_a_failure_is_told_although_its_run_was_resumed(self, record: Record, config: ExperimentConfig) -> None:
        experiment = record.experiments.create(config)
        for said in ("No space left on device", "the loss is not finite"):
            claim = record.leases.claim(TRAIN, "here:1:train")
            assert claim is not None
            record.leases.release(claim, Status.FAILED, "failed", said)
            record.experiments.resume(experiment)
        assert record.experiments.get(experiment).summary.status is Status.QUEUED
        found = record.lanes.failures()
        assert [(f.id, f.title, f.message) for f in found] == [
            (experiment, "Λ run", "the loss is not finite"),
            (experiment, "Λ run", "No space left on device"),
        ]
        record.experiments.request(experiment, DesiredState.CANCEL)
        record.experiments.archive(experiment)
        assert record.lanes.failures() == []

    def test_a_waiting_sample_is_cancelled_and_a_drawn_one_is_not(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        sample = request_sample(record, record.experiments.create(config))
        record.samples.cancel(sample)
        assert record.samples.get(sample).status is JobStatus.CANCELLED
        with pytest.raises(UserError, match="is no longer queued"):
            record.samples.cancel(sample)

    def test_a_heartbeat_tells_memory(self, record: Record) -> None:
        beat(record, SAMPLE)
        (worker,) = record.workers.every()
        assert (worker.memory_used, worker.memory_total, worker.utilisation) == (5, 10, None)


def request_sample(record: Record, experiment: str) -> str:
    with record.database.writing() as session:
        now = session.scalars(select(Event.time)).first()
        columns = {"role": "best", "step": 1, "epoch": 1, "path": "c.pt", "bytes": 1, "sha256": "c", "written_at": now}
        session.add(Checkpoint(experiment=experiment, attempt=1, **columns))
    return record.samples.request(SampleSpec(experiment, (0.3, 0.05, 0.7, 1.0, 0.8, -1.0), n=1, seed=0))


class TestDeleting:
    @pytest.fixture
    def two_runs(
        self, record: Record, config: ExperimentConfig, write_journal: Journal, write_figures: Any
    ) -> tuple[str, str]:
        """Two finished runs that drew the same first epoch; the first drew a second one of its own."""
        ids = record.experiments.create(config), record.experiments.create(config)
        for experiment, epochs in zip(ids, ((1, 2), (1,)), strict=True):
            folder = record.settings.run_folder(experiment)
            write_journal(folder, [event for epoch in epochs for event in write_figures(folder, epoch)])
            record.journal.ingest(experiment, folder)
            set_status(record, experiment, Status.SUCCEEDED)
        return ids

    def artifacts(self, record: Record) -> set[str]:
        """What the rows name, after a look that each is on the disk."""
        with record.database.reading() as session:
            paths = set(session.scalars(select(Artifact.path)))
        assert all((record.artifacts.root / path).exists() for path in paths)
        return paths

    def files(self, record: Record) -> set[str]:
        root = record.artifacts.root
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}

    def test_a_deletion_frees_what_it_said_and_leaves_what_others_show(
        self, record: Record, two_runs: tuple[str, str]
    ) -> None:
        gone, kept = two_runs
        child = record.experiments.create(validate_config({"data": {"dataset": "quick"}}), parent=gone)
        said, before = record.disk.would_free(gone), self.files(record)
        assert said.run_folder > 0
        assert said.n_artifacts > 0
        root = record.artifacts.root
        sizes = {path: (root / path).stat().st_size for path in before}
        assert record.disk.delete(gone) == said
        assert not record.settings.run_folder(gone).exists()
        assert self.files(record) == self.artifacts(record) < before
        assert sum(sizes[path] for path in before - self.files(record)) == said.artifacts
        shown = record.figures.at(kept, 1)
        for digest in (*shown.real_tiles, *shown.generated_tiles[0], str(shown.samples_arrays)):
            assert record.artifacts.read(digest), "what another run shows too is still there"
        assert record.experiments.get(child).parent is None
        with pytest.raises(UserError, match=r"Λ run was deleted on \d{4}-\d\d-\d\d at \d\d:\d\d UTC"):
            record.experiments.get(gone)

    def test_several_that_share_a_picture_free_it_together(self, record: Record, two_runs: tuple[str, str]) -> None:
        alone = [record.disk.would_free(one) for one in two_runs]
        together = record.disk.would_free(*two_runs)
        assert together.artifacts > sum(freed.artifacts for freed in alone), "what both drew"
        freed = [record.disk.delete(one) for one in two_runs]
        assert sum(one.total for one in freed) == together.total
        assert self.files(record) == set()

    def test_a_draft_is_deleted_as_well(self, record: Record, config: ExperimentConfig) -> None:
        draft = record.experiments.create(config, draft=True)
        assert record.disk.delete(draft).total == 0
        with pytest.raises(UserError, match="was deleted"):
            record.experiments.request(draft, DesiredState.RUN)
        with pytest.raises(UserError, match="was deleted"):
            record.notes.set(draft, "too late")

    def test_what_another_is_about_to_begin_with_is_kept_for_it(
        self, record: Record, two_runs: tuple[str, str]
    ) -> None:
        plain = {"experiment": {"name": "child"}, "data": {"dataset": "quick"}, "training": {"init_from": two_runs[0]}}
        child = record.experiments.create(validate_config(plain))
        with pytest.raises(UserError, match=rf"child \({child}\) is about to begin with its weights"):
            record.disk.delete(two_runs[0])
        set_status(record, child, Status.RUNNING)
        record.disk.delete(two_runs[0])

    @pytest.mark.parametrize("status", [Status.RUNNING, Status.QUEUED, Status.STALLED])
    def test_what_runs_or_waits_cannot_be_deleted(
        self, record: Record, two_runs: tuple[str, str], status: Status
    ) -> None:
        set_status(record, two_runs[0], status)
        with pytest.raises(UserError, match="stop it before it is deleted"):
            record.disk.delete(two_runs[0])
        record.disk.sweep_trash()
        assert record.settings.run_folder(two_runs[0]).exists()
        assert record.figures.at(two_runs[0], 2).real_tiles

    def test_a_deletion_waits_for_what_uses_the_run_and_names_it(
        self, record: Record, two_runs: tuple[str, str]
    ) -> None:
        """A suite, another run's sample and benchmark, and a clone of its settings have nothing to do with it."""
        run, other = two_runs
        record.jobs.request_simulation({"name": "another"})
        request_sample(record, other)
        record.findings.request("sampler_benchmark", other)
        record.experiments.create(validate_config({"data": {"dataset": "quick"}}), parent=run)

        sample = request_sample(record, run)
        with pytest.raises(UserError, match=rf"1 maps? waits? to be drawn from it \(request {sample}\); cancel"):
            record.disk.delete(run)
        claim = record.leases.claim_row("sample", sample, "here:1:sample")
        assert claim is not None
        with pytest.raises(UserError, match="being drawn from it"):
            record.disk.delete(run)
        record.leases.release(claim, JobStatus.FAILED, "failed")
        job = record.findings.request("sampler_benchmark", run)
        with pytest.raises(UserError, match=rf"'Samplers of Λ run' \({job}\), which reads it, waits; cancel it"):
            record.disk.delete(run)
        record.jobs.cancel(job)
        heir = record.experiments.create(
            validate_config(
                {"experiment": {"name": "heir"}, "data": {"dataset": "quick"}, "training": {"init_from": run}}
            )
        )
        with pytest.raises(UserError, match=rf"heir \({heir}\) is about to begin with its weights"):
            record.disk.delete(run)
        record.experiments.request(heir, DesiredState.CANCEL)
        record.disk.delete(run)
        assert not record.settings.run_folder(run).exists()

    def test_a_crash_after_the_rows_went_leaves_files_that_the_next_sweep_takes(
        self, record: Record, two_runs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die(path: str) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(record.artifacts, "remove", die)
            with pytest.raises(KeyboardInterrupt):
                record.disk.delete(two_runs[0])
        assert self.artifacts(record) < self.files(record), "files without rows, never rows without files"
        with record.database.reading() as session:
            assert session.scalars(select(Figure).where(Figure.experiment == two_runs[0])).first() is None
        record.disk.sweep_trash()
        assert self.artifacts(record) == self.files(record)
        assert not any((record.settings.home / "trash").iterdir())
        assert not record.settings.run_folder(two_runs[0]).exists()

    def test_a_crash_before_the_rows_went_deletes_nothing(self, record: Record, two_runs: tuple[str, str]) -> None:
        before, trash = self.files(record), record.settings.home / "trash"
        trash.mkdir()
        note = {"experiment": two_runs[0], "artifacts": sorted(before)}
        (trash / "note.json").write_text(json.dumps(note))
        record.disk.sweep_trash()
        assert self.files(record) == before
        assert record.settings.run_folder(two_runs[0]).exists()
        assert not any(trash.iterdir())

    def test_a_run_that_is_only_linked_keeps_its_folder(
        self, record: Record, two_runs: tuple[str, str], tmp_path: Path
    ) -> None:
        folder, elsewhere = record.settings.run_folder(two_runs[0]), tmp_path / "elsewhere"
        folder.rename(elsewhere)
        folder.symlink_to(elsewhere)
        assert record.disk.delete(two_runs[0]).run_folder == 0
        assert not folder.is_symlink()
        assert (elsewhere / "logs").exists()
