"""The maps to evaluate: those of a file, or maps that a run draws at the θ of simulations."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from focus_core.catalogue.samplers import SAMPLERS
from focus_core.config.experiment import ExperimentConfig, load_config
from focus_core.data.dataset import MapDataset
from focus_core.disk.atomic import write_text
from focus_core.errors import UserError
from focus_core.evaluation.inputs import (
    at_theta,
    given_set,
    open_data,
    read_given,
    simulations_of,
    spread,
    training_of,
)
from focus_core.evaluation.mapsets import by_theta
from focus_core.evaluation.pairs import make_pairs
from focus_core.evaluation.report import Subject
from focus_core.map_model import maps_at_once
from focus_core.run_files import CONFIG
from focus_core.sampling.drawing import MapRequest, draw_to_file
from focus_core.sampling.from_run import IncompleteCheckpoint, LoadedRun, chosen_sampler, load_run
from focus_core.statistics.fields import FloatArray

MAPS, PLAN = "maps.npz", "maps.json"
# Network evaluations done, total, and maps finished; may raise StopRequested.
Told = Callable[[int, int, int], None]


@dataclass(frozen=True)
class RunRequest:
    """Maps requested from a run. `most` θ of the part `split`; sampler and steps default to the run's own."""

    run: Path
    checkpoint: str = "best"
    device: str = "auto"
    dataset: str | None = None
    split: str = "test"
    most: int = 16
    seed: int = 0
    sampler: str | None = None
    steps: int | None = None


def given_subject(
    path: Path, dataset_name: str | None, split: str | None, most: int | None, seed: int
) -> tuple[Subject, MapDataset]:
    """The maps of a file; every map of the dataset counts as training data of their generator."""
    dataset = open_data(dataset_name, None)
    given = read_given(path, dataset.space)
    part = split or "all"
    keep = np.ones(len(given.theta), dtype=bool)
    if part != "all":
        keep = at_theta(given.theta, dataset.simulation_theta[simulations_of(part, dataset, None)], dataset.space)
    training = training_of(dataset, np.arange(dataset.n_simulations))
    about = {"file": path.name, "file_sha256": given.sha256}
    in_words = "every θ of the file" if part == "all" else f"the file's maps at θ of the part {part}"
    reason = "" if keep.any() else f"the file has no map at a θ of the part {part}; use --split all."
    maps, note = (None, "")
    if keep.any():
        chosen = (
            given
            if keep.all()
            else type(given)(path, given.maps[keep], given.theta[keep], given.box_size, given.sha256)
        )
        maps, note = given_set(chosen, most)
    notes = tuple(filter(None, (note,)))
    return Subject(maps, path.name, given.box_size, part, in_words, seed, training, reason, about, notes), dataset


def drawn_subject(request: RunRequest, folder: Path, told: Told) -> tuple[Subject, MapDataset]:
    """As many maps as each simulation has, at the θ of a part; they are kept in maps.npz of the report's folder."""
    try:
        run = load_run(request.run, "ema", request.checkpoint, request.device)
    except IncompleteCheckpoint as error:
        config = load_config(request.run / CONFIG)
        dataset = open_data(request.dataset, config.data)
        return _empty(request, config, str(error)), dataset
    sampler = chosen_sampler(run, request.sampler, request.steps)
    dataset = open_data(request.dataset, run.config.data)
    simulations = simulations_of(request.split, dataset, request.run)
    if not len(simulations):
        reason = f"the part {request.split} of the run's split has no simulation; use another --split."
        return _empty(request, run.config, reason), dataset
    chosen = spread(simulations, request.most)
    theta = np.repeat(dataset.simulation_theta[chosen], dataset.maps_each[chosen], axis=0)
    maps = by_theta(_drawn(run, MapRequest(theta, request.seed, sampler, 1.0), folder, told), theta)
    about = {
        "checkpoint": request.checkpoint,
        "checkpoint_sha256": run.checkpoint_sha256,
        "epoch": run.epoch,
        "weights": run.weights,
        "transform": run.model.transform.in_words(),
        "sampler": SAMPLERS[sampler.method].title,
        "steps": sampler.steps,
        "guidance": 1.0,
        "seed_of_maps": request.seed,
    }
    in_words = f"at {len(chosen)} of {len(simulations)} θ of the part {request.split}"
    training = training_of(dataset, _trained_on(request, dataset))
    return Subject(
        maps,
        run.config.experiment.name,
        run.box_size,
        request.split,
        in_words,
        request.seed,
        training,
        "",
        about,
        (),
        make_pairs(run, sampler, dataset, request.seed),
    ), dataset


def _drawn(run: LoadedRun, drawing: MapRequest, folder: Path, told: Told) -> FloatArray:
    """From maps.npz if an earlier call drew exactly the same ones; a plan beside the file identifies them."""
    plan = json.dumps(drawing.plan(run, maps_at_once(run.model)), indent=1) + "\n"
    path, said = folder / MAPS, folder / PLAN
    same = said.is_file() and said.read_text(encoding="utf-8") == plan
    if not same:
        path.unlink(missing_ok=True)
        write_text(said, plan)
    if not path.is_file():
        draw_to_file(run, drawing, path, not same, told)
    with np.load(path) as file:
        return np.asarray(file["maps"], dtype=np.float64)


def _trained_on(request: RunRequest, dataset: MapDataset) -> NDArray[np.int64]:
    """Simulations that the run was trained on; none if the dataset is a different one."""
    try:
        return simulations_of("train", dataset, request.run)
    except UserError:
        return np.zeros(0, dtype=np.int64)


def _empty(request: RunRequest, config: ExperimentConfig, reason: str) -> Subject:
    about = {"checkpoint": request.checkpoint, "seed_of_maps": request.seed}
    in_words = f"the part {request.split}"
    return Subject(None, config.experiment.name, None, request.split, in_words, request.seed, None, reason, about)
