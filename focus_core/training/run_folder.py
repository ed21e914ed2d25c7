"""A run's folder: its files, who may write in it, and how an old run is moved aside.

config.yaml  run_model.sh  README.md                 written once, never again
checkpoints/checkpoint_{best,last,previous,epoch_XXXX}.pt  training_history.png
figs/samples_epoch_XXXX.{png,npz}  <statistic>_epoch_XXXX.{png,npz}
logs/training.log  events.jsonl  trainer.lock
environment.json  split.json  transform.json  truth.npz
weights/ema.safetensors  raw.safetensors             the best epoch's, for other programs
"""

from __future__ import annotations

import datetime
import itertools
import json
import logging
import os
import platform
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from focus_core.catalogue.methods import METHODS
from focus_core.catalogue.networks import NETWORKS
from focus_core.catalogue.samplers import SAMPLERS
from focus_core.config.experiment import ExperimentConfig, recorded_config, to_yaml
from focus_core.data.dataset import MapDataset
from focus_core.data.dataset_words import rows_in_words
from focus_core.data.split import read_split
from focus_core.disk.atomic import write_text
from focus_core.disk.locks import take
from focus_core.errors import UserError
from focus_core.run_files import CONFIG, ENVIRONMENT, FRESH, LOCK, LOG, LOGS, README, SCRIPT, SPLIT
from focus_core.training.checkpoint import FoundCheckpoint, last_good
from focus_core.training.device import device_name
from focus_core.versions import FOCUS, source_commit, versions_of

log = logging.getLogger("focus.training")

_SCRIPT = """#!/bin/sh
# Trains this run, or resumes it. Options are passed to the command: --fresh puts what is here aside and starts anew.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
if ! command -v focus >/dev/null 2>&1; then
    echo "run_model.sh: the command focus is not found; activate the environment that FOCUS is installed in." >&2
    exit 2
fi
exec focus train --config "$here/config.yaml" --exp-dir "$here" "$@"
"""

_README = """# {name}

{description}

| | |
|---|---|
| data | {data}: {n_maps} maps of {grid} × {grid}, {n_simulations} simulations{box}{rows}{seen} |
| parameters | {symbols} |
| network | {network}, {size} |
| method | {method}, drawn with {sampler} |
| training | {epochs} epochs, batch {batch}, {optimizer} at {lr:g}, {scheduler} |

`sh run_model.sh` trains this run or resumes it. Everything that defines it is in `config.yaml`.
Samples: `focus sample --run . --params "{example}" --n 16 --out samples.npz`.
"""


