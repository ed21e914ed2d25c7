"""How fast is P(k)? FOCUS's power_spectrum, powerbox's get_power and the mask-per-bin loop of many notebooks.

    python benchmarks/spectra.py [--maps 1000] [--grid 256] [--rounds 9]

FOCUS gets all maps at once in every round, as a file of maps is measured; the others, which take one map a call, get
some of the same maps in the same round. Times are for one map; a ratio is the median over rounds. Processor time, of
all threads, says what is left of the ratio on one core. All three average in the same rings, and their spectra are
compared before any is timed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import powerbox
from measuring import Times, machine, ratio_text, table
from numpy.typing import NDArray

from focus_core.statistics.power import power_spectrum

FloatArray = NDArray[np.float64]
BOX = 25.0
FOCUS, POWERBOX, MASKS = "FOCUS", "powerbox", "a mask per bin"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", type=int, default=1000)
    parser.add_argument("--grid", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    maps = some_maps(arguments.maps, arguments.grid)
    # Maps per round: about the same time for each of the slow ones as for FOCUS.
    share = {FOCUS: len(maps), POWERBOX: max(1, len(maps) // 25), MASKS: max(1, len(maps) // 100)}
    difference = largest_difference(maps[: share[MASKS]])
    print(f"largest relative difference of any two spectra: {difference:.1e}")
    if difference > 1e-6:
        print("benchmarks/spectra.py: the spectra differ, so their times mean nothing.", file=sys.stderr)
        return 1
    print(machine(), flush=True)
    times, work = measure(maps, share, arguments.rounds)
    rows = [
        [name, f"{share[name]:,}", *_cells(times[name], times[FOCUS]), *_cells(work[name], work[FOCUS])]
        for name in times
    ]
    head = ["", "maps per round", "ms per map", "time over FOCUS's", "ms of processor time", "over FOCUS's"]
    print("\n" + table(head, rows))
    print(machine())
    return 0


def _cells(seconds: list[float], focus: list[float]) -> tuple[str, str]:
    return f"{1000 * median(seconds):.3f}", ratio_text(seconds, focus)


def some_maps(n: int, grid: int) -> NDArray[np.float32]:
    """Lognormal surface densities (n, grid, grid) with a falling spectrum."""
    rng = np.random.default_rng(0)
    length = np.hypot(np.fft.fftfreq(grid, 1 / grid)[:, None], np.fft.rfftfreq(grid, 1 / grid))
    shape = (1.0 + length) ** -1.0
    maps = np.empty((n, grid, grid), dtype=np.float32)
    for one in maps:
        field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((grid, grid))) * shape, s=(grid, grid))
        one[:] = 1e11 * np.exp(field / field.std())
    return maps


def measure(maps: NDArray[np.float32], share: dict[str, int], rounds: int) -> tuple[Times, Times]:
    """Seconds per map in each round, all in turn: wall-clock and processor time."""
    ways: dict[str, Callable[[NDArray[np.float32]], object]] = {
        FOCUS: lambda some: power_spectrum(some, BOX),
        POWERBOX: lambda some: [with_powerbox(one) for one in some],
        MASKS: lambda some: [with_masks(one) for one in some],
    }
    times, work = ({name: list[float]() for name in ways} for _ in range(2))
    for turn in range(1 + rounds):  # the first does not count
        for name, way in ways.items():
            began, worked = time.perf_counter(), time.process_time()
            way(maps[: share[name]])
            if turn:
                times[name].append((time.perf_counter() - began) / share[name])
                work[name].append((time.process_time() - worked) / share[name])
    return times, work


def largest_difference(maps: NDArray[np.float32]) -> float:
    ours = power_spectrum(maps, BOX).power
    others = [np.array([way(one) for one in maps]) for way in (with_powerbox, with_masks)]
    return max(float(np.abs(other / ours - 1.0).max()) for other in others)


def with_powerbox(one: NDArray[np.float32]) -> FloatArray:
    """P(k) in rings of width k_f, by powerbox."""
    delta = one.astype(np.float64)
    delta = delta / delta.mean() - 1.0
    edges = (np.arange(1, len(one) // 2 + 2) - 0.5) * 2 * np.pi / BOX
    power: FloatArray = powerbox.get_power(delta, BOX, bins=edges, bins_upto_boxlen=False).power
    return power


def with_masks(one: NDArray[np.float32]) -> FloatArray:
    """The same as written by hand: the whole plane, and one mask per ring."""
    delta = one.astype(np.float64)
    delta = delta / delta.mean() - 1.0
    grid = len(delta)
    squared = np.abs(np.fft.fft2(delta)) ** 2 * BOX**2 / grid**4
    n = np.fft.fftfreq(grid, 1 / grid)
    length = np.sqrt(n[:, None] ** 2 + n[None, :] ** 2)
    power = np.zeros(grid // 2)
    for ring in range(1, grid // 2 + 1):
        mask = (length >= ring - 0.5) & (length < ring + 0.5)
        power[ring - 1] = squared[mask].mean()
    return power


if __name__ == "__main__":
    sys.exit(main())
