"""Datasets, lanes and disk in the record: who may claim what, why something waits, and deletions that are cut short."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from focus_core.config import ExperimentConfig, validate_config
from focus_core.errors import UserError
from focus_core.parameters import WCDM6
from focus_store.contracts import DesiredState, JobStatus, SampleSpec, Status, WorkerRow
from focus_store.queue import SAMPLE, TRAIN
from focus_store.repository import Repository
from focus_store.tables import Artifact, Checkpoint, Event, Experiment, Figure

Journal = Callable[..., Path]


def register(repository: Repository, name: str = "quick", digest: str = "sha256:" + "a" * 64, **survey: Any) -> None:
    columns = {
        "name": name,
        "path": str(repository.settings.datasets / name),
        "digest": digest,
        "n_maps": 36,
        "n_simulations": 12,
        "grid": 16,
        "box_size": 16.0,
        "unit": "(M☉/h)/(Mpc/h)²",
        "parameter_space": WCDM6.to_dict(),
        "provenance": None,
    }
    repository.register_survey(columns, survey, [])


def beat(repository: Repository, lane: str) -> None:
    repository.beat(WorkerRow(f"here:1:{lane}", "here", lane, 1, "cpu", 0.0, None, memory_used=5, memory_total=10))


def set_status(repository: Repository, experiment: str, status: Status) -> None:
    with repository.writing() as session:
        session.execute(update(Experiment).where(Experiment.id == experiment).values(status=status))


class TestDatasets:
    def test_a_check_runs_in_the_lane_of_the_samples(self, repository: Repository) -> None:
        job = repository.request_dataset("mine", "/data/mine")
        assert repository.claim(TRAIN, "t") is None
        claim = repository.claim(SAMPLE, "s")
        assert claim is not None
        assert (claim.kind, claim.id) == ("job", job)

    def test_a_simulation_stays_in_the_lane_of_the_trainings(self, repository: Repository) -> None:
        job = repository.request_simulation({"name": "quick"})
        assert repository.claim(SAMPLE, "s") is None
        claim = repository.claim(TRAIN, "t")
        assert claim is not None
        assert claim.id == job

    def test_a_check_that_waits_answers_its_twin(self, repository: Repository) -> None:
        job = repository.request_dataset("mine", "/data/mine")
        assert repository.request_dataset("mine", "/data/mine") == job

    @pytest.mark.parametrize(
        ("name", "path", "said"),
        [("a/b", "/data", "name: 'a/b'"), ("mine", " ", "path: is empty"), ("quick", "/else", "choose another name")],
    )
    def test_what_cannot_be_added_is_a_sentence(self, repository: Repository, name: str, path: str, said: str) -> None:
        register(repository)
        with pytest.raises(UserError, match=said):
            repository.request_dataset(name, path)

    def test_the_same_place_may_be_checked_again_under_its_name(self, repository: Repository) -> None:
        register(repository)
        repository.request_dataset("quick", str(repository.settings.datasets / "quick"))

    def test_users_of_a_dataset_carry_the_digest_that_they_found(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        register(repository, files={"/data/Maps.npy": [1, 2]})
        named = repository.create_experiment(config)
        pair = {"maps_path": "/data/Maps.npy", "params_path": "/data/p.txt"}
        by_file = repository.create_experiment(validate_config({"data": pair | {"parameter_space": "wcdm6"}}))
        repository.create_experiment(validate_config({"data": {"dataset": "other"}}))
        found = {"dataset": {"digest": "sha256:" + "b" * 64}}
        with repository.writing() as session:
            session.execute(update(Experiment).where(Experiment.id == named).values(environment=found))
        uses = {use.id: use.digest for use in repository.uses(repository.dataset("quick"))}
        assert uses == {named: "sha256:" + "b" * 64, by_file: None}


class TestLanes:
    def test_every_wait_has_its_place_and_its_reason(self, repository: Repository, config: ExperimentConfig) -> None:
        first = repository.create_experiment(config)
        job = repository.request_simulation({"name": "small"})
        blocked = repository.create_experiment(config, after_job=job)
        assert {e.reason for e in repository.lane(TRAIN)} == {"no training worker lives"}
        beat(repository, TRAIN)
        entries = {e.id: e for e in repository.lane(TRAIN)}
        assert entries[first].reason == "a worker takes it within seconds"
        assert entries[job].reason == "behind Λ run"
        assert entries[blocked].reason == "after the simulation small"
        assert [entries[i].position for i in (first, job, blocked)] == [1, 2, 3]
        claim = repository.claim(TRAIN, "here:1:train")
        assert claim is not None
        beat(repository, TRAIN)  # a worker does so all the time; the machine may have stood still since the first
        entries = {e.id: e for e in repository.lane(TRAIN)}
        assert (entries[first].position, entries[first].owner) == (0, "here:1:train")
        assert (entries[job].position, entries[job].reason) == (1, "behind Λ run")

    @pytest.mark.parametrize("how", [JobStatus.CANCELLED, JobStatus.FAILED])
    def test_an_experiment_does_not_start_behind_a_suite_that_was_not_made(
        self, repository: Repository, config: ExperimentConfig, how: JobStatus
    ) -> None:
        job = repository.request_simulation({"name": "quick"})
        experiment = repository.create_experiment(config, after_job=job)
        beat(repository, TRAIN)
        if how is JobStatus.CANCELLED:
            repository.cancel_job(job)
        else:
            claim = repository.claim(TRAIN, "here:1:train")
            assert claim is not None
            repository.release(claim, how, "failed", "no room")
        assert repository.claim(TRAIN, "here:1:train") is None
        (entry,) = repository.lane(TRAIN)
        word = "was cancelled" if how is JobStatus.CANCELLED else "failed"
        assert entry.reason == f"waits for the dataset quick, whose simulation {word}"
        held = repository.held_back(experiment)
        assert held is not None
        assert (held.job, held.job_status, held.reason) == (job, how, entry.reason)

        repository.resume_job(job)
        claim = repository.claim(TRAIN, "here:1:train")
        assert claim is not None
        assert claim.id == job, "simulated again, it comes first"
        repository.release(claim, JobStatus.SUCCEEDED, "finished")
        assert repository.held_back(experiment) is None
        claim = repository.claim(TRAIN, "here:1:train")
        assert claim is not None
        assert claim.id == experiment

    def test_a_dataset_that_comes_in_otherwise_sets_the_experiment_free(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        job = repository.request_simulation({"name": "quick"})
        experiment = repository.create_experiment(config, after_job=job)
        repository.cancel_job(job)
        assert repository.claim(TRAIN, "here:1:train") is None
        register(repository)
        claim = repository.claim(TRAIN, "here:1:train")
        assert claim is not None
        assert claim.id == experiment

    def test_a_failure_is_told_although_its_run_was_resumed(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        experiment = repository.create_experiment(config)
        for said in ("No space left on device", "the loss is not finite"):
            claim = repository.claim(TRAIN, "here:1:train")
            assert claim is not None
            repository.release(claim, Status.FAILED, "failed", said)
            repository.resume(experiment)
        assert repository.experiment(experiment).summary.status is Status.QUEUED
        found = repository.failures()
        assert [(f.id, f.title, f.message) for f in found] == [
            (experiment, "Λ run", "the loss is not finite"),
            (experiment, "Λ run", "No space left on device"),
        ]
        repository.request(experiment, DesiredState.CANCEL)
        repository.archive(experiment)
        assert repository.failures() == []

    def test_a_waiting_sample_is_cancelled_and_a_drawn_one_is_not(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        sample = request_sample(repository, repository.create_experiment(config))
        repository.cancel_sample(sample)
        assert repository.sample(sample).status is JobStatus.CANCELLED
        with pytest.raises(UserError, match="is no longer queued"):
            repository.cancel_sample(sample)

    def test_a_heartbeat_tells_memory(self, repository: Repository) -> None:
        beat(repository, SAMPLE)
        (worker,) = repository.every_worker()
        assert (worker.memory_used, worker.memory_total, worker.utilisation) == (5, 10, None)


def request_sample(repository: Repository, experiment: str) -> str:
    with repository.writing() as session:
        now = session.scalars(select(Event.time)).first()
        columns = {"role": "best", "step": 1, "epoch": 1, "path": "c.pt", "bytes": 1, "sha256": "c", "written_at": now}
        session.add(Checkpoint(experiment=experiment, attempt=1, **columns))
    return repository.request_sample(SampleSpec(experiment, (0.3, 0.05, 0.7, 1.0, 0.8, -1.0), n=1, seed=0))


class TestDeleting:
    @pytest.fixture
    def two_runs(
        self, repository: Repository, config: ExperimentConfig, write_journal: Journal, write_figures: Any
    ) -> tuple[str, str]:
        """Two finished runs that drew the same first epoch; the first drew a second one of its own."""
        ids = repository.create_experiment(config), repository.create_experiment(config)
        for experiment, epochs in zip(ids, ((1, 2), (1,)), strict=True):
            folder = repository.settings.run_folder(experiment)
            write_journal(folder, [event for epoch in epochs for event in write_figures(folder, epoch)])
            repository.ingest(experiment, folder)
            set_status(repository, experiment, Status.SUCCEEDED)
        return ids

    def artifacts(self, repository: Repository) -> set[str]:
        """What the rows name, after a look that each is on the disk."""
        with repository.reading() as session:
            paths = set(session.scalars(select(Artifact.path)))
        assert all((repository.artifact_folder.root / path).exists() for path in paths)
        return paths

    def files(self, repository: Repository) -> set[str]:
        root = repository.artifact_folder.root
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}

    def test_a_deletion_frees_what_it_said_and_leaves_what_others_show(
        self, repository: Repository, two_runs: tuple[str, str]
    ) -> None:
        gone, kept = two_runs
        child = repository.create_experiment(validate_config({"data": {"dataset": "quick"}}), parent=gone)
        said, before = repository.would_free(gone), self.files(repository)
        assert said.run_folder > 0
        assert said.n_artifacts > 0
        root = repository.artifact_folder.root
        sizes = {path: (root / path).stat().st_size for path in before}
        assert repository.delete_experiment(gone) == said
        assert not repository.settings.run_folder(gone).exists()
        assert self.files(repository) == self.artifacts(repository) < before
        assert sum(sizes[path] for path in before - self.files(repository)) == said.artifacts
        shown = repository.figures(kept, 1)
        for digest in (*shown.real_tiles, *shown.generated_tiles[0], str(shown.samples_arrays)):
            assert repository.artifact(digest), "what another run shows too is still there"
        assert repository.experiment(child).parent is None
        with pytest.raises(UserError, match=r"Λ run was deleted on \d{4}-\d\d-\d\d at \d\d:\d\d UTC"):
            repository.experiment(gone)

    def test_several_that_share_a_picture_free_it_together(
        self, repository: Repository, two_runs: tuple[str, str]
    ) -> None:
        alone = [repository.would_free(one) for one in two_runs]
        together = repository.would_free(*two_runs)
        assert together.artifacts > sum(freed.artifacts for freed in alone), "what both drew"
        freed = [repository.delete_experiment(one) for one in two_runs]
        assert sum(one.total for one in freed) == together.total
        assert self.files(repository) == set()

    def test_a_draft_is_deleted_as_well(self, repository: Repository, config: ExperimentConfig) -> None:
        draft = repository.create_experiment(config, draft=True)
        assert repository.delete_experiment(draft).total == 0
        with pytest.raises(UserError, match="was deleted"):
            repository.request(draft, DesiredState.RUN)
        with pytest.raises(UserError, match="was deleted"):
            repository.set_notes(draft, "too late")

    def test_what_another_is_about_to_begin_with_is_kept_for_it(
        self, repository: Repository, two_runs: tuple[str, str]
    ) -> None:
        plain = {"experiment": {"name": "child"}, "data": {"dataset": "quick"}, "training": {"init_from": two_runs[0]}}
        child = repository.create_experiment(validate_config(plain))
        with pytest.raises(UserError, match=rf"child \({child}\) is about to begin with its weights"):
            repository.delete_experiment(two_runs[0])
        set_status(repository, child, Status.RUNNING)
        repository.delete_experiment(two_runs[0])

    @pytest.mark.parametrize("status", [Status.RUNNING, Status.QUEUED, Status.STALLED])
    def test_what_runs_or_waits_cannot_be_deleted(
        self, repository: Repository, two_runs: tuple[str, str], status: Status
    ) -> None:
        set_status(repository, two_runs[0], status)
        with pytest.raises(UserError, match="stop it before it is deleted"):
            repository.delete_experiment(two_runs[0])
        repository.sweep_trash()
        assert repository.settings.run_folder(two_runs[0]).exists()
        assert repository.figures(two_runs[0], 2).real_tiles

    def test_a_deletion_waits_for_what_uses_the_run_and_names_it(
        self, repository: Repository, two_runs: tuple[str, str]
    ) -> None:
        """A suite, another run's sample and benchmark, and a clone of its settings have nothing to do with it."""
        run, other = two_runs
        repository.request_simulation({"name": "another"})
        request_sample(repository, other)
        repository.request_benchmark(other)
        repository.create_experiment(validate_config({"data": {"dataset": "quick"}}), parent=run)

        sample = request_sample(repository, run)
        with pytest.raises(UserError, match=rf"1 maps? waits? to be drawn from it \(request {sample}\); cancel"):
            repository.delete_experiment(run)
        claim = repository.claim_row("sample", sample, "here:1:sample")
        assert claim is not None
        with pytest.raises(UserError, match="being drawn from it"):
            repository.delete_experiment(run)
        repository.release(claim, JobStatus.FAILED, "failed")
        job = repository.request_benchmark(run)
        with pytest.raises(UserError, match=rf"'Samplers of Λ run' \({job}\), which reads it, waits; cancel it"):
            repository.delete_experiment(run)
        repository.cancel_job(job)
        heir = repository.create_experiment(
            validate_config(
                {"experiment": {"name": "heir"}, "data": {"dataset": "quick"}, "training": {"init_from": run}}
            )
        )
        with pytest.raises(UserError, match=rf"heir \({heir}\) is about to begin with its weights"):
            repository.delete_experiment(run)
        repository.request(heir, DesiredState.CANCEL)
        repository.delete_experiment(run)
        assert not repository.settings.run_folder(run).exists()

    def test_a_crash_after_the_rows_went_leaves_files_that_the_next_sweep_takes(
        self, repository: Repository, two_runs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die(path: str) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(repository.artifact_folder, "remove", die)
            with pytest.raises(KeyboardInterrupt):
                repository.delete_experiment(two_runs[0])
        assert self.artifacts(repository) < self.files(repository), "files without rows, never rows without files"
        with repository.reading() as session:
            assert session.scalars(select(Figure).where(Figure.experiment == two_runs[0])).first() is None
        repository.sweep_trash()
        assert self.artifacts(repository) == self.files(repository)
        assert not any((repository.settings.home / "trash").iterdir())
        assert not repository.settings.run_folder(two_runs[0]).exists()

    def test_a_crash_before_the_rows_went_deletes_nothing(
        self, repository: Repository, two_runs: tuple[str, str]
    ) -> None:
        before, trash = self.files(repository), repository.settings.home / "trash"
        trash.mkdir()
        note = {"experiment": two_runs[0], "artifacts": sorted(before)}
        (trash / "note.json").write_text(json.dumps(note))
        repository.sweep_trash()
        assert self.files(repository) == before
        assert repository.settings.run_folder(two_runs[0]).exists()
        assert not any(trash.iterdir())

    def test_a_run_that_is_only_linked_keeps_its_folder(
        self, repository: Repository, two_runs: tuple[str, str], tmp_path: Path
    ) -> None:
        folder, elsewhere = repository.settings.run_folder(two_runs[0]), tmp_path / "elsewhere"
        folder.rename(elsewhere)
        folder.symlink_to(elsewhere)
        assert repository.delete_experiment(two_runs[0]).run_folder == 0
        assert not folder.is_symlink()
        assert (elsewhere / "logs").exists()
