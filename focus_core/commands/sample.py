"""`focus sample`: draw maps from a trained run at chosen parameters."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from focus_core.catalogue import SAMPLER_TITLES
from focus_core.data.atomic import replacing
from focus_core.errors import UserError
from focus_core.training.stopping import StopSwitch

if TYPE_CHECKING:
    from focus_core.sampling import LoadedRun

SUMMARY = "draw maps from a trained run at chosen parameters"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", required=True, type=Path, metavar="DIR", help="the folder of a trained run")
    parser.add_argument(
        "--params", required=True, metavar="NAME=VALUE,…", help='every parameter of the run, e.g. "Omega_m=0.3,…"'
    )
    parser.add_argument("--n", type=int, default=16, help="maps to draw (default 16)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same maps (default 0)")
    samplers = list(SAMPLER_TITLES)
    parser.add_argument("--sampler", choices=samplers, help="must fit the run's method (default: the run's own)")
    parser.add_argument("--steps", type=int, help="steps (default: the run's; DDIM: 250 or more for a quoted P(k))")
    parser.add_argument("--guidance", type=float, help="1 is unbiased (default: the run's)")
    parser.add_argument("--weights", choices=("ema", "raw"), default="ema", help="averaged or plain (default ema)")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best", help="which one (default best)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps or auto (default)")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.npz", help="where the maps are written")


def run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    # Only Ctrl-C and SIGTERM matter here: a drawing has nothing to resume.
    stop = StopSwitch()
    stop.listen()
    from tqdm import tqdm

    from focus_core.sampling import load_run, sample_maps

    loaded = load_run(arguments.run, arguments.weights, arguments.checkpoint, arguments.device)
    theta = loaded.space.parse(arguments.params)
    _check_steps(loaded, arguments.sampler, arguments.steps)
    _warn(loaded, theta, arguments.guidance)
    with tqdm(unit="evaluation", file=sys.stderr, desc="sampling", leave=False) as bar:

        def progress(done: int, total: int) -> None:
            stop.check()
            bar.total = total
            bar.update(done - bar.n)

        maps = sample_maps(
            loaded,
            theta,
            arguments.n,
            arguments.seed,
            arguments.sampler,
            arguments.steps,
            arguments.guidance,
            progress,
        )
    _write(arguments.out, loaded, maps, theta, arguments.seed)
    print(arguments.out)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    for name, least in (("n", 1), ("steps", 1), ("seed", 0)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise UserError(f"--{name}: {value} is too small; give {least} or more.")
    if arguments.seed >= 2**63:
        raise UserError(f"--seed: {arguments.seed} is too large; give less than 2⁶³.")
    if arguments.guidance is not None and not 0.0 <= arguments.guidance <= 100.0:
        raise UserError(f"--guidance: {arguments.guidance:g} is not between 0 and 100; 1 is the unbiased model.")
    if arguments.out.suffix != ".npz":
        raise UserError(f"--out: {arguments.out} must end in .npz.")
    if arguments.out.is_dir():
        raise UserError(f"--out: {arguments.out} is a folder; name a file in it.")
    if not arguments.out.absolute().parent.is_dir():
        raise UserError(f"--out: the folder {arguments.out.absolute().parent} does not exist; make it first.")


def _check_steps(run: LoadedRun, sampler: str | None, steps: int | None) -> None:
    """An option that would be ignored is refused: DDPM takes every step of the schedule, adaptive ones their own."""
    chosen = sampler or run.config.sampling.method
    timesteps = run.config.diffusion.timesteps
    if steps is None or chosen not in ("ddpm", "adaptive") or (chosen == "ddpm" and steps == timesteps):
        return
    takes = f"takes all {timesteps} steps of the run's schedule" if chosen == "ddpm" else "chooses its steps itself"
    raise UserError(f"--steps: is {steps}, but {chosen} {takes}; leave --steps out, or take another --sampler.")


def _warn(run: LoadedRun, theta: np.ndarray[Any, Any], guidance: float | None) -> None:
    """On standard error, so that neither stops a script."""
    for outside in run.space.outside(theta.tolist()):
        print(f"focus sample: warning: {outside.sentence()}", file=sys.stderr)
    scale = run.config.sampling.cfg_scale if guidance is None else guidance
    if scale != 1.0:
        print(f"focus sample: warning: guidance {scale:g} is not 1, so P(k) of these maps is biased.", file=sys.stderr)


def _write(path: Path, run: LoadedRun, maps: np.ndarray[Any, Any], theta: np.ndarray[Any, Any], seed: int) -> None:
    try:
        with replacing(path) as file:
            np.savez(
                file,
                maps=maps,
                params=np.broadcast_to(theta, (len(maps), len(theta))),
                param_names=np.array(run.space.names),
                box_size=np.float64(np.nan if run.box_size is None else run.box_size),
                seed=np.int64(seed),
                checkpoint_sha256=np.array(run.checkpoint_sha256),
            )
    except OSError as error:
        raise UserError(f"--out: {path} could not be written ({error.strerror}); choose another place.") from error
