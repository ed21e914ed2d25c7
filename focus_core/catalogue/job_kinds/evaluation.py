"""Evaluation of a run's maps by every statistic against held-out simulations, by `focus evaluate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from focus_core.catalogue.jobs import EXPERIMENT, TRAIN, Arguments, Finding, JobKind, JobWords, refuse_unknown
from focus_core.catalogue.samplers import SAMPLERS
from focus_core.errors import UserError
from focus_core.run_files import BEST, CONFIG, EVALUATION_PAGE, EVALUATION_RESULT, SPLIT
from focus_core.run_files import EVALUATION as FOLDER

# Largest number of θ, and the part of the split.
SIMULATIONS, SPLITS = 16, ("test", "validation", "train", "all")
_LEAST = {"n": 1, "seed": 0, "steps": 1}


def _check(arguments: Arguments) -> dict[str, Any]:
    """`experiment`; `n`, the most θ of the part `split`; `seed` of the maps; `sampler`, `steps`, or the run's own."""
    refuse_unknown(arguments, ("experiment", "n", "seed", "split", "sampler", "steps"), "an evaluation")
    if "experiment" not in arguments:
        raise UserError("experiment: is missing; give the id of the run whose maps are judged.")
    found = {"n": SIMULATIONS, "seed": 0, "split": SPLITS[0], **arguments}
    for name, least in _LEAST.items():
        value = found.get(name, least)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UserError(f"{name}: {value} is not a whole number from {least} on.")
    for name, known in (("split", SPLITS), ("sampler", tuple(SAMPLERS))):
        if name in found and found[name] not in known:
            raise UserError(f"{name}: '{found[name]}' is unknown; known are {', '.join(known)}.")
    return {**found, "experiment": str(found["experiment"])}


def _command(arguments: Arguments, folder: Path) -> list[str]:
    words = [sys.executable, "-m", "focus_core.cli", "evaluate", "--run", str(folder.parent), "--out", str(folder)]
    for name in ("n", "seed", "split", "sampler", "steps"):
        if name in arguments:
            words += [f"--{name}", str(arguments[name])]
    return words


EVALUATION = JobKind(
    name="evaluation",
    noun="the evaluation",
    lane=TRAIN,  # it draws maps for minutes and must not hold up samples
    subject=EXPERIMENT,
    title=lambda arguments: f"Evaluation of {arguments['name']}",
    check=_check,
    command=_command,
    mistake="focus evaluate: ",
    words=JobWords(
        waits="waits in the training lane",
        runs="Evaluating the maps",
        failed="was not evaluated",
        stopped="maps that were drawn stay, and the next evaluation continues with them",
    ),
    finds=Finding(
        FOLDER,
        EVALUATION_RESULT,
        needs=(CONFIG, SPLIT, BEST.as_posix()),
        beside=(EVALUATION_PAGE,),
        listed="focus_core.evaluated:of_list",
    ),
    admit="focus_store.record.findings:admit_finding",
    work="worker.jobs.finding:FindingWork",
)
