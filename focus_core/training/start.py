"""From a configuration and a folder to a training run: checks and files before it, and its end."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from focus_core.catalogue.networks import check_grid
from focus_core.config.experiment import (
    RESUMABLE_CHANGES,
    DataSection,
    ExperimentConfig,
    differing_keys,
    load_config,
    recorded_config,
    with_split_seed_of_run,
)
from focus_core.data.dataset import MapDataset
from focus_core.data.dataset_words import rows_in_words
from focus_core.data.labels import check_logarithms
from focus_core.data.opening import open_dataset
from focus_core.data.places import with_absolute_paths
from focus_core.data.split import Split, parted_simulations, read_split, rows_of_older_split, split_rows
from focus_core.data.transform import Transform, fit_transform
from focus_core.disk.atomic import write_text
from focus_core.errors import DISK_FULL, MENDABLE, StopRequested, UserError
from focus_core.networks.building import build_shapes
from focus_core.parameters import CAMELS_NBODY2, SPACES
from focus_core.progress import Journal, Unwritten, read_events
from focus_core.run_files import CONFIG, JOURNAL, LAST, SPLIT, TRANSFORM, TRUTH
from focus_core.statistics.truth import findings_of, write_truth
from focus_core.training.checkpoint import (
    FoundCheckpoint,
    last_good,
    load_checkpoint,
    put_damaged_aside,
    remove_torn_files,
)
from focus_core.training.device import choose_device
from focus_core.training.epoch_figures import EpochFigures
from focus_core.training.fitting import is_out_of_memory, out_of_memory
from focus_core.training.initial_weights import Parent, check_parent, parent_of, with_absolute_parent
from focus_core.training.loop import RunData, train
from focus_core.training.ranks import Ranks, check_devices, joined, plan_told
from focus_core.training.run_folder import (
    locked,
    log,
    logging_to,
    move_aside,
    previous_config,
    recorded_space,
    write_documents,
    write_environment,
)
from focus_core.training.stopping import StopSwitch


class _AnotherRun(UserError):
    """The folder has a run of another configuration: its journal is not the place for this one's failure."""


def run_training(
    config: ExperimentConfig,
    run_folder: Path,
    home: Path,
    stop: StopSwitch,
    fresh: bool = False,
    attempt: int | None = None,
    config_folder: Path | None = None,
) -> None:
    """Train a run, resume it, or report that it is finished. `home` is the folder of named datasets.

    Relative paths of the configuration start at the current folder, or at `config_folder`, that of its file.
    Raises UserError for anything the user can fix and StopRequested when stopped; the journal records how it ended.
    """
    folders = [Path.cwd(), *([] if config_folder is None else [config_folder])]
    with joined() as ranks:
        if ranks.first:
            _lead(config, run_folder, home, stop, fresh, attempt, folders, ranks)
        else:
            _assist(run_folder, home, stop, ranks)


def _lead(
    config: ExperimentConfig,
    run_folder: Path,
    home: Path,
    stop: StopSwitch,
    fresh: bool,
    attempt: int | None,
    folders: Sequence[Path],
    ranks: Ranks,
) -> None:
    """The first rank, or the only process."""
    with plan_told(ranks) as tell, locked(run_folder):
        aside = None
        if fresh:
            _check_start(config, folders, run_folder, home, ranks)
            # Before the log is opened, which would otherwise continue in the old run's file.
            aside = move_aside(run_folder)
        with logging_to(run_folder):
            if aside is not None:
                log.info("put the earlier run aside in %s", aside)
            try:
                with Journal(run_folder, attempt) as journal, _failure_told(config, run_folder, journal):
                    _run(config, folders, run_folder, home, stop, journal, ranks, tell)
            except UserError as error:
                log.error("%s", error)
                raise


@contextmanager
def _failure_told(config: ExperimentConfig, run_folder: Path, journal: Journal) -> Iterator[None]:
    """However the block fails, before the first step or after it, the journal records why; our errors go to the log."""
    try:
        yield
    except (StopRequested, _AnotherRun):
        raise
    except Exception as error:
        mended = _as_user_error(error, config, run_folder)
        if mended is None:
            log.exception("ended by a fault")
        message = str(mended or error) or type(error).__name__
        epoch, step = _last_position(run_folder)
        try:
            journal.write("run_ended", epoch=epoch, step=step, reason="failed", message=message)
        except OSError as full:
            log.error("the journal could not be written either (%s)", full.strerror)
        if mended is None or mended is error:
            raise
        raise mended from error


