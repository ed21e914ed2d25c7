"""`focus simulate`: a suite of particle-mesh simulations, with a progress bar, resumable."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from focus_core.parameters import SPACES, parameter_space
from focus_core.suites import PLAIN_SUITE

SUMMARY = "make a suite of particle-mesh simulations and their maps"

_NUMBERS = {
    "simulations": "points in parameter space",
    "grid": "cells, particles and pixels per side",
    "box": "side of the periodic box in Mpc/h",
    "seed": "of the design and the initial phases",
    "realisations": "initial phases at each point",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the dataset")
    for name, about in _NUMBERS.items():
        plain = PLAIN_SUITE[name]
        parser.add_argument(f"--{name}", type=type(plain), default=plain, help=f"{about} (default {plain:g})")
    parser.add_argument(
        "--space",
        choices=sorted(SPACES),
        default=PLAIN_SUITE["space"],
        help=f"parameters to vary (default {PLAIN_SUITE['space']})",
    )
    parser.add_argument("--layout", choices=("folder", "cmd"), default="folder", help="dataset folder, or CAMELS files")
    parser.add_argument("--slabs", type=int, help="slabs along each axis (default: about 16 Mpc/h deep)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 or auto (default)")


def run(arguments: argparse.Namespace) -> int | None:
    with _stop_signals() as should_stop:
        return _simulate(arguments, should_stop)


def _simulate(arguments: argparse.Namespace, should_stop: Callable[[], bool]) -> int | None:
    from tqdm import tqdm

    from focus_core.simulation.suite import SuiteSpec, simulate_suite

    spec = SuiteSpec(
        simulations=arguments.simulations,
        grid=arguments.grid,
        box=arguments.box,
        seed=arguments.seed,
        realisations=arguments.realisations,
        space=parameter_space(arguments.space),
        layout=arguments.layout,
        slabs=arguments.slabs,
    )
    device = _device(arguments.device)
    with contextlib.ExitStack() as stack:
        bars: list[tqdm] = []

        def progress(done: int, total: int) -> None:
            if not bars:  # not before the folder is known to be ours: a refusal is one line and nothing else
                # Simulations finished by an earlier call do not count towards the rate.
                bar = tqdm(initial=done, total=total, unit="simulation", file=sys.stderr, desc="simulating")
                bars.append(stack.enter_context(bar))
            bars[0].update(done - bars[0].n)

        simulate_suite(spec, arguments.out, progress=progress, should_stop=should_stop, device=device)
    print(arguments.out)
    return None


@contextlib.contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """The first SIGINT or SIGTERM asks to stop after the current simulation, a second SIGINT ends it at once."""
    asked = False

    def handler(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _device(name: str) -> str:
    import torch

    from focus_core.errors import UserError

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind = name.partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise UserError(f"--device: '{name}' is not known; simulations run on cpu, cuda or cuda:N.")
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device: {name} cannot be used here ({str(error).splitlines()[0]}).") from error
    return name
