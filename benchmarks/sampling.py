"""Sampling: how few evaluations are as good as DDPM-1000, and how long 16 maps take.

    python benchmarks/sampling.py gaussian
    python benchmarks/sampling.py seconds --run DIR [--maps 16] [--steps 50 250] [--train DATASET]

`gaussian`: every sampler with the denoiser that is exact for a Gaussian field, mode by mode: the error of the power of
modes that have 10, 1, 0.1 and 0.01 of the variance of a pixel. For a Gaussian field that is the error of P(k), and of
its scatter, which is proportional to it. DDPM adds noise at every step, so its power is followed by its own recursion.
The spectral EDM knows the power of the training maps beforehand, and would make no error at all: here what it knows is
30 % too small, and the network has to supply the rest.

`seconds`: of a warm model, medians of five, on the clock and of all cores together; with --train also beside a training
of the quickstart on that dataset, started as the worker starts it: niceness 10, and threads capped as
`worker.jobs.child.default_threads` says.

For trained runs and held-out simulations: `focus benchmark samplers --run DIR`.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from measuring import machine, table
from torch import Tensor, nn

from focus_core.catalogue.samplers import SAMPLERS, samplers_of
from focus_core.config.experiment import DiffusionSection
from focus_core.config.methods import EDMSection
from focus_core.diffusion.denoising import DenoisingDiffusion
from focus_core.diffusion.edm import EDM
from focus_core.diffusion.flow import FlowMatching, StraightPath
from focus_core.diffusion.gaussian import ForwardProcess
from focus_core.diffusion.method import Method, Sampler
from focus_core.diffusion.noise import MapNoise
from focus_core.diffusion.prior import WhitePrior
from focus_core.diffusion.schedule import make_schedule
from focus_core.errors import UserError
from focus_core.run_files import JOURNAL
from focus_core.sampling.from_run import LoadedRun, load_run, sample_maps
from worker.jobs.child import default_threads
from worker.processes import end, family, spawn

VARIANCES = (10.0, 1.0, 0.1, 0.01)
EVALUATIONS = (5, 10, 20, 50, 100, 250, 1000)
NICENESS, MINIMUM = 10, 5
SPECTRAL = "spectral edm"
SCHEDULE = make_schedule(DiffusionSection())


class Exact(nn.Module):
    """The result of infinite training on modes of these variances (B,), for each method's own times."""

    def __init__(self, method: str, variance: float, known: float = 1.0) -> None:
        """`known`: the variance that the preconditioning of EDM expects, σ_data²."""
        super().__init__()
        self._method, self._variance, self._known = method, variance, known

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, drop: Tensor | None = None) -> Tensor:
        return (self._factor(t.double())[:, None, None, None] * x).to(x.dtype)

    def _factor(self, t: Tensor) -> Tensor:
        v = self._variance
        if self._method == "diffusion":
            a = SCHEDULE.alpha_bar[t.long()]
            return (1 - a).sqrt() / (a * v + 1 - a)
        if self._method == "flow":
            t, path = t / 1000.0, StraightPath()
            sigma = path.sigma_max - path.narrowing * t
            return (t * v - path.narrowing * sigma) / (t**2 * v + sigma**2)
        sigma, s = (4.0 * t / 100.0).exp(), self._known  # F = (D − c_skip x)/(c_out c_in)
        return (v / (v + sigma**2) - s / (s + sigma**2)) * (s + sigma**2) / (sigma * s**0.5)


@dataclass(frozen=True)
class Times:
    """Wall-clock seconds, and those of all cores together, which other work on the machine hardly changes."""

    wall: list[float]
    processor: list[float]


def main() -> int:
    arguments = _arguments()
    try:
        return _gaussian() if arguments.what == "gaussian" else _seconds(arguments)
    except UserError as error:
        print(f"benchmarks/sampling.py: {error}", file=sys.stderr)
        return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    subjects = parser.add_subparsers(dest="what", required=True)
    subjects.add_parser("gaussian", help="errors with an exact denoiser")
    seconds = subjects.add_parser("seconds", help="of a trained run's maps")
    seconds.add_argument("--run", type=Path, required=True)
    seconds.add_argument("--maps", type=int, default=16)
    seconds.add_argument("--steps", type=int, nargs="+", help="of the run's sampler (default: its own)")
    seconds.add_argument("--repeats", type=int, default=MINIMUM)
    seconds.add_argument("--train", metavar="DATASET", help="also beside a training of the quickstart on this dataset")
    return parser.parse_args()


def _gaussian() -> int:
    print(machine(), end="\n\n")
    goal = max(abs(error) for error in ddpm_errors())
    rows = [_row("diffusion", "DDPM", 1000, ddpm_errors(), goal)]
    for method in ("diffusion", "flow", "edm", SPECTRAL):
        for name in samplers_of(_plain(method)):
            for sampler in _samplers(method, name):
                calls, errors = gaussian_errors(method, sampler)
                title = SAMPLERS[name].title + (f" {sampler.tolerance:g}" if SAMPLERS[name].chooses_steps else "")
                if sampler.spacing != "auto":
                    title += f", {sampler.spacing}"
                rows.append(_row(method, title, calls, errors, goal))
    head = ["method", "sampler", "evaluations", *(f"p = {v:g}" for v in VARIANCES), "worst", "≤ DDPM-1000"]
    print(table(head, rows))
    return 0


def _row(method: str, title: str, calls: int, errors: list[float], goal: float) -> list[str]:
    worst = max(abs(error) for error in errors)
    cells = [f"{100 * error:+.2f} %".replace("-", "−") for error in errors]
    return [method, title, str(calls), *cells, f"{100 * worst:.2f} %", "yes" if worst <= goal * (1 + 1e-9) else ""]


