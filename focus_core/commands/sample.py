"""`focus sample`: draw maps from a trained run at chosen parameters, thousands if needed; resumable."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from focus_core.catalogue.samplers import SAMPLERS
from focus_core.commands.sampler_choice import check_sampler, check_sampler_of_folder
from focus_core.commands.whole_numbers import check_least, check_seed
from focus_core.data.column_names import own_name
from focus_core.data.parameter_tables import read_table
from focus_core.errors import DISK_FULL, UserError
from focus_core.parameters import ParameterSpace, TrainingRange, check_reach
from focus_core.paths import check_writable
from focus_core.training.stopping import StopSwitch

if TYPE_CHECKING:
    from focus_core.sampling.drawing import MapRequest
    from focus_core.sampling.from_run import LoadedRun

SUMMARY = "draw maps from a trained run at chosen parameters"
_MAPS, _MAPS_A_ROW = 16, 1
# θ of every map is in memory: half a gigabyte for these, compared with 160 GB of maps of 64² on disk.
_LARGEST_FILE = 10_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Ctrl-C keeps what is drawn, beside FILE.npz in FILE.npz.partial; the same command continues there. The file "
        "holds maps, params, param_names, box_size, seed and checkpoint_sha256; map i belongs to row i of params."
    )
    parser.add_argument("--run", required=True, type=Path, metavar="DIR", help="the folder of a trained run")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--params", metavar="NAME=VALUE,…", help='every parameter of the run, e.g. "Omega_m=0.3,…"')
    where.add_argument(
        "--params-file", type=Path, metavar="FILE", help="a θ a row: .csv or text with a header of names, or .npy"
    )
    parser.add_argument(
        "--n", type=int, help=f"maps at each θ (default {_MAPS}; with --params-file {_MAPS_A_ROW}); a file of any size"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same maps (default 0)")
    samplers = SAMPLERS.names
    parser.add_argument("--sampler", choices=samplers, help="must fit the run's method (default: the run's own)")
    parser.add_argument("--steps", type=int, help="steps (default: the run's; DDIM: 250 or more for a quoted P(k))")
    parser.add_argument("--guidance", type=float, help="1 is unbiased (default: the run's)")
    parser.add_argument("--weights", choices=("ema", "raw"), default="ema", help="averaged or plain (default ema)")
    parser.add_argument("--checkpoint", default="best", help="best (default), last or a kept epoch, epoch_0010 say")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps or auto (default)")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.npz", help="where the maps are written")
    parser.add_argument(
        "--fresh", action="store_true", help="throw away what another command left unfinished beside FILE.npz"
    )


def run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    stop = StopSwitch()
    stop.listen()

    from focus_core.sampling.drawing import MapRequest
    from focus_core.sampling.from_run import chosen_sampler, load_run

    loaded = load_run(arguments.run, arguments.weights, arguments.checkpoint, arguments.device)
    theta = _theta(arguments, loaded.space)
    check_sampler(loaded.config, arguments)
    sampler = chosen_sampler(loaded, arguments.sampler, arguments.steps)
    scale = loaded.config.sampling.cfg_scale if arguments.guidance is None else arguments.guidance
    _warn(loaded.training_range, theta, scale)
    each = arguments.n or (_MAPS if arguments.params_file is None else _MAPS_A_ROW)
    if each * len(theta) > _LARGEST_FILE:
        raise UserError(
            f"--n: {each} maps at each of {len(theta)} θ are more than the {_LARGEST_FILE:,} of a file; draw several "
            "files, each with a --seed of its own."
        )
    drawing = MapRequest(np.repeat(theta, each, axis=0), arguments.seed, sampler, scale)
    _draw(loaded, drawing, arguments.out, arguments.fresh, stop)
    print(arguments.out)
    return 0


def _draw(run: LoadedRun, drawing: MapRequest, out: Path, fresh: bool, stop: StopSwitch) -> None:
    from tqdm import tqdm

    from focus_core.sampling.drawing import draw_to_file

    with contextlib.ExitStack() as stack:
        bars: list[tqdm] = []

        def progress(done: int, total: int, maps: int) -> None:
            stop.check()
            if not bars:  # not before the file is known to be ours: a refusal is one line and nothing else
                # Maps drawn by an earlier call do not count towards the rate.
                bar = tqdm(initial=done, total=total, unit="evaluation", file=sys.stderr, desc="sampling", leave=False)
                bars.append(stack.enter_context(bar))
            bars[0].set_postfix_str(f"{maps}/{len(drawing)} maps", refresh=False)
            bars[0].update(done - bars[0].n)

        try:
            draw_to_file(run, drawing, out, fresh, progress)
        except OSError as error:
            kept = " (what is drawn is kept)" if error.errno in DISK_FULL else ""
            raise UserError(
                f"--out: {error.filename or out} could not be written ({error.strerror}){kept}; make room, or choose "
                "another place."
            ) from error


def _theta(arguments: argparse.Namespace, space: ParameterSpace) -> NDArray[np.float64]:
    """θ (rows, d) in the order of the run's space."""
    if arguments.params_file is None:
        theta = space.parse(arguments.params)[None]
        check_reach(theta, space, "--params")
        return theta
    path = arguments.params_file
    table = read_table(path)
    names, values = tuple(map(own_name, table.header or space.names)), table.values
    if values.shape[1] != len(space) or sorted(names) != sorted(space.names):
        found = ", ".join(table.header) if table.header else f"{values.shape[1]} columns"
        raise UserError(f"--params-file: {path} has {found}; the run needs {', '.join(space.names)}.")
    values = values[:, [list(names).index(name) for name in space.names]]
    for column, parameter in zip(values.T, space.parameters, strict=True):
        if parameter.scaling == "log" and (column <= 0.0).any():
            row = int(np.argmax(column <= 0.0))
            raise UserError(
                f"--params-file: {path}, row {row + 1}: {parameter.name} is {column[row]:g}; it must be positive, for "
                "its scale is logarithmic."
            )
    check_reach(values, space, f"--params-file: {path}")
    return values


def _check(arguments: argparse.Namespace) -> None:
    check_least(arguments, {"n": 1, "steps": 1, "seed": 0})
    check_seed(arguments.seed)
    if arguments.guidance is not None and not 0.0 <= arguments.guidance <= 100.0:
        raise UserError(f"--guidance: {arguments.guidance:g} is not between 0 and 100; 1 is the unbiased model.")
    if arguments.out.suffix != ".npz":
        raise UserError(f"--out: {arguments.out} must end in .npz.")
    if arguments.out.is_dir():
        raise UserError(f"--out: {arguments.out} is a folder; name a file in it.")
    if not arguments.out.absolute().parent.is_dir():
        raise UserError(f"--out: the folder {arguments.out.absolute().parent} does not exist; make it first.")
    check_writable(arguments.out, "--out")
    check_sampler_of_folder(arguments)


def _warn(trained: TrainingRange, theta: NDArray[np.float64], guidance: float) -> None:
    """On standard error, so that neither stops a script."""
    for found in trained.farthest_outside(theta):
        print(f"focus sample: warning: {found.sentence()}", file=sys.stderr)
    if guidance != 1.0:
        print(
            f"focus sample: warning: guidance {guidance:g} is not 1, so P(k) of these maps is biased.", file=sys.stderr
        )
