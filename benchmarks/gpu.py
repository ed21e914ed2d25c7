"""Both experiments on a CUDA GPU: FOCUS's own loop in bf16 and in 32 bits, compiled and not, and the plain loop.

    python benchmarks/gpu.py [--minutes 9] [--out results.jsonl] [--cache FOLDER]

Needs no network and no data, and ends within ten minutes: the cases stand in the order of their worth, each is a
process of its own that ends when its time is over, and what was not reached is named. To compile a network takes a
minute of one core, so all that will be compiled is compiled first, side by side, into a cache that the measurements,
one after the other, take it from; `--cache` keeps it for another run. Every experiment trains at its recipe's batch,
halved until it fits into memory. The plain loop of `plain_loop.py` runs its own network, and FOCUS's as well.
Prints images per second, peak memory beside the estimate, the share of the bf16 matrix-product rate of the same GPU,
measured first, and Experiment 02 against 01; `--out` keeps every case as a line of JSON.

`--device cpu --tiny` walks the same path on a processor with narrow networks: a trial of the script, and no result.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from loops import FocusLoop, Lesson, opened_lesson, recipe, write_lesson
from measuring import machine, table
from plain_loop import PlainUNet, train

from focus_core.config.experiment import ExperimentConfig
from focus_core.costs.estimate import estimate
from focus_core.networks.building import build_network

# The settings of FOCUS's configuration for each way of training; None is the plain loop. In order of importance.
PLAIN, PLAIN_LOOP_ALONE = "plain loop", "plain loop, FOCUS's network"
WAYS: dict[str, dict[str, Any] | None] = {
    "bf16, compiled": {"precision": "bf16", "compile": True},
    PLAIN: None,
    PLAIN_LOOP_ALONE: None,
    "bf16, one graph": {"precision": "bf16", "compile": "graph"},
    "bf16": {"precision": "bf16", "compile": False},
    "32 bits": {"precision": "fp32", "compile": False},
    "32 bits, compiled": {"precision": "fp32", "compile": True},
}
# The equal batch at which the two experiments are compared besides the recipes' own.
EQUAL_BATCH = 32
# Enough maps for one epoch per measurement; work between epochs is not part of a step.
MAPS = {64: 12_000, 256: 1_000}
_BLOCKS, _BLOCK_SECONDS, _WARM_UP = 7, 0.4, 4
_LONGEST_CASE = 150.0
# Compilation, side by side, may take this share of the total time.
_PREPARING = 0.4


@dataclass(frozen=True)
class Case:
    """`batch_size` replaces the recipe's."""

    experiment: str
    grid: int
    way: str
    batch_size: int | None = None

    @property
    def compiled(self) -> bool:
        return bool((WAYS[self.way] or {}).get("compile"))


