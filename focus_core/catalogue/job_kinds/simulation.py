"""A suite of particle-mesh simulations, made by `focus simulate` and measured when it is complete."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from focus_core.catalogue.jobs import DATASET, TRAIN, Arguments, JobKind, JobWords, refuse_unknown
from focus_core.errors import UserError
from focus_core.parameters import parameter_space
from focus_core.schema.messages import check_box
from focus_core.suites import LARGEST_SUITE, PLAIN_SUITE, check_dataset_name

STATE, DESCRIPTION = ".suite", "dataset.yaml"  # as focus_core.simulation.suite writes them


def _check(arguments: Arguments) -> dict[str, Any]:
    """`name`, and what `focus simulate` takes: simulations, grid, box [Mpc/h], seed, realisations, space."""
    refuse_unknown(arguments, ("name", *PLAIN_SUITE), "a simulation")
    plain: dict[str, Any] = {"name": check_dataset_name(str(arguments.get("name", "")))}
    for key, default in PLAIN_SUITE.items():
        plain[key] = _value(key, arguments.get(key, default), default)
    if plain["grid"] % 2 or not 8 <= plain["grid"] <= 1024:  # as the simulator would refuse, perhaps hours later
        raise UserError(f"grid: is {plain['grid']}; it must be even, from 8 to 1024.")
    check_box(plain["box"], "box:")
    if plain["simulations"] * plain["realisations"] > LARGEST_SUITE:
        raise UserError(
            f"simulations: {plain['simulations']:,} with {plain['realisations']:,} realisations each are more than the "
            f"{LARGEST_SUITE:,} of a suite."
        )
    parameter_space(str(plain["space"]))
    return plain


def _value(key: str, value: Any, default: Any) -> Any:
    try:
        found = type(default)(value)
    except (TypeError, ValueError):
        raise UserError(f"{key}: '{value}' is not a number.") from None
    if isinstance(default, int) and found != float(value):
        raise UserError(f"{key}: {value} is not a whole number.")
    if isinstance(default, (int, float)) and found < (0 if key == "seed" else 1):
        raise UserError(f"{key}: {found} is too small for a suite.")
    return found


def _command(arguments: Arguments, folder: Path) -> list[str]:
    options = [word for key in PLAIN_SUITE for word in (f"--{key}", str(arguments[key]))]
    return [sys.executable, "-m", "focus_core.cli", "simulate", "--out", str(folder), *options]


def _progress(folder: Path, total: int) -> tuple[int, int]:
    """Simulations that are on disk."""
    if (folder / DESCRIPTION).exists():
        return total, total
    state = folder / STATE
    return (sum(e.name.endswith(".npy") for e in os.scandir(state)) if state.is_dir() else 0), total


SIMULATION = JobKind(
    name="simulate",
    noun="the simulation",
    lane=TRAIN,
    subject=DATASET,
    title=lambda arguments: f"Simulate {arguments['name']}: {arguments['simulations']} × {arguments['grid']}³",
    check=_check,
    total=lambda arguments: int(arguments["simulations"]) * int(arguments["realisations"]),
    command=_command,
    mistake="focus simulate: ",
    progress=_progress,
    makes_dataset=True,
    words=JobWords(
        waits="waits for a worker",
        runs="Simulating",
        failed="was not simulated",
        under_way="is being simulated",
        stopped="stopped; a resumed job continues where it was",
        last_part="Measuring the pixels, coverage and spectra of",
        unit="simulations",
        again="Resume",
    ),
    work="worker.jobs.simulation:SimulationWork",
)