def _run(
    config: ExperimentConfig,
    folders: Sequence[Path],
    run_folder: Path,
    home: Path,
    stop: StopSwitch,
    journal: Journal,
    ranks: Ranks,
    tell: Callable[[Any], None],
) -> None:
    remove_torn_files(run_folder)
    found = last_good(run_folder)
    old = previous_config(run_folder, found)
    if old is not None:
        config = with_split_seed_of_run(config, old.data.split_seed)
    config = _dated(_placed(config, folders, home, old), old, run_folder)
    _check_same_run(config, old, run_folder)
    space = None if old is None else recorded_space(run_folder, found)
    device, dataset = _opened(config, home, ranks, space)
    stop.check()
    if found is not None and found.damaged:
        _fall_back(run_folder, found, journal)
    state, found = None if found is None else found.state, None
    parent = check_parent(config, home, dataset) if state is None else parent_of(state)
    data = _prepare(config, run_folder, home, dataset, state, parent)
    dataset = data.dataset
    stop.check()
    write_documents(run_folder, config, dataset)
    write_environment(run_folder, config, dataset, device, None if parent is None else parent.to_dict())
    for warning in dataset.warnings:
        log.warning("%s", warning)
    _warn(config, run_folder, dataset)
    _tell_rows(data)
    if _is_finished(config, run_folder, state):
        log.info("already finished: all %d epochs are done; nothing to do", config.training.num_epochs)
        return
    told = {"config": config.to_dict(), "transform": data.transform.to_dict(), "resumed": state is not None}
    told["split"], told["space"] = data.split.to_json(), space
    tell({**told, "parent": None if parent is None else parent.to_dict()})
    train(config, run_folder, data, device, journal, stop, state, ranks)


def _placed(
    config: ExperimentConfig, folders: Sequence[Path], home: Path, old: ExperimentConfig | None = None
) -> ExperimentConfig:
    """With absolute paths of its data and of its parent; `old` has those that no longer exist."""
    places = with_absolute_paths(config.data, home, folders, None if old is None else old.data)
    return with_absolute_parent(config.model_copy(update={"data": places}), home, folders, old)


def _opened(
    config: ExperimentConfig, home: Path, ranks: Ranks, space: str | None = None
) -> tuple[torch.device, MapDataset]:
    """The device and the data, checked against the network; `space` is that of the resumed run."""
    device = ranks.device(choose_device(config.device))
    if ranks.count == 1:
        check_devices(config.training.devices, device)
    dataset = open_dataset(_in_its_space(config, space), home)
    _check_fits(config, dataset)
    return device, dataset


def _in_its_space(config: ExperimentConfig, space: str | None) -> DataSection:
    """A run continues in the space in which it began, even if its files would be read differently today."""
    data = config.data
    if space not in SPACES or data.parameter_space is not None or data.maps_path is None:
        return data
    return data.model_copy(update={"parameter_space": space})


def _check_start(config: ExperimentConfig, folders: Sequence[Path], run_folder: Path, home: Path, ranks: Ranks) -> None:
    """UserError if this run could not start: then the existing one stays where it is."""
    config = _placed(config, folders, home)
    _, dataset = _opened(config, home, ranks)
    parent = check_parent(config, home, dataset)
    if parent is not None and Path(parent.path).resolve().is_relative_to(run_folder.resolve()):
        raise UserError(
            f"training.init_from: {parent.path} is of the run that --fresh would put aside; choose another --exp-dir."
        )


def _assist(run_folder: Path, home: Path, stop: StopSwitch, ranks: Ranks) -> None:
    """Another rank: it trains with the first one's plan, and writes nothing."""
    log.addHandler(logging.NullHandler())
    log.propagate = False
    plan = ranks.tell(None)
    if plan is None:  # the first one has reported why
        return
    config = recorded_config(plan["config"])
    try:
        dataset = open_dataset(_in_its_space(config, plan["space"]), home)
        split = Split.from_json(plan["split"])
        parent = None if plan["parent"] is None else Parent(**plan["parent"])
        data = RunData(dataset, split, Transform.from_dict(plan["transform"]), parent)
        state = load_checkpoint(run_folder / LAST) if plan["resumed"] else None
        device = ranks.device(choose_device(config.device))
        train(config, run_folder, data, device, Unwritten(), stop, state, ranks)
    except (OSError, RuntimeError) as error:
        mended = _as_user_error(error, config, run_folder)
        if mended is None:
            raise
        raise mended from error


