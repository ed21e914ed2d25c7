"""What people ask for: experiments, stops and resumes, samples, simulations. The row first, its message afterwards."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from focus_core.catalogue.job_kinds.simulation import SIMULATION
from focus_core.catalogue.methods import method_of
from focus_core.catalogue.samplers import SAMPLERS, sampler_refusal
from focus_core.config import ExperimentConfig, recorded_config, to_yaml
from focus_core.errors import UserError
from focus_store.contracts import ACTIVE, RESUMABLE, DesiredState, JobStatus, SampleSpec, Status
from focus_store.experiments import dataset_name, model_digest
from focus_store.jobs import Jobs, free_id
from focus_store.notes import PERSON, clean_tags
from focus_store.queue import SAMPLE, TRAIN
from focus_store.session import add_event, database_now, hold
from focus_store.tables import Checkpoint, Experiment, ExperimentParam, SampleRequest
from focus_store.transitions import move, touch, unknown_experiment


class Requests(Jobs):
    def create_experiment(
        self,
        config: ExperimentConfig,
        *,
        recipe: str | None = None,
        parent: str | None = None,
        tags: Sequence[str] = (),
        draft: bool = False,
        after_job: str | None = None,
    ) -> str:
        """Write an experiment down and, unless it is a draft, queue it. Returns its public id.

        With `after_job` it waits until that job has succeeded, or its dataset has come into the record otherwise.
        """
        with self.writing() as session:
            experiment_id, now = free_id(session, Experiment), database_now(session)
            config = config.made_on(now.astimezone().date())
            if parent is None and session.get(Experiment, config.training.init_from or "") is not None:
                parent = config.training.init_from
            status = Status.DRAFT if draft else Status.QUEUED
            session.add(
                Experiment(
                    id=experiment_id,
                    name=config.experiment.name,
                    config=config.to_dict(),
                    config_digest=config.digest(),
                    model_digest=model_digest(config),
                    dataset=dataset_name(config),
                    recipe=recipe,
                    parent=parent,
                    after_job=after_job,
                    tags=clean_tags(tags),
                    status=status,
                    desired_state=DesiredState.RUN,
                    num_epochs=config.training.num_epochs,
                    created_at=now,
                    queued_at=None if draft else now,
                )
            )
            session.flush()
            session.add_all(parameter_rows(experiment_id, config))
            add_event(session, experiment_id, "status", PERSON, after=status)
        if not draft:
            self.publish(TRAIN, experiment_id)
        return experiment_id

    def configuration_file(self, experiment_id: str) -> str:
        """The experiment's configuration as the YAML that its trainer reads."""
        with self.reading() as session:
            plain = session.scalar(select(Experiment.config).where(Experiment.id == experiment_id))
            if plain is None:
                raise unknown_experiment(session, experiment_id)
        return to_yaml(recorded_config(plain, f"experiment {experiment_id}"))

    def request(self, experiment_id: str, wish: DesiredState) -> None:
        """Pause or stop: at once where nobody works on it, otherwise by a wish that its worker sees within seconds."""
        if wish is DesiredState.RUN:
            self.resume(experiment_id)
            return
        target = Status.PAUSED if wish is DesiredState.PAUSE else Status.CANCELLED
        idle = [Status.QUEUED, Status.CRASHED] + ([Status.PAUSED] if target is Status.CANCELLED else [])
        with self.writing() as session:
            row = _experiment(session, experiment_id)
            if Status(row.status) in ACTIVE:
                touch(session, experiment_id, desired_state=wish)
                add_event(session, experiment_id, "wish", PERSON, before=row.desired_state, after=wish)
            elif row.status == target:
                return
            elif not move(
                session, Experiment, experiment_id, idle, target, PERSON,
                desired_state=wish, ended_at=database_now(session),
            ):  # fmt: skip
                raise UserError(f"experiment {experiment_id}: is {row.status}, so there is nothing to {wish}.")

    def resume(self, experiment_id: str) -> None:
        """Queue an experiment that rests (a draft for the first time, a finished one to be checked or extended)."""
        resting = [Status.DRAFT, Status.SUCCEEDED, *sorted(RESUMABLE)]
        with self.writing() as session:
            row = _experiment(session, experiment_id)
            if Status(row.status) in ACTIVE or row.status == Status.QUEUED:
                # A pause that is under way ends as usual, and its worker hands the row straight back to the queue.
                touch(session, experiment_id, desired_state=DesiredState.RUN)
                return
            now = database_now(session)
            move(
                session, Experiment, experiment_id, resting, Status.QUEUED, PERSON,
                desired_state=DesiredState.RUN, queued_at=now, published_at=None, ended_at=None, retries=0,
            )  # fmt: skip
        self.publish(TRAIN, experiment_id)

    def archive(self, experiment_id: str) -> None:
        """Take it out of every list; nothing is deleted. Refused while it runs."""
        with self.writing() as session:
            row = session.get(Experiment, experiment_id, with_for_update=True)  # nobody claims it meanwhile
            if row is None:
                raise unknown_experiment(session, experiment_id)
            if Status(row.status) in ACTIVE or row.status == Status.QUEUED:
                raise UserError(f"experiment {experiment_id}: is {row.status}; stop it before it is archived.")
            touch(session, experiment_id, archived_at=database_now(session))

    def restore(self, experiment_id: str) -> None:
        """Put an archived experiment back into the lists."""
        with self.writing() as session:
            touch(session, experiment_id, archived_at=None)

    def request_sample(self, spec: SampleSpec) -> str:
        """Ask for maps. An equal request of the same checkpoint that is done or under way answers this one too."""
        with self.writing() as session:
            experiment = _experiment(session, spec.experiment)
            _check_sample(spec, experiment)
            sha256 = _checkpoint_sha256(session, spec)
            digest = request_digest(spec, sha256)
            hold(session, digest)
            twin = session.scalar(
                select(SampleRequest.id)
                .where(SampleRequest.request_digest == digest)
                .where(SampleRequest.status.in_([JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.SUCCEEDED]))
                .order_by(SampleRequest.created_at)
            )
            if twin is not None:
                return twin
            sample_id, now = free_id(session, SampleRequest), database_now(session)
            columns = asdict(spec) | {"theta": list(spec.theta)}
            session.add(
                SampleRequest(
                    id=sample_id,
                    request_digest=digest,
                    checkpoint_sha256=sha256,
                    status=JobStatus.QUEUED,
                    created_at=now,
                    queued_at=now,
                    **columns,
                )
            )
            add_event(session, sample_id, "status", PERSON, after=JobStatus.QUEUED)
        self.publish(SAMPLE, sample_id)
        return sample_id

    def request_simulation(self, arguments: Mapping[str, Any]) -> str:
        """Ask for a suite: `name`, and what `focus simulate` takes (simulations, grid, box, seed, realisations, space).

        UserError names the argument that cannot be. A suite that is under way answers an equal request too, and keeps
        its name from another one: two simulations would write into one folder.
        """
        return self.request_job(SIMULATION.name, arguments)


