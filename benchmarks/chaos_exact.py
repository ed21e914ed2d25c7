"""Is a training that was killed the very training that was not? SIGKILL at random steps, then a comparison bit by bit.

    python benchmarks/chaos_exact.py [--kills 20] [--seed 0] [--device cuda [--uncompiled]]

For each method one training runs undisturbed and another, of equal seed, is killed again and again at random steps,
inside epochs and between them, and resumed. At the end weights, averaged weights, optimiser, schedule, random states
and history of the two must be equal to the last bit. Prints a table; exit code 1 if anything is not right.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from chaos_training import EPOCHS, make_dataset, read_journal, tiny_config

from focus_core.config.experiment import to_yaml, validate_config
from focus_core.run_files import JOURNAL, LAST

METHODS: dict[str, dict[str, Any]] = {
    "diffusion": {},
    "EDM, spectral": {"method": "edm", "edm": {"spectral": True}, "sampling": {"method": "heun", "num_steps": 2}},
    "flow matching": {"method": "flow", "sampling": {"method": "heun", "num_steps": 2}},
}
LEARNED = ("model", "ema", "optimizer", "scheduler", "rng", "epoch", "step", "val_loss", "best_val_loss", "loss_sum")
HISTORY = ("epoch", "step", "train_loss", "val_loss", "lr", "best")

_PATIENCE_SECONDS = 600.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="shared by the methods")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--uncompiled", action="store_true", help="on CUDA, where every start takes a minute otherwise")
    arguments = parser.parse_args()
    began = time.monotonic()
    counts, faults = run_exact(arguments.kills, arguments.seed, arguments.device, not arguments.uncompiled)
    print(f"\n| {arguments.kills} kills, seed {arguments.seed}, {arguments.device} | |\n|---|---|")
    for name, count in counts.items():
        print(f"| {name} | {count:,} |")
    print(f"| seconds | {time.monotonic() - began:.0f} |\n")
    for fault in faults:
        print(f"NOT RIGHT: {fault}")
    return 1 if faults else 0


def run_exact(kills: int, seed: int, device: str, compiled: bool) -> tuple[Counter[str], list[str]]:
    """Counts of events, over all methods, and a list of failures.

    On CUDA the runs are `deterministic`, and the methods run side by side: most of their time is compilation.
    """
    counts, faults = Counter[str](), list[str]()
    with tempfile.TemporaryDirectory(prefix="focus-chaos-") as name:
        home = Path(name)
        make_dataset(home)
        with ThreadPoolExecutor(1 if device == "cpu" else len(METHODS)) as pool:
            jobs = []
            for number, (method, sections) in enumerate(METHODS.items()):
                share = kills * (number + 1) // len(METHODS) - kills * number // len(METHODS)
                chance = random.Random(seed + number)
                changed = _on(device, compiled, sections)
                jobs.append(pool.submit(_compare, home, method, changed, share, chance, counts, faults))
        for job in jobs:
            job.result()
    return counts, faults


def _on(device: str, compiled: bool, sections: dict[str, Any]) -> dict[str, Any]:
    training = tiny_config("tiny").to_dict()["training"]
    training |= {"checkpoint_minutes": 1e-4, "deterministic": device == "cuda"}
    training["compile"] = "auto" if compiled else "false"
    return {**sections, "device": device, "training": training}


def _compare(
    home: Path,
    method: str,
    sections: dict[str, Any],
    kills: int,
    chance: random.Random,
    counts: Counter[str],
    faults: list[str],
) -> None:
    plain = tiny_config("tiny").to_dict() | sections
    del plain["experiment"]["created"]
    file = home / f"{method.split(',')[0].replace(' ', '-')}.yaml"
    file.write_text(to_yaml(validate_config(plain)), encoding="utf-8")
    undisturbed, killed = home / f"{file.stem}-undisturbed", home / f"{file.stem}-killed"
    _start(home, file, undisturbed).wait()
    last = max(event["step"] for event in read_journal(undisturbed) if event["kind"] == "step")
    for step in sorted(chance.sample(range(1, last - 10), kills)):
        process = _start(home, file, killed)
        _await_step(process, killed, step)
        process.kill()
        process.wait()
        counts["SIGKILL to a training run"] += 1
        print(f"  {method}: killed at step {step} or a little after", flush=True)
    _start(home, file, killed).wait()
    starts = [event for event in read_journal(killed) if event["kind"] == "run_started" and event["resumed"]]
    counts["resumed from a checkpoint"] += len(starts)
    counts["of these, within an epoch"] += sum(event["step"] % event["steps_per_epoch"] > 0 for event in starts)
    one, other = (torch.load(run / LAST, map_location="cpu", weights_only=True) for run in (undisturbed, killed))
    for part in LEARNED:
        equal, total = _equal(one[part], other[part])
        counts["tensors compared"] += total
        counts["tensors that differ in a bit"] += total - equal
        if equal < total:
            faults.append(f"{method}: {total - equal} of {total} tensors or numbers of {part} differ")
    histories = [[[entry[key] for key in HISTORY] for entry in state["history"]] for state in (one, other)]
    counts["epochs compared"] += len(histories[0])
    if histories[0] != histories[1] or len(histories[0]) != EPOCHS:
        faults.append(f"{method}: the histories differ")


def _start(home: Path, file: Path, run: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "focus_core.cli", "train", "--config", str(file), "--exp-dir", str(run)]
    environment = {**os.environ, "FOCUS_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def _await_step(process: subprocess.Popen[bytes], run: Path, step: int) -> None:
    """By the journal's size first: it is read only if it has grown."""
    deadline, size, journal = time.monotonic() + _PATIENCE_SECONDS, -1, run / JOURNAL
    while process.poll() is None and time.monotonic() < deadline:
        if journal.exists() and (now := journal.stat().st_size) != size:
            size = now
            lines = journal.read_text(encoding="utf-8").splitlines()
            told = [line for line in lines if f'"kind": "step", "step": {step},' in line]
            if told:
                return
        time.sleep(0.01)
    raise TimeoutError(f"{run.name} did not come to step {step}: it ended with {process.poll()}")


def _equal(a: Any, b: Any) -> tuple[int, int]:
    """How many of the tensors and numbers of a have the same bits in b, and their total number."""
    if isinstance(a, torch.Tensor):
        same = a.shape == b.shape and a.dtype == b.dtype
        return int(same and a.contiguous().numpy().tobytes() == b.contiguous().numpy().tobytes()), 1
    if isinstance(a, dict):
        pairs = [_equal(a[key], b.get(key)) for key in a]
    elif isinstance(a, (list, tuple)):
        pairs = [_equal(x, y) for x, y in zip(a, b, strict=True)]
    else:
        return int(a == b), 1
    return sum(equal for equal, _ in pairs), sum(total for _, total in pairs)


if __name__ == "__main__":
    sys.exit(main())
