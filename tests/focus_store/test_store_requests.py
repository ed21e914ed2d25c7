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

from focus_core.config.experiment import ExperimentConfig, parse_config, validate_config
from focus_core.errors import UserError
from focus_store.contracts import DesiredState, JobStatus, SampleMeasurement, SampleSpec, Status, WorkerRow
from focus_store.database.tables import Checkpoint, Experiment, ExperimentParam, UtcDateTime
from focus_store.files.artifacts import ArtifactFolder
from focus_store.queue import SAMPLE, TRAIN
from focus_store.record.experiments import model_digest
from focus_store.record.record import Record, open_record
from focus_store.settings import VARIABLES, Settings
from migrations.upgrade import migrate

THETA = (0.3, 0.05, 0.7, 1.0, 0.8, -1.0)


def make(name: str, dataset: str = "quick", **training: object) -> ExperimentConfig:
    return validate_config({"experiment": {"name": name}, "data": {"dataset": dataset}, "training": training})


def give_checkpoint(record: Record, experiment: str, sha256: str, step: int = 1) -> None:
    with record.database.writing() as session:
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
    def test_an_experiment_that_begins_with_anothers_weights_is_its_child(self, record: Record) -> None:
        parent = record.experiments.create(make("parent"))
        child = record.experiments.create(make("child", init_from=parent))
        assert record.experiments.get(child).parent == parent
        elsewhere = record.experiments.create(make("of a folder", init_from="/runs/other"))
        assert record.experiments.get(elsewhere).parent is None

    def test_an_experiment_keeps_its_configuration_to_the_letter(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        row_id = record.experiments.create(config, recipe="quickstart", tags=[" b ", "a", "a", ""])
        detail = record.experiments.get(row_id)
        assert detail.config == config.to_dict()
        assert detail.config_digest == config.digest()
        assert detail.summary.tags == ("a", "b")
        assert parse_config(record.experiments.configuration_file(row_id)) == config
        assert len(row_id) == 8
        with record.database.reading() as session:
            lr = session.get(ExperimentParam, (row_id, "training.lr"))
            assert lr is not None
            assert (lr.number, lr.text) == (1e-4, "0.0001")

    def test_a_new_experiment_has_the_day_on_which_it_is_made_and_not_its_recipe_s(self, record: Record) -> None:
        recipe = validate_config({"experiment": {"created": "2025-11-02"}, "data": {"dataset": "quick"}})
        row_id = record.experiments.create(recipe, recipe="quickstart")
        detail = record.experiments.get(row_id)
        made = detail.summary.created_at.astimezone().date().isoformat()
        assert detail.config["experiment"]["created"] == made
        assert f"created: '{made}'" in record.experiments.configuration_file(row_id).replace('"', "'")
        assert detail.config_digest == recipe.digest()

    def test_lists_are_newest_first_and_filtered_by_status_text_tag_and_dataset(self, record: Record) -> None:
        a = record.experiments.create(make("Alpha 100%"), tags=["Σ", "first"])
        b = record.experiments.create(make("beta", dataset="/data/other"), draft=True)
        c = record.experiments.create(make("gamma_1"), recipe="experiment_01")

        def ids(**filters: object) -> list[str]:
            return [row.id for row in record.experiments.find(**filters)]  # type: ignore[arg-type]

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
        assert record.experiments.tags() == ["first", "Σ"]

    def test_an_archived_experiment_is_in_no_list_and_still_there(self, record: Record) -> None:
        row_id = record.experiments.create(make("old"), draft=True)
        record.experiments.archive(row_id)
        assert record.experiments.find() == []
        assert record.experiments.identical(make("old").digest()) == []
        assert record.experiments.get(row_id).summary.name == "old"
        with pytest.raises(UserError, match="stop it before"):
            record.experiments.archive(record.experiments.create(make("waiting")))

    def test_an_identical_configuration_is_found_whatever_its_name(self, record: Record) -> None:
        row_id = record.experiments.create(make("one"))
        record.experiments.create(make("two", lr=1e-3))
        assert [row.id for row in record.experiments.identical(make("another name").digest())] == [row_id]

    def test_what_is_unknown_is_refused_by_its_id(self, record: Record) -> None:
        for ask in (
            lambda: record.experiments.get("nothere0"),
            lambda: record.experiments.change_token("nothere0"),
            lambda: record.notes.set("nothere0", "x"),
            lambda: record.experiments.request("nothere0", DesiredState.PAUSE),
            lambda: record.experiments.configuration_file("nothere0"),
            lambda: record.samples.get("nothere0"),
            lambda: record.jobs.get("nothere0"),
        ):
            with pytest.raises(UserError, match="nothere0"):
                ask()

    def test_every_write_moves_the_change_token(self, record: Record, config: ExperimentConfig) -> None:
        row_id = record.experiments.create(config)
        tokens, lists = [record.experiments.change_token(row_id)], [record.experiments.record_token()]
        record.notes.set(row_id, "a note")
        tokens.append(record.experiments.change_token(row_id))
        record.notes.set_tags(row_id, ["x"])
        tokens.append(record.experiments.change_token(row_id))
        record.experiments.request(row_id, DesiredState.PAUSE)
        tokens.append(record.experiments.change_token(row_id))
        lists.append(record.experiments.record_token())
        assert tokens == sorted(set(tokens))
        assert len(set(lists)) == 2
        assert record.experiments.get(row_id).notes == "a note"

    def test_measured_speeds_are_known_by_network_grid_and_device(self, record: Record) -> None:
        row_id = record.experiments.create(make("one"))
        assert record.experiments.speeds() == []
        with record.database.writing() as session:
            values = {"images_per_second": 12.5, "grid": 64, "device": "cpu"}
            session.execute(update(Experiment).where(Experiment.id == row_id).values(**values))
        (speed,) = record.experiments.speeds()
        assert speed.model_digest == model_digest(make("another", lr=1e-3))
        assert (speed.grid, speed.device, speed.images_per_second) == (64, "cpu", 12.5)


class TestSamples:
    def spec(self, record: Record) -> SampleSpec:
        row_id = record.experiments.create(make("one"))
        give_checkpoint(record, row_id, "a" * 64)
        return SampleSpec(row_id, THETA, n=2, seed=0)

    def test_an_equal_request_is_answered_from_the_record_until_the_checkpoint_changes(self, record: Record) -> None:
        spec = self.spec(record)
        first = record.samples.request(spec)
        assert record.samples.request(dataclasses.replace(spec)) == first
        assert record.samples.request(dataclasses.replace(spec, seed=1)) != first
        give_checkpoint(record, spec.experiment, "b" * 64, step=2)
        assert record.samples.request(spec) != first
        assert [row.spec for row in record.samples.latest(spec.experiment)][-1] == spec

    def test_a_request_that_failed_is_tried_again(self, record: Record) -> None:
        spec = self.spec(record)
        first = record.samples.request(spec)
        claim = record.leases.claim(SAMPLE, "host:1")
        assert claim is not None
        record.leases.release(claim, JobStatus.FAILED, "refused", "a sentence")
        assert record.samples.get(first).message == "a sentence"
        assert record.samples.request(spec) != first

    def test_an_answer_carries_maps_tiles_and_spectrum(self, record: Record) -> None:
        sample_id = record.samples.request(self.spec(record))
        claim = record.leases.claim(SAMPLE, "host:1")
        assert claim is not None
        put = record.artifacts.put
        power = {"k": np.arange(1.0, 4.0), "generated": np.arange(6.0).reshape(2, 3), "n_modes": np.array([8, 12, 16])}
        pdf = {"log_density": np.arange(2.0), "generated": np.ones((2, 2)), "unit": np.array("1/dex")}
        assert record.samples.finish(
            claim,
            checkpoint_sha256="a" * 64,
            result=put(b"npz", ".npz"),
            tiles=[put(b"one", ".webp"), put(b"two", ".webp")],
            value_range=(10.0, 13.0),
            measured={
                "power_spectrum": SampleMeasurement(power, {"reason": "too few simulations"}),
                "pdf": SampleMeasurement(pdf),
            },
            seconds=1.5,
        )
        row = record.samples.get(sample_id)
        assert (row.status, row.progress, row.value_range, row.seconds) == (JobStatus.SUCCEEDED, 1.0, (10.0, 13.0), 1.5)
        assert [record.artifacts.read(tile) for tile in row.tiles] == [b"one", b"two"]
        assert row.measured.keys() == {"power_spectrum", "pdf"}
        np.testing.assert_array_equal(row.measured["power_spectrum"].arrays["generated"], power["generated"])
        assert row.measured["power_spectrum"].truth == {"reason": "too few simulations"}
        assert str(row.measured["pdf"].arrays["unit"]) == "1/dex"

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
        self, record: Record, change: dict[str, object], sentence: str
    ) -> None:
        spec = dataclasses.replace(self.spec(record), **change)  # type: ignore[arg-type]
        with pytest.raises(UserError, match=sentence.replace("(", r"\(")):
            record.samples.request(spec)

    @pytest.mark.parametrize("sampler", ["ddim", "heun", "dpmpp_2m"])
    def test_more_steps_than_the_runs_own_schedule_has_are_refused_when_they_are_asked_for(
        self, record: Record, sampler: str
    ) -> None:
        spec = dataclasses.replace(self.spec(record), sampler=sampler, steps=200)
        record.samples.request(spec)  # of the thousand that a schedule has by default
        with record.database.writing() as session:
            (row,) = session.scalars(select(Experiment))
            row.config = {**row.config, "diffusion": {**row.config["diffusion"], "timesteps": 50}}
        with pytest.raises(UserError, match=r"steps: 200 are too many; .* takes 50 or fewer, all of diffusion.timest"):
            record.samples.request(dataclasses.replace(spec, seed=1))
        assert len(record.samples.latest()) == 1
        record.samples.request(dataclasses.replace(spec, steps=50))

    def test_theta_of_another_width_is_refused_with_the_names(self, record: Record) -> None:
        spec = self.spec(record)
        space = {"name": "two", "parameters": [{"name": "Omega_m"}, {"name": "sigma_8"}], "fixed": {}}
        with record.database.writing() as session:
            session.execute(update(Experiment).values(parameter_space=space))
        with pytest.raises(UserError, match=r"6 values.*Omega_m, sigma_8"):
            record.samples.request(spec)