def _fall_back(run_folder: Path, found: FoundCheckpoint, journal: Journal) -> None:
    """Continue from the last good checkpoint, and log it; files that cannot be read are moved aside."""
    epoch, step = int(found.state["epoch"]), int(found.state["step"])
    for path, what in found.damaged:
        message = f"{path} {what}; the training continues from {found.path}, epoch {epoch}, step {step}"
        log.warning("%s", message)
        told = {"epoch": epoch, "step": step, "path": str(path), "used": str(found.path), "message": message}
        journal.write("checkpoint_damaged", **told)
    put_damaged_aside(run_folder, found)


def _prepare(
    config: ExperimentConfig,
    run_folder: Path,
    home: Path,
    dataset: MapDataset,
    state: dict[str, Any] | None,
    parent: Parent | None,
) -> RunData:
    """Split, transform and truth: measured at the first start, read again on resuming."""
    split = None if state is None else read_split(run_folder / SPLIT)
    if split is None:
        split = split_rows(dataset.simulation, config.data.train_split, config.data.split_seed)
    if state is not None:
        if state["data"]["digest"] != dataset.digest:
            raise UserError(
                f"data: {dataset.maps_file} has changed since this run was trained ({dataset.digest[:23]}… now, "
                f"{str(state['data']['digest'])[:23]}… then); restore it, or start anew with --fresh."
            )
        split = _in_rows(split, dataset, run_folder)
        transform = Transform.from_dict(state["transform"], f"{run_folder / LAST}")
    else:
        transform = fit_transform(dataset, split.train, config.data.transform)
    write_text(run_folder / SPLIT, split.to_json())
    write_text(run_folder / TRANSFORM, transform.to_json())
    if state is None or not (run_folder / TRUTH).exists():
        write_truth(run_folder / TRUTH, dataset, split, home)
    findings = findings_of(run_folder / TRUTH, dataset)
    doubted = dataclasses.replace(
        dataset,
        warnings=(*dataset.warnings, *findings.warnings),
        remarks=(*dataset.remarks, *findings.remarks),
    )
    return RunData(doubted, split, transform, parent)


def _in_rows(split: Split, dataset: MapDataset, run_folder: Path) -> Split:
    """The split of a run as rows of its table; earlier versions counted runs of equal rows."""
    if split.n_rows == dataset.n_rows:
        return split
    older = rows_of_older_split(split, dataset.theta)
    if older is None:
        raise UserError(
            f"{run_folder / SPLIT}: splits {split.n_rows} rows, but the table of {dataset.name} has {dataset.n_rows}; "
            "restore the file, or start anew with --fresh."
        )
    return older


def _tell_rows(data: RunData) -> None:
    """How rows of one θ are treated, and whether an earlier split separates them nevertheless."""
    if words := rows_in_words(data.dataset):
        log.info("rows: %s", words)
    for remark in data.dataset.remarks:
        log.info("%s", remark)
    if parted := parted_simulations(data.split, data.dataset.simulation):
        log.warning(
            "split.json parts the maps of %d simulations between training, validation and test: the validation loss "
            "and P(k) of this run are too good; begin a new run for an honest split",
            parted,
        )


def _check_same_run(config: ExperimentConfig, old: ExperimentConfig | None, run_folder: Path) -> None:
    """A folder holds one run: with another configuration it is neither resumed nor overwritten."""
    if old is None:
        return
    differing = [key for key in differing_keys(old, config) if key not in RESUMABLE_CHANGES]
    if differing:
        values = "; ".join(f"{key} was {old.flat().get(key)!r}, is {config.flat().get(key)!r}" for key in differing[:4])
        more = f" and {len(differing) - 4} more" if len(differing) > 4 else ""
        raise _AnotherRun(
            f"--exp-dir {run_folder}: holds a run of another configuration ({values}{more}); choose another folder, "
            "or put that run aside with --fresh."
        )


