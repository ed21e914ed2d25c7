"""Two modules, or two classes, of one name are about one thing, or the difference is known and stands below."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("focus_core", "focus_store", "worker", "dashboard", "migrations")

MODULES = {
    "accounting": "where a training run's time goes: how it is measured, how it is shown",
    "app": "what Celery and Streamlit call the program that they start",
    "curves": "the curves of a run: read from the record, drawn over epochs",
    "dataset_check": "the kind of job and its process",
    "describing": "an undescribed dataset: what is found out, the command, the form",
    "disk": "how much a laboratory takes: counted, shown",
    "engine": "of a training run's steps, and SQLAlchemy's own word",
    "evaluation": "of a run's maps: the kind of job, its chart, its place on a page",
    "fields": "of a configuration, and on a grid: each field's own word",
    "finding": "what a job finds out about a run: its process, its button",
    "forms": "of pages: what was typed and not sent, what is shown",
    "head": "of a page",
    "jobs": "kinds, rows, and the list of them",
    "lanes": "of work: in the record, on the page",
    "layers": "of a network: as arithmetic, in torch",
    "methods": "the entries, their sections, their builders",
    "notes": "of an experiment: kept, edited",
    "over_prior": "where in θ maps are right: measured, drawn, its place on a page",
    "page": "the page of a folder of views",
    "pdf": "the one-point distribution: the entry, the measurement",
    "sampler_benchmark": "the kind of job, the measurement",
    "samplers": "the entries, the solvers, their benchmark's figure and its place on a page",
    "samples": "drawn maps: on paper, in the record",
    "simulation": "the kind of job and its process",
    "statistics": "of maps: the entries, the controls that choose one",
    "survey": "of a dataset: what is measured, the process that does it",
    "tiles": "pictures of maps: drawn, served",
    "transform": "of pixels: its section of a configuration, its fit",
    "training": "of a run: its settings, its process",
}
CLASSES = {
    "Curve": "values over an axis: with the truth they are held against, and as a line of the loss figure",
    "DatasetCurves": "what is measured of a dataset's maps: gathered, drawn",
    "EpochFigures": "of one epoch: what draws them, and what the record has of them",
    "Event": "a line of a run's journal, and a row of what happened in the laboratory",
    "Field": "of a form, and a vector field of an equation",
    "FloatArray": "one type, named where it is used",
    "Journal": "of a run: who writes it, and who reads it into the record",
    "Maps": "arrays that a statistic takes, and those that lie in a file",
    "Measure": "what is measured of maps, and a row of the table of compared runs",
    "Number": "a setting's, and the format of those that a step computes in",
    "Part": "of a run's folder, and of what a statistic gives",
    "Plain": "what JSON takes, named where it is used",
    "Progress": "who is told how far something is",
    "Tell": "who is told a sentence",
    "Tensor": "torch's, named where it is used",
}


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (path for path in (ROOT / package).rglob("*.py") if path.stem != "__init__")


def shared(names: Iterator[tuple[str, Path]]) -> set[str]:
    found: Mapping[str, set[Path]] = defaultdict(set)
    for name, path in names:
        found[name].add(path)
    return {name for name, paths in found.items() if len(paths) > 1}


def classes(path: Path) -> Iterator[str]:
    """Public classes and names of types, which are written as classes are."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name[0].isupper() and not name.isupper():
                yield name


def test_modules_of_one_name_are_about_one_thing() -> None:
    assert shared((path.stem, path) for path in modules()) == set(MODULES), "rename one, or give the reason here"


def test_classes_of_one_name_are_about_one_thing() -> None:
    found = shared((name, path) for path in modules() for name in classes(path) if not name.startswith("_"))
    assert found == set(CLASSES), "rename one, or give the reason here"