class TestSimulations:
    def test_a_suite_has_the_arguments_of_focus_simulate(self, record: Record) -> None:
        job = record.jobs.get(record.jobs.request_simulation({"name": "quick", "simulations": 8, "realisations": 2}))
        assert job.arguments == {
            **{"name": "quick", "simulations": 8, "grid": 64, "box": 64.0},
            **{"seed": 0, "realisations": 2, "space": "wcdm6"},
        }
        assert (job.total, job.status) == (16, JobStatus.QUEUED)
        assert [row.id for row in record.jobs.every(active_only=True)] == [job.id]

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
        self, record: Record, arguments: dict[str, object], sentence: str
    ) -> None:
        with pytest.raises(UserError, match=sentence):
            record.jobs.request_simulation(arguments)
        assert record.jobs.every() == []

    def test_a_suite_that_is_under_way_is_not_asked_for_twice(self, record: Record) -> None:
        """A double click, two windows: one folder is written by one simulation."""
        wanted = {"name": "pm", "simulations": 8}
        first = record.jobs.request_simulation(wanted)
        assert record.jobs.request_simulation(wanted | {"seed": 0}) == first
        with pytest.raises(UserError, match="name: 'pm' is being simulated with other settings"):
            record.jobs.request_simulation(wanted | {"seed": 1})
        assert [row.id for row in record.jobs.every()] == [first]
        record.jobs.cancel(first)
        assert record.jobs.request_simulation(wanted | {"seed": 1}) != first


