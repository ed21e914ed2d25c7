"""How fast is a training step? FOCUS's own loop, a plain one, and that of diffusers, one step of each in turn.

    python benchmarks/training_step.py [--experiment 01 02] [--grid 64 256] [--batch-size N] [--steps 5]

FOCUS is `focus_core.training.loop.train` itself with the experiment's own configuration. The plain loop
(benchmarks/plain_loop.py) trains the same network twice: FOCUS's modules, and the same layers with torch's own
circular padding, as a tutorial would write them. diffusers' UNet2DModel has as many parameters within two per cent, and
the loop of its training example. All loops get the same maps at the same batch size; a ratio is the median over rounds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import torch
from loops import FocusLoop, OwnThread, diffusers_loop, lesson, recipe
from measuring import Times, alternate, machine, ratio_text, table
from plain_loop import PlainUNet, train
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from focus_core.config.experiment import ExperimentConfig
from focus_core.costs.estimate import estimate
from focus_core.networks.building import build_network, parameter_count

FOCUS, PLAIN = "FOCUS", "plain loop"
# Options besides a processor's default, which is 32 bits, not compiled.
ALSO: dict[str, dict[str, Any]] = {
    "compiled": {"compile": True},
    "bf16": {"precision": "bf16"},
    "bf16-compiled": {"precision": "bf16", "compile": True},
}
TUTORIAL, DIFFUSERS = "plain loop and layers", "diffusers"
# So that a step takes seconds on two cores and the largest case fits into 16 GB with all four in memory.
BATCHES = {("01", 64): 4, ("01", 256): 1, ("02", 64): 8, ("02", 256): 2}


@dataclass(frozen=True)
class Result:
    """For each loop: seconds and processor seconds of each step, parameters, FLOPs per image, forward and backward."""

    experiment: str
    grid: int
    batch_size: int
    times: Times
    work: Times
    parameters: dict[str, int]
    flops: dict[str, int]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiment", nargs="+", choices=("01", "02"), default=["02", "01"])
    parser.add_argument("--grid", nargs="+", type=int, default=[64, 256])
    parser.add_argument("--batch-size", type=int, help="of every case (default: by experiment and grid)")
    parser.add_argument("--channels", type=int, help="base channels, for a trial of the script")
    parser.add_argument("--steps", type=int, default=5, help="that count, of each loop")
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument(
        "--also", nargs="+", default=[], choices=tuple(ALSO), help="FOCUS once more; compiling: minutes"
    )
    parser.add_argument("--without", nargs="+", default=[], choices=(TUTORIAL, DIFFUSERS), help="loops to leave out")
    arguments = parser.parse_args()
    if DIFFUSERS not in arguments.without and find_spec("diffusers") is None:
        print("diffusers is not installed (the extra `bench`); its loop is left out.", file=sys.stderr)
        arguments.without.append(DIFFUSERS)
    print(machine(), flush=True)
    results = []
    for experiment in arguments.experiment:
        for grid in arguments.grid:
            batch = arguments.batch_size or BATCHES.get((experiment, grid), 1)
            results.append(measure(experiment, grid, batch, arguments))
            print(report(results[-1]), flush=True)
    print(summary(results))
    print(machine())
    return 0


def measure(experiment: str, grid: int, batch_size: int, arguments: argparse.Namespace) -> Result:
    device, wider = torch.device("cpu"), {"base_channels": arguments.channels} if arguments.channels else {}
    config = recipe(experiment, batch_size, **wider)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="focus-bench-")))
        # Enough for one epoch: FOCUS's work between epochs is not part of a step.
        maps = lesson(home, grid, round((arguments.steps + arguments.warm_up + 2) * batch_size / 0.9) + 8)
        loops: dict[str, Iterator[Any]] = {
            FOCUS: stack.enter_context(FocusLoop(config, maps.data, device, home / "run")),
            PLAIN: OwnThread(
                train(build_network(config.model, periodic=True), maps.maps, maps.theta, batch_size, device)
            ),
        }
        for way in arguments.also:
            other = recipe(experiment, batch_size, ALSO[way], **wider)
            loops[f"{FOCUS}, {way}"] = stack.enter_context(FocusLoop(other, maps.data, device, home / way))
        parameters = dict.fromkeys(loops, estimate(config, grid).parameters)
        flops = dict.fromkeys((*loops, TUTORIAL), estimate(config, grid).flops_per_image)
        if TUTORIAL not in arguments.without:
            loops[TUTORIAL] = OwnThread(train(_plain_network(config), maps.maps, maps.theta, batch_size, device))
            parameters[TUTORIAL] = parameter_count(_plain_network(config))
        if DIFFUSERS not in arguments.without:
            network, steps = diffusers_loop(experiment, maps, batch_size, device)
            loops[DIFFUSERS] = OwnThread(steps)
            parameters[DIFFUSERS], flops[DIFFUSERS] = parameter_count(network), _counted(network, grid)
        times, work = alternate(loops, arguments.steps, arguments.warm_up)
    return Result(experiment, grid, batch_size, times, work, parameters, flops)


def _plain_network(config: ExperimentConfig) -> PlainUNet:
    model = config.model
    return PlainUNet(model.cond_dim, model.base_channels, model.channel_mults, model.time_dim)


def _counted(network: nn.Module, grid: int) -> int:
    """Operations of one image, forward and backward, by torch's counter."""
    with FlopCounterMode(display=False) as counter:
        network(torch.randn(1, 1, grid, grid), torch.zeros(1), torch.zeros(1, 6)).mean().backward()
    network.zero_grad(set_to_none=True)
    return counter.get_total_flops()


def report(result: Result) -> str:
    """One table per case, one row per loop."""
    rows = []
    for name, times in result.times.items():
        image = median(times) / result.batch_size
        work = result.flops[name] / 1e9
        cells = [
            name,
            f"{result.parameters[name]:,}",
            f"{work:.1f}",
            f"{1000 * median(times):,.0f}",
            f"{1 / image:.2f}",
        ]
        cells += [f"{work / image:.0f}", ratio_text(times, result.times[FOCUS])]
        cells += [f"{1000 * median(result.work[name]):,.0f}", ratio_text(result.work[name], result.work[FOCUS])]
        rows.append(cells)
    head = ["loop", "parameters", "GFLOP per image", "ms per step", "images/s", "GFLOP/s", "time over FOCUS's"]
    head += ["processor ms per step", "over FOCUS's"]
    title = f"\nExperiment {result.experiment}, {result.grid}², batch {result.batch_size}\n\n"
    return title + table(head, rows) + "\n"


def summary(results: list[Result]) -> str:
    """Ratios only, one row per case: by the clock, and by processor time."""
    names = [name for name in results[0].times if name != FOCUS]
    rows = []
    for result in results:
        for kind, seconds in (("clock", result.times), ("processor", result.work)):
            first = [f"Experiment {result.experiment}, {result.grid}², batch {result.batch_size}", kind]
            first.append(f"{1000 * median(seconds[FOCUS]):,.0f}")
            rows.append(first + [ratio_text(seconds[name], seconds[FOCUS]) for name in names])
    return table(["", "time", "FOCUS, ms per step", *(f"{name} / FOCUS" for name in names)], rows)


if __name__ == "__main__":
    sys.exit(main())