@contextmanager
def locked(run_folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which names this process; UserError if another process is training there."""
    path = run_folder / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    except OSError as error:
        raise UserError(f"--exp-dir {run_folder}: cannot be written ({error.strerror}); choose another.") from error
    with file:
        if not take(file):
            file.seek(0)
            holder = file.read().decode("ascii", errors="replace").strip() or "unknown"
            raise UserError(
                f"--exp-dir {run_folder}: a run (process {holder}) is writing there; stop it or choose another."
            )
        file.truncate(0)
        # The lock holds even without its holder's name, for which a full disk has no room.
        with suppress(OSError):
            file.write(b"%d\n" % os.getpid())
        yield


class _Quiet(logging.Handler):
    """A full disk or a closed pipe must not bury its own error message under logging's tracebacks."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class _LogFile(_Quiet, logging.FileHandler):
    """training.log"""


class _Console(_Quiet, logging.StreamHandler):
    """Standard output."""


@contextmanager
def logging_to(run_folder: Path) -> Iterator[None]:
    """Log lines go to logs/training.log and, errors aside, to standard output: the command line prints those itself."""
    handlers: list[logging.Handler] = [
        _LogFile(run_folder / LOG, encoding="utf-8"),
        _Console(sys.stdout),
    ]
    handlers[1].addFilter(lambda record: record.levelno < logging.ERROR)
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%Y-%m-%d %H:%M:%S"))
        log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        for handler in handlers:
            log.removeHandler(handler)
            with suppress(OSError):  # the last lines of a log on a full disk
                handler.close()


def previous_config(run_folder: Path, found: FoundCheckpoint | None) -> ExperimentConfig | None:
    """The configuration of an earlier start in this folder, even without a checkpoint; split.json has the split."""
    config = _recorded_config(run_folder, found)
    split = None if config is None else read_split(run_folder / SPLIT)
    if config is None or split is None:
        return config
    return config.model_copy(update={"data": config.data.model_copy(update={"split_seed": split.seed})})


def _recorded_config(run_folder: Path, found: FoundCheckpoint | None) -> ExperimentConfig | None:
    if found is not None:
        return recorded_config(found.state["config"], str(run_folder / found.path))
    path = run_folder / ENVIRONMENT
    if not path.exists():
        return None
    try:
        return recorded_config(json.loads(path.read_text(encoding="utf-8"))["config"], str(path))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is damaged ({error}); start with --fresh to put the old run aside.") from error


def recorded_space(run_folder: Path, found: FoundCheckpoint | None) -> str | None:
    """The name of the parameter space of an earlier start in this folder."""
    if found is not None:
        return str(found.state["parameter_space"]["name"])
    try:
        plain = json.loads((run_folder / ENVIRONMENT).read_text(encoding="utf-8"))
        return str(plain["dataset"]["parameter_space"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def move_aside(run_folder: Path) -> Path | None:
    """Move what a run wrote to a dated neighbour, with the configuration of the run; None if there is nothing.

    config.yaml, run_model.sh and README.md stay. A damaged run is moved like any other, without its configuration.
    """
    run_folder = run_folder.resolve()  # "." has no neighbours
    try:
        old = previous_config(run_folder, last_good(run_folder))
    except UserError:
        damaged, old = True, None
    else:
        damaged = False
    if old is None and not damaged:
        return None
    target = _new_neighbour(run_folder)
    for name in FRESH:
        path = run_folder / name
        if name == str(LOGS):
            # The lock that this process holds is here and stays.
            (target / name).mkdir()
            for entry in path.iterdir():
                if entry.name != LOCK.name:
                    entry.rename(target / name / entry.name)
        elif path.exists():
            path.rename(target / name)
    if old is not None:
        write_text(target / CONFIG, to_yaml(old))
    return target


def _new_neighbour(run_folder: Path) -> Path:
    """A new folder beside it, named by the second, and numbered if two are made within one."""
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    for count in itertools.count(1):
        target = run_folder.with_name(f"{run_folder.name}-{stamp}{f'-{count}' if count > 1 else ''}")
        with suppress(FileExistsError):
            target.mkdir()
            return target
    raise AssertionError("there is always another number")


def write_documents(run_folder: Path, config: ExperimentConfig, dataset: MapDataset) -> None:
    """config.yaml, run_model.sh and README.md, each only if it does not exist yet."""
    _write_once(run_folder / CONFIG, to_yaml(config))
    if _write_once(run_folder / SCRIPT, _SCRIPT):
        (run_folder / SCRIPT).chmod(0o755)
    space, model, training = dataset.space, config.model, config.training
    readme = _README.format(
        name=config.experiment.name,
        description=config.experiment.description or "A conditional generative model of cosmological maps.",
        data=dataset.name,
        n_maps=dataset.n_maps,
        grid=dataset.grid,
        n_simulations=dataset.n_simulations,
        box=f", box of {dataset.box_size:g} Mpc/h" if dataset.box_size is not None else "",
        rows=f"; rows: {words}" if (words := rows_in_words(dataset)) else "",
        seen=f"; seen as {config.data.transform.in_words()}" if config.data.transform.to_dict() else "",
        symbols=", ".join(f"{p.symbol} in [{p.minimum:g}, {p.maximum:g}]" for p in space.parameters),
        network=model.network,
        size=NETWORKS[model.network].in_words(model),
        method=METHODS[config.method].words(config.method_section.model_dump()),
        sampler=SAMPLERS[config.sampling.method].title,
        epochs=training.num_epochs,
        batch=training.batch_size,
        optimizer=training.optimizer,
        lr=training.lr,
        scheduler=training.scheduler.name,
        example=",".join(f"{p.name}={value:.4g}" for p, value in zip(space.parameters, dataset.theta[0], strict=True)),
    )
    _write_once(run_folder / README, readme)


def write_environment(
    run_folder: Path,
    config: ExperimentConfig,
    dataset: MapDataset,
    device: torch.device,
    parent: dict[str, Any] | None = None,
) -> None:
    """environment.json: the environment of this start, and its exact configuration and data."""
    versions = versions_of((FOCUS, "torch", "numpy", "scipy", "pydantic"))
    environment = {
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
        "commit": source_commit(),
        "device": str(device),
        "device_name": device_name(device),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "command": sys.argv,
        "dataset": {
            "name": dataset.name,
            "digest": dataset.digest,
            "maps_file": str(dataset.maps_file.resolve()),
            "params_file": str(dataset.params_file.resolve()),
            "provenance": dataset.provenance,
            "warnings": list(dataset.warnings),
            "remarks": list(dataset.remarks),
            "simulations": dataset.n_simulations,
            "slab_depth": dataset.slab_depth,
            "stored_as": dataset.stored_as,
            "independent_realisations": dataset.independent_realisations,
            "parameter_space": dataset.space.to_dict(),
            "grid": dataset.grid,
            "box_size": dataset.box_size,
            "unit": dataset.unit,
        },
        "init_from": parent,
        "config": config.to_dict(),
        "config_digest": config.digest(),
    }
    write_text(run_folder / ENVIRONMENT, json.dumps(environment, indent=1, ensure_ascii=False, default=str) + "\n")


def _write_once(path: Path, text: str) -> bool:
    if path.exists():
        return False
    write_text(path, text)
    return True
