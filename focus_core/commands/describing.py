"""`focus data new`: a dataset.yaml from a table, and from options or a few questions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from focus_core.commands.answering import add_answers, answers_of, progress_bar
from focus_core.paths import expanded

if TYPE_CHECKING:
    from focus_core.data.describing import Facts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Describe maps and the table of their parameters, any number with any names, by a dataset.yaml. Maps are "
        "linked, not copied. What is not given is asked for at a terminal, and else left open."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the dataset's folder; it is made if need be")
    parser.add_argument("--maps", type=Path, help="the file of maps (default: FOLDER/maps.npy)")
    parser.add_argument(
        "--params", "--table", type=Path, dest="table", help="the table of parameters (default: FOLDER/params.csv)"
    )
    parser.add_argument("--name", help="what the dataset is called (default: as its folder)")
    parser.add_argument("--field", help="Mtot, Mcdm, Mgas, T … (default: by a CAMELS name, else 'surface density')")
    parser.add_argument("--unit", help="of a pixel (default: that of the field)")
    parser.add_argument("--redshift", type=float, help="default 0")
    parser.add_argument("--columns", metavar="A,B,…", help="names of the table's columns, where it has no header")
    parser.add_argument(
        "--range", action="append", default=[], metavar="NAME=MIN:MAX[:log]", help="prior of a parameter; repeatable"
    )
    parser.add_argument(
        "--fixed", action="append", default=[], metavar="NAME=VALUE", help="a parameter that does not vary; repeatable"
    )
    parser.add_argument("--normalised", action="store_true", help="the maps have no unit: they came normalised")
    parser.add_argument("--not-periodic", action="store_true", help="the maps do not wrap round at their edges")
    add_answers(parser)


def run(arguments: argparse.Namespace) -> None:
    from focus_core.data.describing import describe

    folder = expanded(arguments.folder)
    maps, table = (None if path is None else expanded(path) for path in (arguments.maps, arguments.table))
    facts = _facts(arguments, _asked if sys.stdin.isatty() else _not_asked)
    total = None if maps is None or not maps.is_file() else maps.stat().st_size
    done = 0
    with progress_bar("hashing", "B") as progress:

        def hashed(read: int) -> None:
            nonlocal done
            done += read
            progress(done, total or done)

        dataset = describe(folder, maps, table, facts, hashed)
    print(folder / "dataset.yaml")
    print(f"{dataset.n_maps} maps of {dataset.grid}², {dataset.n_simulations} simulations")
    for p in dataset.space.parameters:
        print(f"  {p.name:<11} [{p.minimum:g}, {p.maximum:g}]{' log' if p.scaling == 'log' else ''}")
    for name, value in dataset.space.fixed.items():
        print(f"  {name:<11} {value:g}, fixed")
    print(f"next: focus data check {folder}")


def _facts(arguments: argparse.Namespace, ask: Callable[[str], str]) -> Facts:
    from focus_core.data.describing import Facts, fixed_of, range_of

    if not arguments.normalised and arguments.box is None:
        arguments.box = _length(ask("Side of the box in Mpc/h (empty: unknown): "), "--box")
    if not arguments.normalised and arguments.depth is None:
        arguments.depth = _length(ask("Depth that a map is summed over, in Mpc/h (empty: unknown): "), "--depth")
    if arguments.field is None:
        arguments.field = ask("Field, Mtot or T say (empty: by the file's name, else surface density): ") or None
    answers = answers_of(arguments)
    columns = arguments.columns.split(",") if arguments.columns else ()
    return Facts(
        name=arguments.name,
        field=arguments.field,
        unit=arguments.unit,
        redshift=arguments.redshift,
        box_size=answers.box_size,
        slab_depth=answers.slab_depth,
        stored_as=answers.stored_as,
        independent_realisations=bool(answers.independent_realisations),
        periodic=False if arguments.not_periodic else None,
        normalised=arguments.normalised,
        names=tuple(name.strip() for name in columns),
        ranges=dict(range_of(text) for text in arguments.range),
        fixed=dict(fixed_of(text) for text in arguments.fixed),
    )


def _asked(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _not_asked(question: str) -> str:
    return ""


def _length(text: str, option: str) -> float | None:
    from focus_core.data.describing import number_of

    return number_of(text, option) if text else None
