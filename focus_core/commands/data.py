"""`focus data check`: is this dataset what it says it is?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from focus_core.errors import UserError
from focus_core.mistakes import check_box
from focus_core.paths import expanded

if TYPE_CHECKING:
    from focus_core.data.dataset import MapDataset

SUMMARY = "check a dataset: shapes, values, parameter columns"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="read every map and every label once, and report")
    check.add_argument(
        "path", type=Path, metavar="PATH", help="a dataset folder, a CAMELS maps file, or a .npy file of maps"
    )
    check.add_argument("--params", type=Path, help="parameters of a maps file (default: found by CAMELS' names)")
    check.add_argument("--space", help="parameter space of a maps file (default for CAMELS files: camels_lh6)")
    check.add_argument("--box", type=float, help="side of the box in Mpc/h, where the files do not say it")


def run(arguments: argparse.Namespace) -> int | None:
    from focus_core.data.checking import file_hashes, params_beside
    from focus_core.data.checks import scan_pixels

    if arguments.box is not None:
        check_box(arguments.box, "--box:")
    path = expanded(arguments.path)
    options = [name for name in ("params", "space", "box") if getattr(arguments, name) is not None]
    if options:
        _check_options(path, options)
    if path.is_file() and (arguments.params or params_beside(path)) is None:
        if options:
            raise UserError(f"--{options[0]}: {path} has no parameters to check it with; give --params too.")
        return _report_bare_maps(path)
    dataset = _open(path, arguments)
    hashes = file_hashes(dataset)
    _report(dataset, hashes)
    pixels = scan_pixels(dataset)
    unit = dataset.unit or ("normalised" if dataset.normalised else "unit unknown")
    print(f"pixels        {pixels.minimum:.6g} to {pixels.maximum:.6g}, mean {pixels.mean:.6g} ({unit})")
    print(f"zero pixels   {100 * pixels.zero_fraction:.3g} %")
    print("every check passed")
    return None


def _open(path: Path, arguments: argparse.Namespace) -> MapDataset:
    """The dataset; its mistakes named by the options of this command rather than by the keys of a configuration."""
    from focus_core.data.checking import open_path

    try:
        return open_path(path, arguments.params, arguments.space, arguments.box)
    except UserError as error:
        sentence = str(error)
        for key, option in {"data.box_size:": "--box:", "data.parameter_space:": "--space:"}.items():
            sentence = sentence.replace(key, option)
        raise UserError(sentence) from error


def _check_options(path: Path, options: list[str]) -> None:
    """What a folder says of itself is checked, not replaced; an option that would be ignored is refused."""
    from focus_core.data.folder import DESCRIPTION, is_folder

    if is_folder(path):
        raise UserError(f"--{options[0]}: {path / DESCRIPTION} says that already; leave --{options[0]} out.")
    if path.is_dir() and "params" in options:
        raise UserError(f"--params: belongs to a file of maps, but {path} is a folder; name the .npy file in it.")


def _report(dataset: MapDataset, hashes: dict[str, str]) -> None:
    box = f"{dataset.box_size:g} Mpc/h" if dataset.box_size else "box unknown"
    print(f"{dataset.name}: {dataset.field}, z = {dataset.redshift:g}, {box}")
    print(
        f"maps          {dataset.n_maps} of {dataset.grid}², {dataset.n_simulations} simulations, "
        f"{dataset.maps_per_simulation} maps each"
    )
    print(f"parameters    {dataset.space.name}")
    for p, column in zip(dataset.space.parameters, dataset.theta.T, strict=True):
        print(f"  {p.name:<11} {column.min():.6g} to {column.max():.6g}, prior [{p.minimum:g}, {p.maximum:g}]")
    print(f"digest        {dataset.digest}")
    for name, digest in hashes.items():
        print(f"sha256        {digest}  {name}")
    for warning in dataset.warnings:
        print(f"warning       {warning}")


def _report_bare_maps(path: Path) -> int | None:
    """Maps without labels: shape and pixels alone."""
    import numpy as np

    from focus_core.data.checks import check_pixels
    from focus_core.data.dataset import CHUNK_PIXELS
    from focus_core.data.files import open_maps

    maps = open_maps(path)
    step = max(1, CHUNK_PIXELS // maps.shape[-1] ** 2)
    low, high = float("inf"), float("-inf")
    for first in range(0, len(maps), step):
        piece = np.array(maps[first : first + step], dtype=np.float64)
        check_pixels(piece, first, path, physical="normali" not in path.name.lower())
        low, high = min(low, float(piece.min())), max(high, float(piece.max()))
    print(f"{path.name}: {len(maps)} maps of {maps.shape[-1]}², {maps.dtype}")
    print(f"pixels        {low:.6g} to {high:.6g}")
    print("every check passed; there are no parameters to check (give --params and --space)")
    return None
