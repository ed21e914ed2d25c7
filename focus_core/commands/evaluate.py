"""`focus evaluate`: sixteen statistics of generated maps against simulations, as a report; any maps can be judged."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from focus_core.catalogue.jobs import PROGRESS
from focus_core.catalogue.samplers import SAMPLERS
from focus_core.catalogue.statistics import STATISTICS
from focus_core.commands.sampler_choice import check_sampler_of_folder
from focus_core.commands.whole_numbers import check_least, check_seed
from focus_core.disk.atomic import write_text
from focus_core.errors import UserError
from focus_core.paths import check_folder
from focus_core.training.stopping import StopSwitch

if TYPE_CHECKING:
    from tqdm import tqdm

    from focus_core.evaluation.evaluating import Result

SUMMARY = "judge generated maps by sixteen statistics, as a report"
_PARTS = ("train", "validation", "test", "all")
_SIMULATIONS = 16
# Share of the work that counts for drawing maps, in thousandths.
_DRAWING = 600
_SOON = 0.01  # seconds; any delay keeps the bar hidden until the first part of the work is done


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Exit code 0 whenever the report is written, whatever the verdicts. Ctrl-C keeps the maps that are drawn, in "
        "REPORT; the same command continues. It writes summary.json, summary.csv, report.html and a table and a figure "
        "for each statistic."
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", type=Path, metavar="DIR", help="the folder of a trained run, which draws the maps")
    what.add_argument("--maps", type=Path, metavar="FILE.npz", help="maps (n, N, N) and params (n, d), from anywhere")
    parser.add_argument("--dataset", metavar="DIR", help="the simulations to hold them against (default: the run's)")
    parser.add_argument("--split", choices=_PARTS, help="whose θ are taken (default: test; with --maps: all)")
    parser.add_argument("--n", type=int, help=f"θ to take at most (default {_SIMULATIONS}; with --maps all)")
    parser.add_argument("--seed", type=int, default=0, help="of the maps and of the resampling (default 0)")
    parser.add_argument("--checkpoint", help="best (default), last or a kept epoch, epoch_0010 say")
    parser.add_argument("--sampler", choices=list(SAMPLERS), help="default: the run's own")
    parser.add_argument("--steps", type=int, help="steps of the sampler (default: the run's)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps or auto (default)")
    parser.add_argument("--out", required=True, type=Path, metavar="REPORT", help="the folder of the report")


def run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    stop = StopSwitch()
    stop.listen()

    from focus_core.evaluation.report import make_report
    from focus_core.evaluation.subjects import RunRequest, drawn_subject, given_subject

    folder = _folder(arguments.out)
    with _following(folder, stop) as follow:
        if arguments.maps is not None:
            subject, dataset = given_subject(
                arguments.maps, arguments.dataset, arguments.split, arguments.n, arguments.seed
            )
        else:
            request = RunRequest(
                arguments.run,
                arguments.checkpoint or "best",
                arguments.device,
                arguments.dataset,
                arguments.split or "test",
                arguments.n or _SIMULATIONS,
                arguments.seed,
                arguments.sampler,
                arguments.steps,
            )
            subject, dataset = drawn_subject(request, folder, follow.drawing)
        results = make_report(subject, dataset, folder, follow.measuring)
    _print(results)
    print(folder)
    return 0


class _Follower:
    """One bar, in thousandths: drawing maps comes first if there are any to draw, then every statistic in turn."""

    def __init__(self, bar: tqdm, file: Path, stop: StopSwitch) -> None:
        self._bar, self._file, self._stop = bar, file, stop
        self._done, self._began = 0, 0

    def drawing(self, done: int, total: int, maps: int) -> None:
        self._stop.check()
        self._began = _DRAWING
        self._show(_DRAWING * done // max(total, 1), f"{maps} maps drawn")

    def measuring(self, what: str) -> None:
        """`what` is a statistic's name, or code that measures for several of them."""
        self._stop.check()
        if what in STATISTICS:
            place = list(STATISTICS).index(what)
            self._show(self._began + (1000 - self._began) * place // len(STATISTICS), STATISTICS[what].in_words)

    def _show(self, done: int, what: str) -> None:
        if done < self._done or (done == self._done and done):
            return
        self._bar.set_postfix_str(what, refresh=False)
        self._bar.update(done - self._done)
        self._done = done
        write_text(self._file, f"{done} 1000\n")


@contextlib.contextmanager
def _following(folder: Path, stop: StopSwitch) -> Iterator[_Follower]:
    from tqdm import tqdm

    file = folder / PROGRESS
    bar_format = "{desc}: {percentage:3.0f} %|{bar}| {elapsed}{postfix}"
    # Not before there is progress to report: a refusal is one line and nothing else.
    with tqdm(total=1000, file=sys.stderr, desc="evaluating", leave=False, bar_format=bar_format, delay=_SOON) as bar:
        try:
            yield _Follower(bar, file, stop)
        finally:
            file.unlink(missing_ok=True)


def _print(results: Sequence[Result]) -> None:
    """One line per statistic, then a sentence that summarises them."""
    from focus_core.evaluation.summary import headline, number, reason_of

    for result in results:
        j = result.judgement
        numbers = "" if j.value is None else f"{number(j.value)} ± {number(j.error)}, floor {number(j.floor)}"
        why = reason_of(result) if j.value is None else ""
        print(f"{result.statistic.name:18}{j.verdict!s:14}{numbers}{why}")
    print(headline(results))


def _folder(path: Path) -> Path:
    """Created before minutes of sampling."""
    if path.exists() and not path.is_dir():
        raise UserError(f"--out: {path} is a file; name a folder for the report.")
    check_folder(path, "--out")
    path.mkdir(parents=True, exist_ok=True)
    return path


def _check(arguments: argparse.Namespace) -> None:
    check_least(arguments, {"n": 1, "steps": 1, "seed": 0})
    check_seed(arguments.seed)
    if arguments.maps is not None:
        for name in ("checkpoint", "sampler", "steps"):
            if getattr(arguments, name) is not None:
                raise UserError(f"--{name}: is for maps that a run draws; leave it out with --maps.")
    else:
        check_sampler_of_folder(arguments)
