"""`python -m worker.jobs.survey`: check a dataset, measure it, and leave the record's content in a work folder.

A separate process, because it needs torch and may take minutes. It prints one line, "focus survey: …", for a mistake
that a user can fix, worded as by `focus data check`. `survey.json` is written last and completes the folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from focus_core.catalogue.job_kinds.dataset_check import DATASET_CHECK
from focus_core.catalogue.jobs import PROGRESS
from focus_core.commands.answering import add_answers, answers_of
from focus_core.data.answers import Answers
from focus_core.data.checking import file_hashes, open_path
from focus_core.data.dataset import MapDataset
from focus_core.data.dataset_words import rows_in_words
from focus_core.data.describing import linked_maps
from focus_core.data.folder import (
    DESCRIPTION,
    PARAMS,
    Description,
    is_folder,
    open_folder,
    write_description,
    write_params,
)
from focus_core.data.labels import outside_prior
from focus_core.disk.atomic import write_text
from focus_core.errors import EXIT_DONE, EXIT_USER_MISTAKE, UserError
from focus_core.figures.sheets import render_sheet, sheet_columns, shown_range
from focus_core.paths import focus_home
from focus_core.statistics.kept import keep
from focus_core.statistics.survey import survey_dataset
from worker.jobs.dataset_check import ARRAYS, LINK, RESULT, SHEETS

# Enough to browse; a set of a thousand simulations of 256² would be gigabytes of pictures.
_SHOWN_SIMULATIONS, _SHOWN_MAPS, _SCALE_MAPS = 64, 15, 48


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 done, 2 a mistake that the printed line explains."""
    parser = argparse.ArgumentParser(prog="python -m worker.jobs.survey", description="Check and measure a dataset.")
    parser.add_argument("--path", type=Path, required=True, help="dataset folder, or maps file")
    parser.add_argument("--out", type=Path, required=True, help="work folder")
    parser.add_argument("--name", required=True, help="what the laboratory calls it")
    parser.add_argument("--params", type=Path, help="parameters of a maps file")
    parser.add_argument("--space", help="parameter space of a maps file")
    add_answers(parser)
    given = parser.parse_args(argv)
    try:
        path, answers = given.path.expanduser(), answers_of(given)
        _refuse_answers(path, answers)
        run(open_path(path, given.params, answers), given.name, given.out, focus_home())
    except UserError as error:
        print(f"{DATASET_CHECK.mistake}{error}", file=sys.stderr, flush=True)
        return EXIT_USER_MISTAKE
    return EXIT_DONE


def _refuse_answers(path: Path, answers: Answers) -> None:
    """A folder keeps the answers itself, for later training runs."""
    for key, value in answers.given().items():
        if is_folder(path):
            raise UserError(f"{key}: is said in a folder itself; write `{key}: {value}` into {path / DESCRIPTION}.")


