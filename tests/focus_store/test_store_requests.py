"""What people ask of the record, how it is listed, and what is refused in one sentence."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import math
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, update

from focus_core.config import ExperimentConfig, parse_config, validate_config
from focus_core.errors import UserError
from focus_store.artifacts import ArtifactFolder
from focus_store.contracts import DesiredState, JobStatus, SampleSpec, Status, WorkerRow
from focus_store.experiments import model_digest
from focus_store.queue import SAMPLE, TRAIN
from focus_store.repository import Repository
from focus_store.session import open_record
from focus_store.settings import VARIABLES, Settings
from focus_store.tables import Checkpoint, Experiment, ExperimentParam, UtcDateTime
from migrations.upgrade import migrate

THETA = (0.3, 0.05, 0.7, 1.0, 0.8, -1.0)


def make(name: str, dataset: str = "quick", **training: object) -> ExperimentConfig:
    return validate_config({"experiment": {"name": name}, "data": {"dataset": dataset}, "training": training})


def give_checkpoint(repository: Repository, experiment: str, sha256: str, step: int = 1) -> None:
    with repository.writing() as session:
        session.add(
            Checkpoint(
                experiment=experiment,
                attempt=1,
                role="best",
                step=step,
                epoch=1,
                path="checkpoints/checkpoint_best.pt",
                bytes=1,
                sha256=sha256,
                written_at=datetime.datetime.now(datetime.UTC),
            )
        )


class TestExperiments:
    def test_an_experiment_that_begins_with_anothers_weights_is_its_child(self, repository: Repository) -> None:
        parent = repository.create_experiment(make("parent"))
        child = repository.create_experiment(make("child", init_from=parent))
        assert repository.experiment(child).parent == parent
        elsewhere = repository.create_experiment(make("of a folder", init_from="/runs/other"))
        assert repository.experiment(elsewhere).parent is None

    def test_an_experiment_keeps_its_configuration_to_the_letter(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        row_id = repository.create_experiment(config, recipe="quickstart", tags=[" b ", "a", "a", ""])
        detail = repository.experiment(row_id)
        assert detail.config == config.to_dict()
        assert detail.config_digest == config.digest()
        assert detail.summary.tags == ("a", "b")
        assert parse_config(repository.configuration_file(row_id)) == config
        assert len(row_id) == 8
        with repository.reading() as session:
            lr = session.get(ExperimentParam, (row_id, "training.lr"))
            assert lr is not None
            assert (lr.number, lr.text) == (1e-4, "0.0001")

    def test_a_new_experiment_has_the_day_on_which_it_is_made_and_not_its_recipe_s(
        self, repository: Repository
    ) -> None:
        recipe = validate_config({"experiment": {"created": "2025-11-02"}, "data": {"dataset": "quick"}})
        row_id = repository.create_experiment(recipe, recipe="quickstart")
        detail = repository.experiment(row_id)
        made = detail.summary.created_at.astimezone().date().isoformat()
        assert detail.config["experiment"]["created"] == made
        assert f"created: '{made}'" in repository.configuration_file(row_id).replace('"', "'")
        assert detail.config_digest == recipe.digest()

    def test_lists_are_newest_first_and_filtered_by_status_text_tag_and_dataset(self, repository: Repository) -> None:
        a = repository.create_experiment(make("Alpha 100%"), tags=["Σ", "first"])
        b = repository.create_experiment(make("beta", dataset="/data/other"), draft=True)
        c = repository.create_experiment(make("gamma_1"), recipe="experiment_01")

        def ids(**filters: object) -> list[str]:
            return [row.id for row in repository.list_experiments(**filters)]  # type: ignore[arg-type]

        assert ids() == [c, b, a]
        assert ids(limit=1, offset=1) == [b]
        assert ids(status=Status.DRAFT) == [b]
        assert ids(text="ALPHA") == [a]
        assert ids(text="0%") == [a], "a per cent sign is a sign, not a wildcard"
        assert ids(text="experiment_01") == [c]
        assert ids(text=a) == [a]
        assert ids(tag="Σ") == [a]
        assert ids(tag="irs") == []
        assert ids(dataset="other") == [b]
        assert repository.tags() == ["first", "Σ"]

    def test_an_archived_experiment_is_in_no_list_and_still_there(self, repository: Repository) -> None:
        row_id = repository.create_experiment(make("old"), draft=True)
        repository.archive(row_id)
        assert repository.list_experiments() == []
        assert repository.identical(make("old").digest()) == []
        assert repository.experiment(row_id).summary.name == "old"
        with pytest.raises(UserError, match="stop it before"):
            repository.archive(repository.create_experiment(make("waiting")))

    def test_an_identical_configuration_is_found_whatever_its_name(self, repository: Repository) -> None:
        row_id = repository.create_experiment(make("one"))
        repository.create_experiment(make("two", lr=1e-3))
        assert [row.id for row in repository.identical(make("another name").digest())] == [row_id]

    def test_what_is_unknown_is_refused_by_its_id(self, repository: Repository) -> None:
        for ask in (
            lambda: repository.experiment("nothere0"),
            lambda: repository.change_token("nothere0"),
            lambda: repository.set_notes("nothere0", "x"),
            lambda: repository.request("nothere0", DesiredState.PAUSE),
            lambda: repository.configuration_file("nothere0"),
            lambda: repository.sample("nothere0"),
            lambda: repository.job("nothere0"),
        ):
            with pytest.raises(UserError, match="nothere0"):
                ask()

    def test_every_write_moves_the_change_token(self, repository: Repository, config: ExperimentConfig) -> None:
        row_id = repository.create_experiment(config)
        tokens, lists = [repository.change_token(row_id)], [repository.record_token()]
        repository.set_notes(row_id, "a note")
        tokens.append(repository.change_token(row_id))
        repository.set_tags(row_id, ["x"])
        tokens.append(repository.change_token(row_id))
        repository.request(row_id, DesiredState.PAUSE)
        tokens.append(repository.change_token(row_id))
        lists.append(repository.record_token())
        assert tokens == sorted(set(tokens))
        assert len(set(lists)) == 2
        assert repository.experiment(row_id).notes == "a note"

    def test_measured_speeds_are_known_by_network_grid_and_device(self, repository: Repository) -> None:
        row_id = repository.create_experiment(make("one"))
        assert repository.speeds() == []
        with repository.writing() as session:
            values = {"images_per_second": 12.5, "grid": 64, "device": "cpu"}
            session.execute(update(Experiment).where(Experiment.id == row_id).values(**values))
        (speed,) = repository.speeds()
        assert speed.model_digest == model_digest(make("another", lr=1e-3))
        assert (speed.grid, speed.device, speed.images_per_second) == (64, "cpu", 12.5)


class TestSamples:
    def spec(self, repository: Repository) -> SampleSpec:
        row_id = repository.create_experiment(make("one"))
        give_checkpoint(repository, row_id, "a" * 64)
        return SampleSpec(row_id, THETA, n=2, seed=0)

    def test_an_equal_request_is_answered_from_the_record_until_the_checkpoint_changes(
        self, repository: Repository
    ) -> None:
        spec = self.spec(repository)
        first = repository.request_sample(spec)
        assert repository.request_sample(dataclasses.replace(spec)) == first
        assert repository.request_sample(dataclasses.replace(spec, seed=1)) != first
        give_checkpoint(repository, spec.experiment, "b" * 64, step=2)
        assert repository.request_sample(spec) != first
        assert [row.spec for row in repository.samples(spec.experiment)][-1] == spec

    def test_a_request_that_failed_is_tried_again(self, repository: Repository) -> None:
        spec = self.spec(repository)
        first = repository.request_sample(spec)
        claim = repository.claim(SAMPLE, "host:1")
        assert claim is not None
        repository.release(claim, JobStatus.FAILED, "refused", "a sentence")
        assert repository.sample(first).message == "a sentence"
        assert repository.request_sample(spec) != first

    def test_an_answer_carries_maps_tiles_and_spectrum(self, repository: Repository) -> None:
        sample_id = repository.request_sample(self.spec(repository))
        claim = repository.claim(SAMPLE, "host:1")
        assert claim is not None
        put = repository.artifact_folder.put
        spectrum = {"k": np.arange(1.0, 4.0), "power": np.arange(6.0).reshape(2, 3), "n_modes": np.array([8, 12, 16])}
        assert repository.finish_sample(
            claim,
            checkpoint_sha256="a" * 64,
            result=put(b"npz", ".npz"),
            tiles=[put(b"one", ".webp"), put(b"two", ".webp")],
            value_range=(10.0, 13.0),
            spectrum=spectrum | {"box_size": None, "grid": 8, "unit": "normalised"},
            seconds=1.5,
        )
        row = repository.sample(sample_id)
        assert (row.status, row.progress, row.value_range, row.seconds) == (JobStatus.SUCCEEDED, 1.0, (10.0, 13.0), 1.5)
        assert [repository.artifact(tile) for tile in row.tiles] == [b"one", b"two"]
        assert row.power is not None
        np.testing.assert_array_equal(row.power, spectrum["power"])

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"n": 0}, "n: 0 maps"),
            ({"steps": 0}, "steps: 0"),
            ({"steps": 10**10}, "steps: 10000000000 are too many"),
            ({"steps": 1001}, "steps: 1001 are too many; DDIM takes 1,000 or fewer"),
            ({"seed": -1}, "seed: -1"),
            ({"guidance": math.nan}, "guidance: nan"),
            ({"guidance": 101.0}, "guidance: 101"),
            ({"theta": (math.inf,) * 6}, "theta: every parameter"),
            ({"sampler": "euler"}, "sampler: euler is not available for method diffusion; use ddim"),
            ({"weights": "best"}, "weights: 'best'"),
            ({"checkpoint": "epoch 3"}, "checkpoint: 'epoch 3'"),
            ({"checkpoint": "last"}, "has no 'last' checkpoint"),
        ],
    )
    def test_what_cannot_be_drawn_is_refused_by_its_field(
        self, repository: Repository, change: dict[str, object], sentence: str
    ) -> None:
        spec = dataclasses.replace(self.spec(repository), **change)  # type: ignore[arg-type]
        with pytest.raises(UserError, match=sentence.replace("(", r"\(")):
            repository.request_sample(spec)

    def test_theta_of_another_width_is_refused_with_the_names(self, repository: Repository) -> None:
        spec = self.spec(repository)
        space = {"name": "two", "parameters": [{"name": "Omega_m"}, {"name": "sigma_8"}], "fixed": {}}
        with repository.writing() as session:
            session.execute(update(Experiment).values(parameter_space=space))
        with pytest.raises(UserError, match=r"6 values.*Omega_m, sigma_8"):
            repository.request_sample(spec)


class TestSimulations:
    def test_a_suite_has_the_arguments_of_focus_simulate(self, repository: Repository) -> None:
        job = repository.job(repository.request_simulation({"name": "quick", "simulations": 8, "realisations": 2}))
        assert job.arguments == {
            **{"name": "quick", "simulations": 8, "grid": 64, "box": 64.0},
            **{"seed": 0, "realisations": 2, "space": "wcdm6"},
        }
        assert (job.total, job.status) == (16, JobStatus.QUEUED)
        assert [row.id for row in repository.jobs(active_only=True)] == [job.id]

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ({}, "name: ''"),
            ({"name": "../escape"}, "name: '../escape'"),
            ({"name": "a", "grids": 3}, "grids: is not an argument"),
            ({"name": "a", "grid": "big"}, "grid: 'big' is not a number"),
            ({"name": "a", "simulations": 0}, "simulations: 0 is too small"),
            ({"name": "a", "space": "wcdm7"}, "wcdm7"),
        ],
    )
    def test_what_cannot_be_simulated_is_refused_by_its_argument(
        self, repository: Repository, arguments: dict[str, object], sentence: str
    ) -> None:
        with pytest.raises(UserError, match=sentence):
            repository.request_simulation(arguments)
        assert repository.jobs() == []

    def test_a_suite_that_is_under_way_is_not_asked_for_twice(self, repository: Repository) -> None:
        """A double click, two windows: one folder is written by one simulation."""
        wanted = {"name": "pm", "simulations": 8}
        first = repository.request_simulation(wanted)
        assert repository.request_simulation(wanted | {"seed": 0}) == first
        with pytest.raises(UserError, match="name: 'pm' is being simulated with other settings"):
            repository.request_simulation(wanted | {"seed": 1})
        assert [row.id for row in repository.jobs()] == [first]
        repository.cancel_job(first)
        assert repository.request_simulation(wanted | {"seed": 1}) != first


class TestAddresses:
    def test_a_character_that_no_text_of_postgresql_has_is_a_sentence(self, repository: Repository) -> None:
        """`?id=%00` and `?text=%00` are typed by machines that try doors."""
        with pytest.raises(UserError):
            repository.experiment("a\0b")
        with pytest.raises(UserError):
            repository.change_token("\0")
        with contextlib.suppress(UserError):
            assert repository.list_experiments(text="a\0b") == []


class TestState:
    def test_the_status_line_counts_runs_and_knows_living_workers(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        assert repository.is_empty()
        for _ in range(3):
            repository.create_experiment(config)
        claim = repository.claim(TRAIN, "host:1")
        assert claim is not None
        row = WorkerRow("host:1:train", "host", "train", 1, "cpu", 0.0, None)
        repository.beat(row)
        repository.set_current(row.id, claim.id)
        state = repository.state()
        assert (state.running, state.queued, state.failed) == (1, 2, 0)
        assert [(worker.id, worker.current) for worker in state.workers] == [(row.id, claim.id)]
        assert state.heartbeat_age is not None
        assert 0 <= state.heartbeat_age < 60
        repository.sign_off(row.id)
        assert repository.state().heartbeat_age is None
        assert not repository.is_empty()

    def test_a_list_of_a_thousand_reads_no_points(self, repository: Repository, config: ExperimentConfig) -> None:
        row_id = repository.create_experiment(config, draft=True)
        with repository.writing() as session:
            columns = [c for c in Experiment.__table__.columns if c.name != "id"]
            row = session.execute(select(*columns).where(Experiment.id == row_id)).one()._mapping
            session.execute(Experiment.__table__.insert(), [{**row, "id": f"copy{i:04d}"} for i in range(999)])
        statements: list[str] = []
        from sqlalchemy import event

        event.listen(repository._reader, "before_cursor_execute", lambda *a: statements.append(a[2]))
        assert len(repository.list_experiments(limit=1000)) == 1000
        assert len([s for s in statements if "SELECT" in s]) == 1
        assert not any("metric_" in s or "JOIN" in s for s in statements)


class TestArtifacts:
    def test_equal_content_is_stored_once_under_its_hash(self, tmp_path: Path) -> None:
        folder = ArtifactFolder(tmp_path)
        first, second = folder.put(b"content", ".webp"), folder.put(b"content", ".webp")
        assert first == second
        assert first.path == f"{first.digest[:2]}/{first.digest}.webp"
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{first.digest}.webp"]
        assert folder.read(first.digest) == b"content"

    @pytest.mark.parametrize("digest", ["", "../../etc/passwd", "*", "A" * 64, "0" * 63 + "*"])
    def test_what_is_not_a_hash_finds_nothing(self, tmp_path: Path, digest: str) -> None:
        ArtifactFolder(tmp_path).put(b"content", ".webp")
        assert ArtifactFolder(tmp_path).find(digest) is None
        with pytest.raises(UserError, match="artifact"):
            ArtifactFolder(tmp_path).read(digest)


class TestSettings:
    def test_a_home_may_have_any_name_and_two_of_them_share_no_record(self, tmp_path: Path) -> None:
        """In an address `?` begins a query and `%` a code; in a path they are letters."""
        homes = [tmp_path / name for name in ("what? 100% #1 ü", "what? 100% #2 ü", "what", "%41", "A")]
        for home in homes:
            settings = Settings.from_environment({"FOCUS_HOME": str(home), "FOCUS_ARTIFACT_URL": f"file://{home}/far"})
            assert Settings.from_environment(settings.environment()) == settings
            migrate(settings.database_url)
            repository = open_record(settings)
            repository.request_simulation({"name": "quick"})
            file = repository.artifact_folder.put(b"x", ".npz")
            assert len(repository.jobs()) == 1
            repository.close()
            assert (home / "focus.db").is_file()
            assert (home / "artifacts" / file.path).is_file()
            assert (home / "far").is_dir()
            assert list((home / "broker" / "messages").iterdir())
        assert sorted(tmp_path.iterdir()) == sorted(homes)

    def test_every_variable_goes_there_and_back(self, tmp_path: Path) -> None:
        given = {"FOCUS_HOME": str(tmp_path), "FOCUS_PORT": "9000", "FOCUS_LEASE_SECONDS": "60"}
        settings = Settings.from_environment(given)
        assert (settings.port, settings.lease_seconds, settings.heartbeat_seconds) == (9000, 60.0, 10.0)
        assert set(settings.environment()) == set(VARIABLES)
        assert Settings.from_environment(settings.environment()) == settings

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("FOCUS_PORT", "http"),
            ("FOCUS_PORT", "70000"),
            ("FOCUS_LEASE_SECONDS", "12"),
            ("FOCUS_HEARTBEAT_SECONDS", "-1"),
            ("FOCUS_GRACE_SECONDS", "nan"),
            ("FOCUS_MAX_RETRIES", "-1"),
            ("FOCUS_MAX_RETRIES", "2.5"),
            ("FOCUS_QUICK_SIMULATIONS", "0"),
            ("FOCUS_QUICK_GRID", "33"),
            ("FOCUS_QUICK_GRID", "4"),
            ("FOCUS_DATABASE_URL", "mysql://host/db"),
            ("FOCUS_DATABASE_URL", "not an address"),
            ("FOCUS_BROKER_URL", "carrier-pigeon://"),
        ],
    )
    def test_a_value_that_makes_no_sense_is_refused_by_its_name(self, tmp_path: Path, name: str, value: str) -> None:
        with pytest.raises(UserError, match=name):
            Settings.from_environment({"FOCUS_HOME": str(tmp_path), name: value})

    def test_a_time_without_a_zone_never_enters_the_record(self) -> None:
        with pytest.raises(ValueError, match="aware"):
            UtcDateTime().process_bind_param(datetime.datetime(2025, 1, 1), None)  # type: ignore[arg-type]
