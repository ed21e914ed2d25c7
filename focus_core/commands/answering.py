"""Shared by the subcommands of `focus data`: facts that files leave open, and a progress bar that can be stopped."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, get_args

from focus_core.schema.fields import StoredAs
from focus_core.schema.messages import check_box

if TYPE_CHECKING:
    from focus_core.data.answers import Answers
    from focus_core.data.checks import Progress


def add_answers(parser: argparse.ArgumentParser) -> None:
    """Facts of the data that files may leave open."""
    parser.add_argument("--box", type=float, help="side of the box in Mpc/h, where the files do not say it")
    parser.add_argument("--depth", type=float, help="depth of the slabs in Mpc/h (CAMELS in 25 Mpc/h: 5)")
    parser.add_argument(
        "--stored-as", choices=get_args(StoredAs), help="the file holds log10 of the field, or δ or 1 + δ"
    )
    parser.add_argument(
        "--independent", action="store_true", help="rows of one θ are boxes of other phases, which a split may part"
    )


def answers_of(arguments: argparse.Namespace) -> Answers:
    from focus_core.data.answers import Answers

    for name in ("box", "depth"):
        if getattr(arguments, name) is not None:
            check_box(getattr(arguments, name), f"--{name}:")
    return Answers(
        getattr(arguments, "space", None),
        arguments.box,
        arguments.depth,
        arguments.stored_as,
        True if arguments.independent else None,
    )


@contextlib.contextmanager
def progress_bar(what: str, unit: str) -> Iterator[Progress]:
    """A bar on standard error; Ctrl-C and SIGTERM end the work at the next piece, with exit code 3."""
    from tqdm import tqdm

    from focus_core.training.stopping import StopSwitch

    stop = StopSwitch()
    stop.listen()
    with tqdm(desc=what, unit=unit, unit_scale=unit == "B", file=sys.stderr, leave=False, delay=1.0) as bar:

        def progress(done: int, total: int) -> None:
            stop.check()
            bar.total = total
            bar.update(done - bar.n)

        yield progress