@dataclass(frozen=True)
class Outcome:
    """`images` per second in each block of steps; `peak_bytes` of device memory, `estimated_bytes` before the run;
    `failure`: why there are none."""

    case: Case
    batch_size: int = 0
    images: tuple[float, ...] = ()
    flops_per_image: int = 0
    peak_bytes: int = 0
    estimated_bytes: int = 0
    failure: str = ""


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("benchmarks/gpu.py: there is no CUDA GPU here; run it on a machine that has one.", file=sys.stderr)
        return 2
    if arguments.case:
        case = Case(**json.loads(arguments.case))
        if arguments.only_compile:
            compile_network(case, Path(arguments.home), arguments)
            return 0
        print(json.dumps(asdict(measured(case, Path(arguments.home), arguments))))
        return 0
    return run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=9.0, help="after which no case continues")
    parser.add_argument("--experiment", nargs="+", choices=("01", "02"), default=["01", "02"])
    parser.add_argument("--grid", nargs="+", type=int, default=[256, 64])
    parser.add_argument("--way", nargs="+", choices=tuple(WAYS), default=list(WAYS))
    parser.add_argument("--out", type=Path, help="a file for one line of JSON a case")
    parser.add_argument("--cache", type=Path, help="what was compiled; used as it is unless it is empty")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="8 channels, batch 2, three blocks of one step")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--home", help=argparse.SUPPRESS)
    parser.add_argument("--only-compile", action="store_true", help=argparse.SUPPRESS)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Every case in a separate process, until the time is over."""
    ends = time.monotonic() + 60 * arguments.minutes
    device = torch.device(arguments.device)
    print(machine(device), flush=True)
    peak = matrix_product_rate(device, 256 if arguments.tiny else 8192)
    print(f"bf16 matrix products: {peak / 1e12:.3g} TFLOP/s", flush=True)
    outcomes = []
    with ExitStack() as stack:
        homes = {}
        for grid in arguments.grid:
            homes[grid] = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="focus-bench-")))
            write_lesson(homes[grid], grid, 40 if arguments.tiny else MAPS.get(grid, 1_000))
        cache = arguments.cache or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="focus-bench-")))
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(cache)
        if not (cache.exists() and any(cache.iterdir())):
            began = time.monotonic()
            ready = compile_side_by_side(_cases(arguments), homes, _PREPARING * 60 * arguments.minutes, arguments)
            print(f"{ready} networks compiled side by side in {time.monotonic() - began:.0f} s", flush=True)
        for case in _cases(arguments):
            outcomes.append(_in_a_process(case, homes[case.grid], ends - time.monotonic(), arguments))
            print(table(HEAD, [_row(outcomes[-1], peak)]), flush=True)
            if arguments.out:
                with arguments.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(outcomes[-1]) | {"bf16_peak": peak}) + "\n")
    print("\n" + report(outcomes, peak))
    return 0


def _cases(arguments: argparse.Namespace) -> Iterator[Case]:
    for way in arguments.way:
        for experiment in arguments.experiment:
            for grid in arguments.grid:
                yield Case(experiment, grid, way)
    if "bf16, compiled" in arguments.way and len(arguments.experiment) > 1:
        for grid in arguments.grid:
            yield Case("01", grid, "bf16, compiled", EQUAL_BATCH)


def _command(case: Case, home: Path, arguments: argparse.Namespace, *more: str) -> list[str]:
    command = [sys.executable, __file__, "--case", json.dumps(asdict(case)), "--home", str(home), *more]
    return [*command, "--device", arguments.device, *(["--tiny"] if arguments.tiny else [])]


def compile_side_by_side(
    cases: Iterable[Case], homes: dict[int, Path], seconds: float, arguments: argparse.Namespace
) -> int:
    """How many of the cases being compiled are now in the cache. Nothing is timed, so they may share the GPU; but
    only so many at once as have four cores each, the most important first: all together, none may finish in time."""
    ends = time.monotonic() + seconds

    def is_compiled(case: Case) -> bool:
        command = _command(case, homes[case.grid], arguments, "--only-compile")
        quiet = subprocess.DEVNULL
        try:
            left = max(0.0, ends - time.monotonic())
            return subprocess.run(command, stdout=quiet, stderr=quiet, timeout=left, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 4)) as pool:
        return sum(pool.map(is_compiled, [case for case in cases if case.compiled]))


def compile_network(case: Case, home: Path, arguments: argparse.Namespace) -> None:
    """One step of the case's loop, for what its compiler leaves in the cache."""
    config, lesson = _config(case, _batch(case, arguments), arguments.tiny), opened_lesson(home)
    with (
        tempfile.TemporaryDirectory(dir=home) as folder,
        FocusLoop(config, lesson.data, torch.device(arguments.device), Path(folder)) as steps,
    ):
        next(steps)


def _batch(case: Case, arguments: argparse.Namespace) -> int:
    if arguments.tiny:
        return 2
    return case.batch_size or recipe(case.experiment).training.batch_size


def _in_a_process(case: Case, home: Path, seconds_left: float, arguments: argparse.Namespace) -> Outcome:
    if seconds_left < 15:
        return Outcome(case, failure="not reached")
    command = _command(case, home, arguments)
    try:
        limit = min(seconds_left, _LONGEST_CASE)
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return Outcome(case, failure="longer than its time")
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        return Outcome(case, failure=f"ended with exit code {done.returncode}")
    plain = json.loads(done.stdout.splitlines()[-1])
    plain["case"], plain["images"] = Case(**plain["case"]), tuple(plain["images"])
    return Outcome(**plain)


def measured(case: Case, home: Path, arguments: argparse.Namespace) -> Outcome:
    """One case in this process, at the largest batch that fits."""
    device, lesson = torch.device(arguments.device), opened_lesson(home)
    batch = _batch(case, arguments)
    while True:
        config = _config(case, batch, arguments.tiny)
        try:
            images, peak = _images_a_second(config, case, lesson, home, device, arguments.tiny)
        except torch.OutOfMemoryError:
            if batch == 1:
                return Outcome(case, failure="one map does not fit into memory")
        else:
            cost = estimate(config, case.grid)
            return Outcome(case, batch, images, cost.flops_per_image, peak, cost.memory_bytes)
        # Outside the handler, whose exception holds the tensors of the failed step.
        batch //= 2
        torch.cuda.empty_cache()


def _config(case: Case, batch: int, tiny: bool) -> ExperimentConfig:
    narrow = {"base_channels": 8, "channel_mults": [1, 2]} if tiny else {}
    return recipe(case.experiment, batch, WAYS[case.way], **narrow)