def _check_fits(config: ExperimentConfig, dataset: MapDataset) -> None:
    """The network must fit the data: parameters, channels and the side of the maps; θ must suit its scaling."""
    build_shapes(config.model, dataset.periodic)
    if config.model.cond_dim != len(dataset.space):
        raise UserError(
            f"model.cond_dim: is {config.model.cond_dim}, but {dataset.name} has {len(dataset.space)} parameters "
            f"({', '.join(dataset.space.names)}); set it to {len(dataset.space)}{_all_columns(dataset)}."
        )
    if config.model.in_channels != 1:
        raise UserError(f"model.in_channels: is {config.model.in_channels}, but maps have one channel; set it to 1.")
    check_grid(config.model.network, config.model, dataset.grid)
    check_logarithms(dataset.theta, dataset.space, dataset.params_file)


def _all_columns(dataset: MapDataset) -> str:
    """N-body tables have four more columns, which a user may need to match an older run."""
    if dataset.space != CAMELS_NBODY2:
        return ""
    only = "only Omega_m and sigma_8 have an effect in N-body maps"
    return f", for {only} (data.parameter_space: camels_lh6 takes all six)"


def _dated(config: ExperimentConfig, old: ExperimentConfig | None, run_folder: Path) -> ExperimentConfig:
    """A new run is dated today, whatever its recipe says; an existing config.yaml in the folder takes precedence."""
    if old is not None:
        section = config.experiment.model_copy(update={"created": old.experiment.created})
        return config.model_copy(update={"experiment": section})
    return config if (run_folder / CONFIG).exists() else config.made_on(datetime.datetime.now().date())


def _warn(config: ExperimentConfig, run_folder: Path, dataset: MapDataset) -> None:
    """What a reader of this run should know: never an error, always in the log."""
    if config.sampling.cfg_scale != 1.0:
        log.warning("sampling.cfg_scale is %g: guidance other than 1 biases P(k)", config.sampling.cfg_scale)
    if dataset.normalised:
        log.warning("the maps are normalised and their units unknown: P(k) is in normalised units")
    elif dataset.box_size is None:
        log.warning("the box size is not known (data.box_size): P(k) is in normalised units")
    _warn_of_other_config(config, run_folder / CONFIG)


def _warn_of_other_config(config: ExperimentConfig, path: Path) -> None:
    """The folder's own config.yaml is never rewritten, so it may differ from the run."""
    try:
        told = with_split_seed_of_run(load_config(path), config.data.split_seed)
        differing = [key for key in differing_keys(told, config) if key not in RESUMABLE_CHANGES]
    except UserError as error:
        differing = [str(error)]
    if differing:
        log.warning(
            "%s is not what is trained (%s); environment.json holds the configuration in use",
            path,
            ", ".join(differing),
        )


def _is_finished(config: ExperimentConfig, run_folder: Path, state: dict[str, Any] | None) -> bool:
    """All epochs are done, the last figures drawn, and the journal says so."""
    if state is None or state["epoch"] < config.training.num_epochs:
        return False
    if not EpochFigures.are_there(run_folder, int(state["epoch"])):
        return False
    last = None
    for event, _ in read_events(run_folder / JOURNAL):
        last = event
    return last is not None and last["kind"] == "run_ended" and last.get("reason") == "finished"


def _last_position(run_folder: Path) -> tuple[int, int]:
    """Epoch and step of the last event that has both."""
    epoch, step = 0, 0
    for event, _ in read_events(run_folder / JOURNAL):
        if event["kind"] in ("epoch", "run_started"):
            epoch = int(event["epoch"])
        step = int(event.get("step", step))
    return epoch, step


def _as_user_error(error: Exception, config: ExperimentConfig, run_folder: Path) -> UserError | None:
    """The message for a failure that the user can fix, or None."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, OSError) and error.errno in MENDABLE:
        kept = f"{LAST} is intact" if (run_folder / LAST).exists() else "no checkpoint was written yet"
        remedy = "make room" if error.errno in DISK_FULL else "fix this"
        return UserError(
            f"{error.filename or run_folder}: could not be written ({error.strerror}); {kept}: {remedy} and start "
            "the same run again to resume."
        )
    return out_of_memory(config, run_folder) if is_out_of_memory(error) else None
