"""Does a training run wait for its maps? A file of CAMELS' size, and the share of a step that is waiting.

    python benchmarks/data_path.py [--maps 15000] [--grid 256] [--experiment 02] [--batch-size 2] [--folder DIR]

Writes maps as the CAMELS Multifield Dataset stores them (15,000 of 256², 3.9 GB, removed at the end), forgets them from
the system's cache, and reports
 * maps per second that FOCUS's own loader delivers alone, cold and warm: an accelerator that trains faster would wait;
 * the share of the training loop's time that is waiting for the next batch, over steps of FOCUS's own loop.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from loops import FocusLoop, recipe
from measuring import machine, table

from focus_core.config.experiment import ExperimentConfig, validate_config
from focus_core.data.dataset import MapDataset
from focus_core.data.opening import open_dataset
from focus_core.data.split import split_simulations
from focus_core.data.transform import fit_transform
from focus_core.parameters import parameter_space
from focus_core.training.batches import TrainingMaps
from focus_core.training.run_state import RunData

MAPS, THETA = "Maps_Mcdm_IllustrisTNG_LH_z=0.00.npy", "params_LH_IllustrisTNG.txt"
PER_SIMULATION = 15


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", type=int, default=15_000, help="a multiple of 15, which one simulation has")
    parser.add_argument("--grid", type=int, default=256)
    parser.add_argument("--experiment", choices=("01", "02"), default="02")
    parser.add_argument("--channels", type=int, help="base channels in the place of the experiment's")
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="loader processes")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--batches", type=int, default=40, help="read without training, of 32 maps")
    parser.add_argument(
        "--folder", type=Path, help="where the file is written (default: the system's temporary folder)"
    )
    arguments = parser.parse_args()
    needed = 4 * arguments.maps * arguments.grid**2
    with tempfile.TemporaryDirectory(prefix="focus-bench-", dir=arguments.folder) as name:
        folder = Path(name)
        if shutil.disk_usage(folder).free < 1.1 * needed:
            print(f"benchmarks/data_path.py: {folder} has no room for {needed / 1e9:.1f} GB.", file=sys.stderr)
            return 2
        print(machine(), flush=True)
        write(folder, arguments.maps, arguments.grid)
        data = opened(folder)
        delivery(data, folder, arguments)
        waiting(data, folder, arguments)
        print(machine())
    return 0


def write(folder: Path, n_maps: int, grid: int) -> None:
    """Lognormal maps: 64 of them, repeated at other positions, since only their bytes count."""
    rng = np.random.default_rng(0)
    few = (1e11 * np.exp(rng.standard_normal((min(64, n_maps), grid, grid)))).astype(np.float32)
    file = np.lib.format.open_memmap(folder / MAPS, mode="w+", dtype=np.float32, shape=(n_maps, grid, grid))
    for first in range(0, n_maps, len(few)):
        part = file[first : first + len(few)]
        part[:] = np.roll(few, first // len(few), axis=-1)[: len(part)]
    file.flush()
    space = parameter_space("camels_lh6")
    np.savetxt(folder / THETA, space.from_unit(rng.uniform(-1, 1, (n_maps // PER_SIMULATION, len(space)))))


def config_of(folder: Path, arguments: argparse.Namespace, workers: int, batch_size: int) -> ExperimentConfig:
    wider = {"base_channels": arguments.channels} if arguments.channels else {}
    plain = recipe(arguments.experiment, batch_size, **wider).to_dict()
    plain["data"] = {
        "maps_path": str(folder / MAPS),
        "params_path": str(folder / THETA),
        "train_split": 0.9,
        "num_workers": workers,
    }
    return validate_config(plain)


def opened(folder: Path) -> RunData:
    """The transform is fitted on a part: the scaling does not matter here, and fitting would read every map."""
    plain = recipe("02").to_dict()
    plain["data"] = {"maps_path": str(folder / MAPS), "params_path": str(folder / THETA), "train_split": 0.9}
    dataset = open_dataset(validate_config(plain).data, folder)
    split = split_simulations(dataset.n_simulations, 0.9, 0)
    few = replace(dataset, maps=dataset.maps[: 2 * PER_SIMULATION], theta=dataset.theta[:2])
    return RunData(dataset, split, fit_transform(few, (0, 1)))


def delivery(data: RunData, folder: Path, arguments: argparse.Namespace) -> None:
    """Maps per second of the loader alone, from the median batch, first from the disk and then from memory."""
    rows = []
    for workers in arguments.workers:
        config = config_of(folder, arguments, workers, 32)
        maps, cells = TrainingMaps(data.dataset, data.transform, data.split.train, config), [str(workers)]
        forget(data.dataset)
        for _ in ("cold", "warm"):
            began = time.perf_counter()
            n = sum(len(x0) for x0, _ in islice(maps.epoch(0), arguments.batches))
            cells.append(f"{n / (time.perf_counter() - began):,.0f}")
        rows.append(cells)
    print("\n" + table(["loader processes", "maps/s from disk", "maps/s from memory"], rows), flush=True)


def waiting(data: RunData, folder: Path, arguments: argparse.Namespace) -> None:
    """The wait for each batch is measured at the loader, a step's length between two checks of the stop switch."""
    rows = []
    for workers in arguments.workers:
        config = config_of(folder, arguments, workers, arguments.batch_size)
        forget(data.dataset)
        steps, waits = _timed_steps(config, data, folder / f"run{workers}", arguments.steps)
        share = 100 * sum(waits) / sum(steps)
        cells = [str(workers), f"{1000 * median(steps):,.0f}", f"{1000 * median(waits):.1f}", f"{share:.2f} %"]
        rows.append(cells)
    title = f"\nExperiment {arguments.experiment}, {arguments.grid}², batch {arguments.batch_size}, from disk\n\n"
    print(title + table(["loader processes", "ms per step", "ms waiting", "share"], rows), flush=True)


def _timed_steps(config: ExperimentConfig, data: RunData, run: Path, n: int) -> tuple[list[float], list[float]]:
    """Seconds of each step and of its data-loading wait, after one of each that is not counted."""
    waits: list[float] = []
    original = TrainingMaps.epoch

    def timed(self: TrainingMaps, *place: Any, **more: Any) -> Iterator[Any]:
        batches = iter(original(self, *place, **more))
        while True:
            began = time.perf_counter()
            batch = next(batches, None)
            waits.append(time.perf_counter() - began)
            if batch is None:
                return
            yield batch

    steps: list[float] = []
    TrainingMaps.epoch = timed  # type: ignore[method-assign]
    try:
        with FocusLoop(config, data, torch.device("cpu"), run) as loop:
            for _ in range(n + 1):
                began = time.perf_counter()
                next(loop)
                steps.append(time.perf_counter() - began)
    finally:
        TrainingMaps.epoch = original  # type: ignore[method-assign]
    # The first wait opens the epoch, before the first step.
    return steps[1:], waits[2:]


def forget(dataset: MapDataset) -> None:
    """Ask the system to drop the file from its cache; if it cannot, the following measurement is not cold."""
    if hasattr(os, "posix_fadvise"):
        with dataset.maps_file.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    sys.exit(main())