def request_digest(spec: SampleSpec, checkpoint_sha256: str | None) -> str:
    plain = asdict(spec) | {"sha256": checkpoint_sha256}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _experiment(session: Session, experiment_id: str) -> Experiment:
    row = session.get(Experiment, experiment_id)
    if row is None:
        raise unknown_experiment(session, experiment_id)
    return row


def parameter_rows(experiment_id: str, config: ExperimentConfig) -> list[ExperimentParam]:
    """The configuration, flattened, for filters."""
    return [
        ExperimentParam(
            experiment=experiment_id,
            key=key,
            text=json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value,
            number=float(value) if isinstance(value, (int, float)) else None,
        )
        for key, value in config.flat().items()
    ]


def _checkpoint_sha256(session: Session, spec: SampleSpec) -> str:
    sha256 = session.scalar(
        select(Checkpoint.sha256)
        .where(Checkpoint.experiment == spec.experiment, Checkpoint.role == spec.checkpoint)
        .order_by(Checkpoint.attempt.desc(), Checkpoint.step.desc(), Checkpoint.written_at.desc())
        .limit(1)
    )
    if sha256 is None:
        raise UserError(
            f"experiment {spec.experiment}: has no '{spec.checkpoint}' checkpoint; the first epoch writes best and "
            "last, and training.keep_every keeps those of other epochs."
        )
    return sha256


def _check_sample(spec: SampleSpec, experiment: Experiment) -> None:
    space = experiment.parameter_space
    if space is not None and len(spec.theta) != len(space["parameters"]):
        names = ", ".join(p["name"] for p in space["parameters"])
        raise UserError(f"theta: has {len(spec.theta)} values, but experiment {experiment.id} needs {names}.")
    if not all(math.isfinite(value) for value in spec.theta):
        raise UserError("theta: every parameter must be a finite number.")
    if not 1 <= spec.n <= 4096:
        raise UserError(f"n: {spec.n} maps cannot be drawn in one request; ask for 1 to 4096.")
    if not 0 <= spec.seed < 2**63:
        raise UserError(f"seed: {spec.seed} is out of range; give 0 to 2⁶³ − 1.")
    if not 0.0 <= spec.guidance <= 100.0:
        raise UserError(f"guidance: {spec.guidance:g} is not between 0 and 100; 1 is the unbiased model.")
    method = method_of(experiment.config).name
    timesteps = int(experiment.config.get("diffusion", {}).get("timesteps", 1000))
    refusal = sampler_refusal(spec.sampler, method)
    if refusal is not None:
        raise UserError(f"sampler: {refusal} (experiment {experiment.id}).")
    refusal = SAMPLERS[spec.sampler].steps_refusal(method, spec.steps, timesteps)
    if refusal is not None:
        raise UserError(f"steps: {refusal} (experiment {experiment.id}).")
    if spec.weights not in ("ema", "raw"):
        raise UserError(f"weights: '{spec.weights}' is not known; choose ema or raw.")
    if spec.checkpoint not in ("best", "last") and not spec.checkpoint.startswith("epoch_"):
        raise UserError(f"checkpoint: '{spec.checkpoint}' is not known; choose best, last or a kept epoch.")
