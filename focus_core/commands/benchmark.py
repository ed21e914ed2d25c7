"""`focus benchmark samplers`: which sampler reproduces P(k), with how many network evaluations."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focus_core.catalogue.jobs import PROGRESS
from focus_core.catalogue.samplers import BENCHMARK_EVALUATIONS, MOST_STEPS, SAMPLERS
from focus_core.disk.atomic import replacing, write_text
from focus_core.errors import StopRequested, UserError
from focus_core.paths import check_folder
from focus_core.run_files import (
    BENCHMARK_FIGURE,
    BENCHMARK_RESULT,
    BENCHMARK_TABLE,
    SAMPLER_BENCHMARK,
)
from focus_core.training.stopping import StopSwitch

if TYPE_CHECKING:
    from focus_core.sampling.from_run import LoadedRun
    from focus_core.sampling.sampler_benchmark import BenchmarkProgress, Case
    from focus_core.statistics.held_out import HeldOut

SUMMARY = "measure samplers of a trained run against held-out simulations"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subjects = parser.add_subparsers(dest="subject", required=True, metavar="SUBJECT")
    samplers = subjects.add_parser(
        "samplers",
        help="error of P(k) and of its scatter against network evaluations",
        epilog="Ctrl-C keeps every finished case; the same command continues. It writes "
        f"{BENCHMARK_RESULT}, {BENCHMARK_TABLE} and {BENCHMARK_FIGURE}.",
    )
    samplers.add_argument("--run", required=True, type=Path, metavar="DIR", help="the folder of a trained run")
    samplers.add_argument(
        "--evaluations",
        type=_numbers,
        default=BENCHMARK_EVALUATIONS,
        metavar="N,N,…",
        help="network evaluations per map, at most (default 5,10,20,50,100,250,1000); DDPM takes its whole schedule",
    )
    samplers.add_argument("--samplers", metavar="NAME,…", help="only these (default: all that fit the run's method)")
    samplers.add_argument("--maps", type=int, default=4, help="maps at each held-out θ (default 4)")
    samplers.add_argument("--simulations", type=int, default=64, help="held-out θ to take at most (default 64)")
    samplers.add_argument("--seed", type=int, default=0, help="of the noise, the same in every case (default 0)")
    samplers.add_argument("--weights", choices=("ema", "raw"), default="ema", help="averaged or plain (default ema)")
    samplers.add_argument("--checkpoint", default="best", help="best (default), last or a kept epoch, epoch_0010 say")
    samplers.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps or auto (default)")
    samplers.add_argument("--out", type=Path, metavar="DIR", help=f"default: {SAMPLER_BENCHMARK} in the run's folder")


def run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    folder = arguments.out or arguments.run / SAMPLER_BENCHMARK
    check_folder(folder, "--out")
    stop = StopSwitch()
    stop.listen()

    from focus_core.sampling.from_run import load_run
    from focus_core.sampling.sampler_benchmark import make_cases
    from focus_core.statistics.held_out import read_held_out

    loaded = load_run(arguments.run, arguments.weights, arguments.checkpoint, arguments.device)
    truth = read_held_out(arguments.run, loaded.space, arguments.simulations)
    cases = make_cases(loaded, arguments.evaluations, _chosen(arguments.samplers, loaded))
    if not cases:
        raise UserError(
            f"--evaluations: no sampler of this run takes {max(arguments.evaluations)} or fewer; give larger numbers."
        )
    folder.mkdir(parents=True, exist_ok=True)
    found = _measure(loaded, truth, cases, folder, arguments, stop)
    from focus_core.sampling.sampler_report import to_text

    print(to_text(found))
    print(f"\n{folder}")
    return 0


def _measure(
    run: LoadedRun, truth: HeldOut, cases: Sequence[Case], folder: Path, arguments: argparse.Namespace, stop: StopSwitch
) -> dict[str, Any]:
    """Draw every case and write the finished ones after each."""
    from focus_core.sampling.sampler_benchmark import run_benchmark
    from focus_core.sampling.sampler_report import report

    found: dict[str, Any] = {}
    with _progress(folder, stop) as progress:
        try:
            for finished in run_benchmark(run, truth, cases, folder, arguments.maps, arguments.seed, progress):
                found = report(run, truth, finished, len(cases), arguments.seed)
                _write(folder, found)
            _draw(folder, found)
        except StopRequested as reason:
            _draw(folder, found)
            kept = f"{len(found['cases'])} of {len(cases)} cases are kept in {folder}"
            raise StopRequested(f"{reason}; {kept}, and the same command continues.") from reason
    return found


def _write(folder: Path, found: dict[str, Any]) -> None:
    from focus_core.sampling.sampler_report import to_csv, to_json

    if found["cases"]:
        write_text(folder / BENCHMARK_TABLE, to_csv(found))
        write_text(folder / BENCHMARK_RESULT, to_json(found))


def _draw(folder: Path, found: dict[str, Any]) -> None:
    from focus_core.figures.sampler_curves import draw_sampler_curves

    if found["cases"]:
        with replacing(folder / BENCHMARK_FIGURE) as file:
            draw_sampler_curves(file, found)


@contextmanager
def _progress(folder: Path, stop: StopSwitch) -> Iterator[BenchmarkProgress]:
    from tqdm import tqdm

    file = folder / PROGRESS
    with tqdm(
        unit="evaluation", file=sys.stderr, desc="benchmark", leave=False, unit_scale=True, mininterval=0.5
    ) as bar:

        def tell(done: int, total: int, case: str) -> None:
            stop.check()
            if bar.total is None:  # work finished by an earlier call does not count towards the rate
                bar.reset(total)
                bar.initial = bar.n = done
            bar.set_postfix_str(case, refresh=False)
            bar.update(done - bar.n)
            permille = 1000 * done // total
            if permille > seen[0]:
                seen[0] = permille
                write_text(file, f"{permille} 1000\n")

        seen = [-1]
        try:
            yield tell
        finally:
            file.unlink(missing_ok=True)


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of whole numbers like 5,10,50") from None
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{min(numbers)} is too small; give 1 or more")
    return numbers


def _chosen(text: str | None, run: LoadedRun) -> tuple[str, ...] | None:
    from focus_core.sampling.from_run import chosen_sampler

    if text is None:
        return None
    names = tuple(word.strip() for word in text.split(","))
    for name in names:
        if name not in SAMPLERS:
            raise UserError(f"--samplers: '{name}' is not known; there are {', '.join(SAMPLERS)}.")
        chosen_sampler(run, name)
    return names


def _check(arguments: argparse.Namespace) -> None:
    for name, least in (("maps", 1), ("simulations", 2), ("seed", 0)):
        if (value := getattr(arguments, name)) < least:
            raise UserError(f"--{name}: {value} is too small; give {least} or more.")
    most = MOST_STEPS * max(spec.per_step for spec in SAMPLERS.values())
    if (value := max(arguments.evaluations)) > most:
        raise UserError(f"--evaluations: {value} are too many; give {most:,} or fewer.")
