"""The check of an existing dataset: every pixel and label read, spectra measured, and its entry in the record."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from focus_core.catalogue.jobs import DATASET, SAMPLE, Arguments, JobKind, JobWords, refuse_unknown
from focus_core.errors import UserError
from focus_core.parameters import parameter_space
from focus_core.suites import check_dataset_name

_OPTIONS = ("path", "name", "params", "space", "box")
# Facts that files may leave open, added later: an argument is present only if it was given.
_ANSWERS = ("depth", "stored_as", "independent")


def _check(arguments: Arguments) -> dict[str, Any]:
    """`name` and `path`, and of a maps file `params` (its table), `space`, `box` and `depth` of a slab [Mpc/h].

    `stored_as` and `independent` are the names that `focus data check` uses for them.
    """
    refuse_unknown(arguments, (*_OPTIONS, *_ANSWERS), "a check")
    plain = {key: arguments.get(key) for key in _OPTIONS}
    check_dataset_name(str(plain["name"] or ""))
    if not str(plain["path"] or "").strip():
        raise UserError("path: is empty; give the path of a dataset folder or of a maps file.")
    if plain["space"] is not None:
        parameter_space(str(plain["space"]))
    return plain | {key: arguments[key] for key in _ANSWERS if arguments.get(key)}


def _command(arguments: Arguments, folder: Path) -> list[str]:
    words = [sys.executable, "-m", "worker.jobs.survey", "--out", str(folder)]
    for option in (*_OPTIONS, "depth", "stored_as"):
        if arguments.get(option) is not None:
            words += [f"--{option.replace('_', '-')}", str(arguments[option])]
    return [*words, "--independent"] if arguments.get("independent") else words


# A check takes minutes at most, so it shares the lane of the samples: it never waits behind hours of training.
DATASET_CHECK = JobKind(
    name="add_dataset",
    noun="the survey",
    lane=SAMPLE,
    subject=DATASET,
    title=lambda arguments: f"Check {arguments['name']}",
    check=_check,
    total=lambda arguments: 0,  # known after its first look at the files
    command=_command,
    mistake="focus survey: ",
    words=JobWords(
        waits="waits to be checked; samples and other checks go first",
        runs="Checking and measuring",
        failed="was not added",
        stopped="stopped before it was measured",
        unit="simulations",
        again="Check again",
    ),
    admit="focus_store.record.datasets:admit_check",
    work="worker.jobs.dataset_check:DatasetCheckWork",
)