def run(dataset: MapDataset, name: str, out: Path, home: Path | None = None) -> None:
    """Measure `dataset` and write everything that its row in the record needs into the work folder `out`."""
    (out / SHEETS).mkdir(parents=True, exist_ok=True)
    stamps = {str(file): stamp(file) for file in (dataset.maps_file, dataset.params_file)}
    hashes = file_hashes(dataset)
    survey = survey_dataset(dataset, lambda done, total: write_text(out / PROGRESS, f"{done} {total}\n"), home)
    (out / ARRAYS).write_bytes(survey.to_npz(dataset))
    low, high = _scale(dataset)
    shown = _draw_sheets(dataset, out / SHEETS, low, high)
    folder = dataset.maps_file.parent
    path, digest = (folder, dataset.digest) if is_folder(folder) else _link(dataset, hashes, name, out / LINK)
    if home is not None and digest != dataset.digest:  # runs know the files by the digest of their folder
        keep(replace(dataset, digest=digest), home, survey.curves)
    row = {
        "name": name,
        "path": str(path),
        "digest": digest,
        "n_maps": dataset.n_maps,
        "n_simulations": dataset.n_simulations,
        "grid": dataset.grid,
        "box_size": dataset.box_size,
        "unit": dataset.unit,
        "parameter_space": dataset.space.to_dict(),
        "provenance": dataset.provenance,
    }
    about = {
        "field": dataset.field,
        "redshift": dataset.redshift,
        "maps_per_simulation": dataset.maps_per_row,
        "normalised": dataset.normalised,
        "slab_depth": dataset.slab_depth,
        "stored_as": dataset.stored_as,
        "independent_realisations": dataset.independent_realisations,
        "rows": rows_in_words(dataset),
        "warnings": [*dataset.warnings, *survey.findings.warnings],
        "remarks": [*dataset.remarks, *survey.findings.remarks],
        "files": stamps,
        "sha256": {str(file): hashes[file.name] for file in (dataset.maps_file, dataset.params_file)},
        "columns": sheet_columns(min(int(dataset.maps_each.max()), _SHOWN_MAPS)),
        "shown_maps": min(int(dataset.maps_each.max()), _SHOWN_MAPS),
        "range": [low, high],
        "simulations": shown,
        **survey.statistics(),
    }
    write_text(out / RESULT, json.dumps({"row": row, "survey": about}, ensure_ascii=False) + "\n")


def stamp(file: Path) -> list[int]:
    """Size and time of a file: a cheap indication of a change."""
    found = file.stat()
    return [found.st_size, found.st_mtime_ns]


def _scale(dataset: MapDataset) -> tuple[float, float]:
    """One colour scale for the whole dataset, from maps spread evenly over it."""
    chosen = np.unique(np.linspace(0, dataset.n_maps - 1, _SCALE_MAPS).astype(int))
    return shown_range(np.array(dataset.maps[chosen], dtype=np.float64), dataset.normalised)


def _draw_sheets(dataset: MapDataset, folder: Path, low: float, high: float) -> list[int]:
    """One picture per simulation, for simulations spread evenly over the set; returns which ones."""
    chosen = np.unique(np.linspace(0, dataset.n_simulations - 1, _SHOWN_SIMULATIONS).astype(int))
    for simulation in chosen:
        shown = dataset.sisters_of(int(dataset.first_rows[simulation]))[:_SHOWN_MAPS]
        maps = np.array(dataset.maps[shown], dtype=np.float64)
        picture = render_sheet(maps, low, high, normalised=dataset.normalised)
        (folder / f"{simulation:06d}.webp").write_bytes(picture)
    return [int(simulation) for simulation in chosen]


def _link(dataset: MapDataset, hashes: dict[str, str], name: str, link: Path) -> tuple[Path, str]:
    """A dataset folder that points to a pair of files, so that a configuration can name it; (path, digest).

    A folder cannot express what only the files' own names say, so these remain a pair: labels that deliberately leave
    their prior, and rows that form one box by their order.
    """
    leaves = outside_prior(dataset.theta, dataset.space, dataset.params_file)
    if leaves or dataset.rows_per_simulation is not None:
        return dataset.maps_file, dataset.digest
    link.mkdir()
    linked_maps(link, dataset.maps_file)
    write_params(link / PARAMS, dataset.theta, dataset.space)
    about = Description(
        name=name,
        field=dataset.field,
        unit=dataset.unit,
        box_size=dataset.box_size,
        redshift=dataset.redshift,
        maps_per_simulation=dataset.maps_per_row,
        space=dataset.space,
        periodic=dataset.periodic,
        normalised=dataset.normalised,
        provenance=dataset.provenance | {"maps": str(dataset.maps_file), "parameters": str(dataset.params_file)},
        slab_depth=dataset.slab_depth,
        stored_as=dataset.stored_as,
        independent_realisations=bool(dataset.independent_realisations),
    )
    write_description(link, about)
    return link, open_folder(link).digest


if __name__ == "__main__":
    sys.exit(main())
