"""Every sampler of a run measured against its network evaluations, by `focus benchmark samplers`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from focus_core.catalogue.jobs import EXPERIMENT, TRAIN, Arguments, JobKind, JobWords

_MAPS = 4  # at each held-out θ


def _check(arguments: Arguments) -> dict[str, Any]:
    """`experiment`, and `maps` at each held-out θ."""
    return {"experiment": str(arguments["experiment"]), "maps": int(arguments.get("maps", _MAPS))}


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
        stopped="what was measured stays, and the next benchmark goes on from there",
    ),
    admit="focus_store.benchmarks:admit_benchmark",
    work="worker.jobs.sampler_benchmark:SamplerBenchmarkWork",
)
