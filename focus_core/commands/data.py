"""`focus data check`: does this dataset match its description? `focus data new`: describe a dataset without one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from focus_core.commands import describing
from focus_core.commands.answering import add_answers, answers_of, progress_bar
from focus_core.errors import UserError
from focus_core.paths import expanded

if TYPE_CHECKING:
    from focus_core.data.answers import Answers
    from focus_core.data.checks import PixelReport
    from focus_core.data.dataset import MapDataset

SUMMARY = "check a dataset: shapes, values, parameter columns; or describe one"
# What a folder states about itself; the other options add what it may leave open.
_OF_FILES = ("params", "space", "box")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="read every map and every label once, and report")
    check.add_argument(
        "path", type=Path, metavar="PATH", help="a dataset folder, a CAMELS maps file, or a file of maps"
    )
    check.add_argument("--params", type=Path, help="parameters of a maps file (default: found by CAMELS' names)")
    check.add_argument("--space", help="parameter space of a maps file (default for CAMELS files: by suite and set)")
    add_answers(check)
    describing.add_arguments(actions.add_parser("new", help="describe maps and a table by a dataset.yaml"))


def run(arguments: argparse.Namespace) -> int | None:
    try:
        (describing.run if arguments.action == "new" else _check)(arguments)
    except UserError as error:
        # The sentences name the keys of a configuration; here they are options.
        raise UserError(_in_options(str(error))) from error
    return None


def _check(arguments: argparse.Namespace) -> None:
    from focus_core.data.checking import file_hashes, open_path, params_beside
    from focus_core.data.checks import scan_pixels
    from focus_core.data.mass import check_mass

    path, answers = expanded(arguments.path), answers_of(arguments)
    options = [name for name in _OF_FILES if getattr(arguments, name) is not None]
    if options:
        _check_options(path, options)
    if path.is_file() and (arguments.params or params_beside(path)) is None:
        if options:
            raise UserError(f"--{options[0]}: {path} has no parameters to check it with; give --params too.")
        _report_bare_maps(path, answers)
        return
    dataset = open_path(path, arguments.params, answers)
    _report(dataset)
    with progress_bar("reading maps", "map") as progress:
        pixels = scan_pixels(dataset, progress)
    findings = check_mass(dataset, pixels.map_means)
    with progress_bar("hashing", "B") as progress:
        hashes = file_hashes(dataset, progress)
    _report_content(dataset, pixels, hashes)
    for remark in (*dataset.remarks, *findings.remarks):
        print(f"judged        {_in_options(remark)}")
    _conclude((*dataset.warnings, *findings.warnings))


def _in_options(sentence: str) -> str:
    from focus_core.data.answers import in_options

    return in_options(sentence)


def _conclude(warnings: tuple[str, ...]) -> None:
    """Warnings are lines with that prefix; refused datasets never reach this point."""
    for warning in warnings:
        print(f"warning       {_in_options(warning)}")
    number = f", with {len(warnings)} warning{'' if len(warnings) == 1 else 's'}" if warnings else ""
    print(f"every check passed{number}")


def _check_options(path: Path, options: list[str]) -> None:
    """What a folder states about itself is checked, not replaced; an option that would be ignored is refused."""
    from focus_core.data.folder import DESCRIPTION, is_folder

    if is_folder(path):
        raise UserError(f"--{options[0]}: {path / DESCRIPTION} says that already; leave --{options[0]} out.")
    if path.is_dir() and "params" in options:
        raise UserError(f"--params: belongs to a file of maps, but {path} is a folder; name the .npy file in it.")


def _report(dataset: MapDataset) -> None:
    from focus_core.data.dataset_words import rows_in_words, simulations_in_words

    box = f"{dataset.box_size:g} Mpc/h" if dataset.box_size else "box unknown"
    depth = f", slabs of {dataset.slab_depth:g} Mpc/h" if dataset.slab_depth else ""
    stored = f", stored as {dataset.stored_as}" if dataset.stored_as else ""
    print(f"{dataset.name}: {dataset.field}, z = {dataset.redshift:g}, {box}{depth}{stored}")
    print(f"maps          {dataset.n_maps} of {dataset.grid}², {simulations_in_words(dataset)}")
    if words := rows_in_words(dataset):
        print(f"rows          {words}")
    print(f"parameters    {dataset.space.name}")
    for p, column in zip(dataset.space.parameters, dataset.theta.T, strict=True):
        print(f"  {p.name:<11} {column.min():.6g} to {column.max():.6g}, prior [{p.minimum:g}, {p.maximum:g}]")
    print(f"digest        {dataset.digest}")


def _report_content(dataset: MapDataset, pixels: PixelReport, hashes: dict[str, str]) -> None:
    for name, digest in hashes.items():
        print(f"sha256        {digest}  {name}")
    unit = dataset.unit or ("normalised" if dataset.normalised else "unit unknown")
    print(f"pixels        {pixels.minimum:.6g} to {pixels.maximum:.6g}, mean {pixels.mean:.6g} ({unit})")
    print(f"zero pixels   {100 * pixels.zero_fraction:.3g} %")


def _report_bare_maps(path: Path, answers: Answers) -> None:
    """Maps without labels: shape and pixels only."""
    import numpy as np

    from focus_core.catalogue.transforms import taken_by_default
    from focus_core.data.checks import check_pixels
    from focus_core.data.dataset import CHUNK_PIXELS
    from focus_core.data.files import open_maps
    from focus_core.data.opening import is_normalised
    from focus_core.data.stored import let_go, read_as

    maps = read_as(open_maps(path), answers.stored_as, path)
    step = max(1, CHUNK_PIXELS // maps.shape[-1] ** 2)
    low, high = float("inf"), float("-inf")
    with progress_bar("reading maps", "map") as progress:
        for first in range(0, len(maps), step):
            piece = np.array(maps[first : first + step], dtype=np.float64)
            check_pixels(piece, first, path, taken_by_default(is_normalised(path)))
            low, high = min(low, float(piece.min())), max(high, float(piece.max()))
            progress(first + len(piece), len(maps))
            let_go(maps)
    print(f"{path.name}: {len(maps)} maps of {maps.shape[-1]}², {maps.dtype}")
    print(f"pixels        {low:.6g} to {high:.6g}")
    print("every check passed; there are no parameters to check (give --params and --space)")
