"""What does half the width buy? Experiment 02 against Experiment 01: images per second and memory, beside the claims.

    python benchmarks/experiments.py [--grid 64 256] [--steps 5] [--own-batch]

Both recipes train in FOCUS's own loop, one step of each in turn: at an equal batch, and with --own-batch at that of
each recipe (64 and 32), which takes minutes per step on a processor and is left out where it would not fit into memory.
Memory is the peak of two steps in a process of their own, or the estimate (`focus describe`) of what was not timed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import psutil
import torch
from loops import FocusLoop, lesson, recipe
from measuring import Times, alternate, machine, ratio_text, table

from focus_core.costs.estimate import Estimate, estimate
from focus_core.training.device import PeakMemory

# Batches for which a step takes seconds on two cores.
EQUAL = {64: 4, 256: 1}
# Fraction of the free memory that a measurement may take.
_SHARE = 0.6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", nargs="+", type=int, default=[64, 256])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--own-batch", action="store_true", help="time each recipe's own batch too")
    parser.add_argument("--channels", type=int, help="of Experiment 02, half of 01's, for a trial of the script")
    parser.add_argument(
        "--peak-of", choices=("01", "02"), help="only print the peak memory of this experiment, in bytes"
    )
    parser.add_argument("--batch-size", type=int, help="the equal batch (default: by grid)")
    arguments = parser.parse_args()
    if arguments.peak_of:
        print(peak_memory(arguments.peak_of, arguments.grid[0], arguments.batch_size, arguments.channels))
        return 0
    print(machine(), flush=True)
    rows = []
    for grid in arguments.grid:
        batch = arguments.batch_size or EQUAL.get(grid, 1)
        rows.append(compared(grid, {"01": batch, "02": batch}, True, arguments))
        print(table(HEAD, rows[-1:]), flush=True)
        own = {name: recipe(name).training.batch_size for name in ("01", "02")}
        rows.append(compared(grid, own, arguments.own_batch, arguments))
        print(table(HEAD, rows[-1:]), flush=True)
    one, two = (_estimate(name, 64, 1, arguments.channels) for name in ("01", "02"))
    rows.append(["weights alone", *[""] * 4, *_megabytes(4 * one.parameters, 4 * two.parameters, False)])
    rows.append(["claimed", "", "", "2–3", *[""] * 3, "about 75 %"])
    print("\n" + table(HEAD, rows))
    print(machine())
    return 0


HEAD = ["", "01, images/s", "02, images/s", "02 / 01, speed", "by processor time", "01, MB", "02, MB", "less memory"]


def compared(grid: int, batches: dict[str, int], timed: bool, arguments: argparse.Namespace) -> list[str]:
    """One row: speed measured in turn, memory measured if both fit."""
    label = f"{grid}², batch " + (
        str(batches["01"]) if len(set(batches.values())) == 1 else f"{batches['01']} and {batches['02']}"
    )
    costs = {name: _estimate(name, grid, batch, arguments.channels) for name, batch in batches.items()}
    free = _SHARE * psutil.virtual_memory().available
    cells = [""] * 4
    if timed and sum(cost.memory_bytes for cost in costs.values()) < free:
        rates, work = images_a_second(grid, batches, arguments)
        cells = [f"{median(rates[name]):.2f}" for name in ("01", "02")]
        cells += [ratio_text(each["02"], each["01"]) for each in (rates, work)]
    measured = timed and all(cost.memory_bytes < free for cost in costs.values())
    peaks = [
        peak_in_a_process(name, grid, batches[name], arguments.channels) if measured else cost.memory_bytes
        for name, cost in costs.items()
    ]
    return [label, *cells, *_megabytes(peaks[0], peaks[1], not measured)]


def images_a_second(grid: int, batches: dict[str, int], arguments: argparse.Namespace) -> tuple[Times, ...]:
    """By the clock, and by processor time."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="focus-bench-")))
        n_steps = arguments.steps + arguments.warm_up + 2
        maps = lesson(home, grid, round(n_steps * max(batches.values()) / 0.9) + 8)
        loops = {
            name: stack.enter_context(
                FocusLoop(
                    recipe(name, batch, **_width(name, arguments.channels)), maps.data, torch.device("cpu"), home / name
                )
            )
            for name, batch in batches.items()
        }
        times, work = alternate(loops, arguments.steps, arguments.warm_up)
    return tuple({name: [batches[name] / seconds for seconds in of[name]] for name in batches} for of in (times, work))


def peak_memory(name: str, grid: int, batch: int, channels: int | None) -> int:
    """Bytes above what the process used before training began."""
    with tempfile.TemporaryDirectory(prefix="focus-bench-") as home:
        maps, device = lesson(Path(home), grid, round(4 * batch / 0.9) + 8), torch.device("cpu")
        with PeakMemory(device) as memory:
            with FocusLoop(
                recipe(name, batch, **_width(name, channels)), maps.data, device, Path(home) / "run"
            ) as loop:
                next(loop)
                next(loop)
            return memory.read()


def peak_in_a_process(name: str, grid: int, batch: int, channels: int | None) -> int:
    """So that an earlier measurement neither counts nor has made room for this one."""
    command = [sys.executable, __file__, "--peak-of", name, "--grid", str(grid), "--batch-size", str(batch)]
    if channels:
        command += ["--channels", str(channels)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def _estimate(name: str, grid: int, batch: int, channels: int | None) -> Estimate:
    return estimate(recipe(name, batch, **_width(name, channels)), grid)


def _width(name: str, channels: int | None) -> dict[str, int]:
    if channels is None:
        return {}
    return {"base_channels": channels if name == "02" else 2 * channels}


def _megabytes(one: int, two: int, estimated: bool) -> list[str]:
    about = " (estimate)" if estimated else ""
    return [f"{one / 1e6:,.0f}{about}", f"{two / 1e6:,.0f}{about}", f"{100 * (1 - two / one):.1f} %"]


if __name__ == "__main__":
    sys.exit(main())