class TestAddresses:
    def test_a_character_that_no_text_of_postgresql_has_is_a_sentence(self, record: Record) -> None:
        """`?id=%00` and `?text=%00` are typed by machines that try doors."""
        with pytest.raises(UserError):
            record.experiments.get("a\0b")
        with pytest.raises(UserError):
            record.experiments.change_token("\0")
        with contextlib.suppress(UserError):
            assert record.experiments.find(text="a\0b") == []


class TestState:
    def test_the_status_line_counts_runs_and_knows_living_workers(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        assert record.laboratory.is_empty()
        for _ in range(3):
            record.experiments.create(config)
        claim = record.leases.claim(TRAIN, "host:1")
        assert claim is not None
        row = WorkerRow("host:1:train", "host", "train", 1, "cpu", 0.0, None)
        record.workers.beat(row)
        record.workers.set_current(row.id, claim.id)
        state = record.laboratory.state()
        assert (state.running, state.queued, state.failed) == (1, 2, 0)
        assert [(worker.id, worker.current) for worker in state.workers] == [(row.id, claim.id)]
        assert state.heartbeat_age is not None
        assert 0 <= state.heartbeat_age < 60
        record.workers.sign_off(row.id)
        assert record.laboratory.state().heartbeat_age is None
        assert not record.laboratory.is_empty()

    def test_a_list_of_a_thousand_reads_no_points(self, record: Record, config: ExperimentConfig) -> None:
        row_id = record.experiments.create(config, draft=True)
        with record.database.writing() as session:
            columns = [c for c in Experiment.__table__.columns if c.name != "id"]
            row = session.execute(select(*columns).where(Experiment.id == row_id)).one()._mapping
            session.execute(Experiment.__table__.insert(), [{**row, "id": f"copy{i:04d}"} for i in range(999)])
        statements: list[str] = []
        from sqlalchemy import event

        event.listen(record.database._reader, "before_cursor_execute", lambda *a: statements.append(a[2]))
        assert len(record.experiments.find(limit=1000)) == 1000
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
            record = open_record(settings)
            record.jobs.request_simulation({"name": "quick"})
            file = record.artifacts.put(b"x", ".npz")
            assert len(record.jobs.every()) == 1
            record.close()
            assert (home / "focus.db").is_file()
            assert (home / "artifacts" / file.path).is_file()
            assert (home / "far").is_dir()
            assert list((home / "broker" / "messages").iterdir())
        assert sorted(tmp_path.iterdir()) == sorted(homes)

    def test_every_variable_goes_there_and_back(self, tmp_path: Path) -> None:
        given = {"FOCUS_HOME": str(tmp_path), "FOCUS_PORT": "9000", "FOCUS_LEASE_SECONDS": "60"}
        settings = Settings.from_environment(given | {"FOCUS_PREFIX": "focus/"})
        assert settings.prefix == "/focus"
        assert (settings.port, settings.lease_seconds, settings.heartbeat_seconds) == (9000, 60.0, 10.0)
        assert set(settings.environment()) == set(VARIABLES)
        assert Settings.from_environment(settings.environment()) == settings

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("FOCUS_PORT", "http"),
            ("FOCUS_PORT", "70000"),
            ("FOCUS_PREFIX", "https://focus.example.org/"),
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
