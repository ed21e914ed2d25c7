"""Every sampler of a run measured against its network evaluations, by `focus benchmark samplers`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from focus_core.catalogue.jobs import EXPERIMENT, TRAIN, Arguments, Finding, JobKind, JobWords, refuse_unknown
from focus_core.errors import UserError
from focus_core.run_files import BENCHMARK_RESULT, BEST, TRUTH
from focus_core.run_files import SAMPLER_BENCHMARK as FOLDER

_MAPS = 4  # at each held-out θ


def _check(arguments: Arguments) -> dict[str, Any]:
    """`experiment`, and `maps` at each held-out θ."""
    refuse_unknown(arguments, ("experiment", "maps"), "a benchmark")
    if "experiment" not in arguments:
        raise UserError("experiment: is missing; give the id of the run whose samplers are measured.")
    maps = arguments.get("maps", _MAPS)
    if not isinstance(maps, int) or maps < 1:
        raise UserError(f"maps: {maps} is not a number of maps; give 1 or more.")
    return {"experiment": str(arguments["experiment"]), "maps": maps}


def _command(arguments: Arguments, folder: Path) -> list[str]:
    words = [sys.executable, "-m", "focus_core.cli", "benchmark", "samplers", "--run", str(folder.parent)]
    return [*words, "--out", str(folder), "--maps", str(arguments["maps"])]


# It computes for minutes to an hour and must not hold up samples.
SAMPLER_BENCHMARK = JobKind(
    name="sampler_benchmark",
    noun="the benchmark",
    lane=TRAIN,
    subject=EXPERIMENT,
    title=lambda arguments: f"Samplers of {arguments['name']}",
    check=_check,
    command=_command,
    mistake="focus benchmark: ",
    words=JobWords(
        waits="waits in the training lane",
        runs="Measuring the samplers",
        failed="was not measured",
        stopped="what was measured stays, and the next benchmark continues from there",
    ),
    finds=Finding(FOLDER, BENCHMARK_RESULT, needs=(BEST.as_posix(), TRUTH)),
    admit="focus_store.record.findings:admit_finding",
    work="worker.jobs.finding:FindingWork",
)