def _samplers(method: str, name: str) -> Iterator[Sampler]:
    spec = SAMPLERS[name]
    if spec.every_time:
        return
    if spec.chooses_steps:
        yield from (Sampler(name, tolerance=tolerance) for tolerance in (1e-1, 1e-2, 1e-3))
        return
    spacings = ("auto", "karras") if method == "diffusion" else ("auto",)
    for spacing in spacings:
        for asked in EVALUATIONS:
            yield Sampler(name, spec.steps_within(_plain(method), asked), spacing=spacing)


def _plain(method: str) -> str:
    return "edm" if method == SPECTRAL else method


def gaussian_errors(method: str, sampler: Sampler) -> tuple[int, list[float]]:
    """Network evaluations, and the relative error of the variance of each of `VARIANCES`."""
    calls, errors = 0, []
    for variance in VARIANCES:
        known = variance / 1.3 if method == SPECTRAL else 1.0
        made: dict[str, Method] = {
            "diffusion": DenoisingDiffusion(SCHEDULE, ForwardProcess(SCHEDULE)),
            "flow": FlowMatching(StraightPath()),
            "edm": EDM(EDMSection(), WhitePrior(1.0)),
            SPECTRAL: EDM(EDMSection(spectral=True), WhitePrior(known**0.5)),
        }
        network, count = Exact(method, variance, known), [0]
        network.register_forward_hook(lambda *_, count=count: count.__setitem__(0, count[0] + 1))
        drawn = made[method].sample(network, torch.zeros(1, 6), 1.0, sampler, MapNoise([1], (1, 8, 8)))
        factor = float((drawn / MapNoise([1], (1, 8, 8)).draw()).median())
        errors.append(factor**2 / variance - 1.0)
        calls = max(calls, count[0])
    return calls, errors


def ddpm_errors() -> list[float]:
    """v ← m² v + β̃ over all steps, with m the exact mean's factor (Ho et al. 2020, eqs. 6 and 7)."""
    errors = []
    for variance in VARIANCES:
        v = 1.0
        for t in reversed(range(SCHEDULE.timesteps)):
            a, before = SCHEDULE.alpha_bar_list[t], SCHEDULE.alpha_bar_list[t - 1] if t else 1.0
            beta = 1.0 - a / before
            x0 = math.sqrt(a) * variance / (a * variance + 1.0 - a)
            m = math.sqrt(before) * beta / (1.0 - a) * x0 + math.sqrt(1.0 - beta) * (1.0 - before) / (1.0 - a)
            v = m**2 * v + (1.0 - before) / (1.0 - a) * beta
        errors.append(v / variance - 1.0)
    return errors


def _seconds(arguments: argparse.Namespace) -> int:
    run = load_run(arguments.run, device="auto")
    steps = arguments.steps or [run.config.steps()[1]]
    print(f"{machine(run.model.device)}\n{arguments.run.name}, epoch {run.epoch}, {run.grid}²", end="\n\n")
    alone: dict[int, Times] = {s: _times(run, arguments.maps, s, arguments.repeats) for s in steps}
    beside: dict[int, Times] = {}
    if arguments.train is not None:
        with training(arguments.train):
            beside = {s: _times(run, arguments.maps, s, arguments.repeats) for s in steps}
    title = SAMPLERS[run.config.sampling.method].title
    rows = []
    for s in steps:
        both = (alone[s], beside[s]) if beside else (alone[s],)
        cells = [
            words for times in both for words in (_spread(times.wall), f"{statistics.median(times.processor):.2f}")
        ]
        rows.append([f"{title}, {s} steps", *cells])
    head = [f"{arguments.maps} maps", "alone, s", "of which a processor's", "beside a training run, s", "a processor's"]
    print(table(head[: len(rows[0])], rows))
    return 0


def _times(run: LoadedRun, n: int, steps: int, repeats: int) -> Times:
    theta = run.space.from_unit(np.zeros(len(run.space)))
    sample_maps(run, theta, n, 0, steps=min(steps, 3))  # warm
    wall, processor = [], []
    for seed in range(max(repeats, MINIMUM)):
        began, worked = time.perf_counter(), time.process_time()
        sample_maps(run, theta, n, seed, steps=steps, guidance=1.0)
        wall.append(time.perf_counter() - began)
        processor.append(time.process_time() - worked)
    return Times(wall, processor)


def _spread(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} ({min(times):.2f}–{max(times):.2f})"


@contextmanager
def training(dataset: str) -> Iterator[None]:
    """A training run of the quickstart that has reached its steps, started as by a worker."""
    recipe = Path(__file__).resolve().parents[1] / "tasks" / "quickstart" / "config.yaml"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = str(default_threads(cores, gpu=torch.cuda.is_available()))
    environment = os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = recipe.read_text(encoding="utf-8").replace("dataset: quick\n", f"dataset: {dataset}\n")
        (folder / "config.yaml").write_text(text, encoding="utf-8")
        words = [sys.executable, "-m", "focus_core.cli", "train"]
        words += ["--config", str(folder / "config.yaml"), "--exp-dir", str(folder / "run")]
        process = spawn(words, folder / "log", environment, niceness=NICENESS)
        try:
            journal = folder / "run" / JOURNAL
            while not (journal.exists() and '"step"' in journal.read_text(encoding="utf-8")):
                if process.poll() is not None:
                    raise UserError(f"--train: the training did not start: {(folder / 'log').read_text()[-500:]}")
                time.sleep(0.2)
            yield
            if process.poll() is not None:
                raise UserError("--train: the training ended before the maps were drawn; measure fewer of them.")
        finally:
            end(family(process.pid), 30.0)
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
