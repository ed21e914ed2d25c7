"""Fine-tuning: the first weights of a run are the averaged ones of another, its parent.

The parent's parameters, including ranges and scalings, must equal this run's, or θ would mean something else; its
network must have the same tensors, whatever the side of the maps (the networks are fully convolutional). The transform
is fitted on this run's own training maps, as for any run: a network works in standardised pixels, which maps of another
side, field or unit have in common; the parent's floor, mean and clamp would be wrong for them. A method's
measurements are repeated for the same reason. Optimiser, schedule and averages start anew too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from focus_core.config.experiment import ExperimentConfig, ends_in, recorded_config
from focus_core.data.dataset import MapDataset
from focus_core.errors import UserError
from focus_core.networks.building import build_shapes
from focus_core.parameters import ParameterSpace
from focus_core.paths import expanded, runs_folder
from focus_core.run_files import BEST
from focus_core.training.checkpoint import check_tensors, load_checkpoint, load_weights, sha256_of
from focus_core.training.run_folder import log

KEY = "training.init_from"

# The parts of a checkpoint needed to start from its weights.
_NEEDED = ("config", "ema", "epoch", "step", "parameter_space")


@dataclass(frozen=True)
class Parent:
    """The checkpoint from which a run started: its place, its content, and its position in training."""

    path: str
    sha256: str
    epoch: int
    step: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def with_absolute_parent(
    config: ExperimentConfig, home: Path, folders: Sequence[Path], recorded: ExperimentConfig | None
) -> ExperimentConfig:
    """The configuration with `init_from` as an absolute path; the id of an experiment of the laboratory is kept.

    Once a run is under way (`recorded`), its parent may have been deleted.
    """
    value = config.training.init_from
    if value is None or _is_run(runs_folder(home) / value):
        return config
    earlier = None if recorded is None else recorded.training.init_from
    candidates = [Path(os.path.abspath(folder.resolve() / expanded(value))) for folder in folders]  # noqa: PTH100
    found = next((str(path) for path in candidates if path.is_file() or _is_run(path)), None)
    if found is None and earlier is not None and (earlier == value or ends_in(earlier, value)):
        found = earlier
    if found is None:
        raise UserError(
            f"{KEY}: there is no run, checkpoint or experiment {value}; give a run's folder, a checkpoint file or the "
            "id of an experiment that has a best checkpoint."
        )
    return config.model_copy(update={"training": config.training.model_copy(update={"init_from": found})})


def check_parent(config: ExperimentConfig, home: Path, dataset: MapDataset) -> Parent | None:
    """The parent of a run that is starting, or None. UserError if its weights cannot be this run's first."""
    if config.training.init_from is None:
        return None
    path = _checkpoint(config.training.init_from, home)
    state = load_checkpoint(path)
    missing = [key for key in _NEEDED if key not in state]
    if missing:
        raise UserError(
            f"{KEY}: {path} is no checkpoint of a run, for it lacks {', '.join(missing)}; choose another parent."
        )
    _check_space(ParameterSpace.from_dict(state["parameter_space"]), dataset.space, path)
    network = build_shapes(config.model, dataset.periodic)
    try:
        check_tensors(network, state["ema"], path)
    except UserError as error:
        raise UserError(f"{KEY}: {error}") from error
    return Parent(str(path), sha256_of(path), int(state["epoch"]), int(state["step"]))


def parent_of(state: dict[str, Any]) -> Parent | None:
    """As recorded in a checkpoint of the run itself."""
    return None if state.get("init_from") is None else Parent(**state["init_from"])


def take_weights(parent: Parent, config: ExperimentConfig, *networks: nn.Module) -> None:
    """Copy the parent's averaged weights; logs a warning if they learned something else than this run is to learn."""
    path = Path(parent.path)
    state = load_checkpoint(path)
    for network in networks:
        load_weights(network, state["ema"], path)
    log.info("begins with the averaged weights of %s, epoch %d", path, parent.epoch)
    theirs = recorded_config(state["config"], f"{path} (configuration inside)")
    if theirs.method != config.method:
        log.warning("%s: %s learned by method %s, this run by %s", KEY, path, theirs.method, config.method)
    seen, now = theirs.data.transform.in_words(), config.data.transform.in_words()
    if seen != now:
        log.warning("%s: %s learned of %s, this run of %s", KEY, path, seen, now)


def _checkpoint(value: str, home: Path) -> Path:
    run = runs_folder(home) / value  # for an absolute path, the path itself
    return run if run.is_file() else run / BEST


def _is_run(folder: Path) -> bool:
    return (folder / BEST).is_file()


def _check_space(theirs: ParameterSpace, ours: ParameterSpace, path: Path) -> None:
    if theirs.names != ours.names:
        raise UserError(
            f"{KEY}: {path} was trained on the parameters {', '.join(theirs.names)}, but this run's data have "
            f"{', '.join(ours.names)}; choose a parent with these."
        )
    for a, b in zip(theirs.parameters, ours.parameters, strict=True):
        if (a.minimum, a.maximum, a.scaling) != (b.minimum, b.maximum, b.scaling):
            raise UserError(
                f"{KEY}: {path} knows {a.name} in [{a.minimum:g}, {a.maximum:g}] ({a.scaling}), but this run's data "
                f"have it in [{b.minimum:g}, {b.maximum:g}] ({b.scaling}); choose a parent with this range."
            )