def _images_a_second(
    config: ExperimentConfig, case: Case, lesson: Lesson, home: Path, device: torch.device, tiny: bool
) -> tuple[tuple[float, ...], int]:
    """Blocks of steps, each ended by a synchronisation: within a block the loop may run ahead of the device."""
    batch, cuda = config.training.batch_size, device.type == "cuda"
    finish = torch.cuda.synchronize if cuda else lambda: None
    with ExitStack() as stack:
        steps: Iterator[Any]
        if WAYS[case.way] is None:
            network = _network(case, config)
            steps = train(network, lesson.maps, lesson.theta, batch, device, num_workers=0 if tiny else 4)
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=home)))
            steps = stack.enter_context(FocusLoop(config, lesson.data, device, folder))
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        for _ in range(_WARM_UP):
            next(steps)
        finish()
        seconds = _seconds_of(steps, 1, finish)
        blocks = 3 if tiny else _BLOCKS
        room = (len(lesson.maps) // batch - _WARM_UP - 2) // blocks
        length = 1 if tiny else max(1, min(round(_BLOCK_SECONDS / seconds), room))
        images = tuple(batch * length / _seconds_of(steps, length, finish) for _ in range(blocks))
        return images, torch.cuda.max_memory_allocated() if cuda else 0


def _network(case: Case, config: ExperimentConfig) -> torch.nn.Module:
    if case.way == PLAIN:
        return PlainUNet(config.model.cond_dim, config.model.base_channels, config.model.channel_mults)
    return build_network(config.model, periodic=True)


def _seconds_of(steps: Iterator[Any], n: int, finish: Any) -> float:
    began = time.perf_counter()
    for _ in range(n):
        next(steps)
    finish()
    return time.perf_counter() - began


def matrix_product_rate(device: torch.device, size: int) -> float:
    """FLOP/s of bf16 products of square matrices, the median of five rounds."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    rates = []
    for turn in range(6):
        began = time.perf_counter()
        for _ in range(10):
            a @ b
        if device.type == "cuda":
            torch.cuda.synchronize()
        if turn:
            rates.append(10 * 2 * size**3 / (time.perf_counter() - began))
    return median(rates)


HEAD = ["", "way", "batch", "images/s", "over the plain loop", "peak memory, GB", "estimate, GB"]
HEAD += ["TFLOP/s", "share of bf16 peak"]


def _row(outcome: Outcome, peak: float, plain: Outcome | None = None) -> list[str]:
    label = [_label(outcome.case), outcome.case.way]
    if outcome.failure:
        return [*label, outcome.failure, *[""] * (len(HEAD) - 3)]
    rate = median(outcome.images)
    work = rate * outcome.flops_per_image
    over = "" if plain is None or plain.failure else f"{rate / median(plain.images):.2f}"
    cells = [str(outcome.batch_size), f"{rate:,.1f}", over, f"{outcome.peak_bytes / 1e9:.1f}"]
    cells += [f"{outcome.estimated_bytes / 1e9:.1f}", f"{work / 1e12:.3g}", f"{100 * work / peak:.0f} %"]
    return [*label, *cells]


def _label(case: Case) -> str:
    return f"Experiment {case.experiment}, {case.grid}²"


def report(outcomes: list[Outcome], peak: float) -> str:
    """All cases, those of one experiment and size together; then the effect of half the width."""
    plain = {(o.case.experiment, o.case.grid): o for o in outcomes if o.case.way == PLAIN}
    order = sorted(outcomes, key=lambda o: (o.case.experiment, o.case.grid))
    every = table(HEAD, [_row(o, peak, plain.get((o.case.experiment, o.case.grid))) for o in order])
    return every + "\n\n" + table(["Experiment 02 against 01", "way", "batches", "speed", "less memory"], _pairs(order))


def _pairs(outcomes: list[Outcome]) -> list[list[str]]:
    """Experiment 02 against 01, at the same size and in the same way, with the recipes' batches and with equal ones."""
    done = [outcome for outcome in outcomes if not outcome.failure]
    rows = []
    for two in (outcome for outcome in done if outcome.case.experiment == "02"):
        for one in (outcome for outcome in done if outcome.case.experiment == "01"):
            if (one.case.grid, one.case.way) != (two.case.grid, two.case.way):
                continue
            speed = median(two.images) / median(one.images)
            less = f"{100 * (1 - two.peak_bytes / one.peak_bytes):.1f} %" if one.peak_bytes else ""
            batches = f"{two.batch_size} and {one.batch_size}"
            rows.append([f"{two.case.grid}²", two.case.way, batches, f"{speed:.2f}", less])
    return rows


if __name__ == "__main__":
    sys.exit(main())
