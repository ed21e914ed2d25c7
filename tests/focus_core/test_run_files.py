"""The one list of a run's files, held against what a training run and a benchmark of samplers really leave behind."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

import focus_core
from focus_core.cli import main
from focus_core.run_files import (
    FRESH,
    RUN_FILES,
    Part,
    exported_files,
    is_copied,
    part_of,
    run_file,
)
from focus_store.files.run_copying import copy_run


@pytest.fixture(scope="module")
def measured_run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run whose samplers were measured."""
    run = tmp_path_factory.mktemp("measured") / "run"
    shutil.copytree(finished_run, run)
    assert (
        main(["benchmark", "samplers", "--run", str(run), "--samplers", "ddim", "--evaluations", "2", "--maps", "2"])
        == 0
    )
    return run


def files(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_size for p in folder.rglob("*") if p.is_file()}


def test_every_file_of_a_run_is_named_once_and_its_parts_add_up(measured_run: Path) -> None:
    found = files(measured_run)
    assert [path for path in found if run_file(path) is None] == []
    assert {path for path in found if part_of(path) is Part.WEIGHTS} == {
        path for path in found if path.endswith((".pt", ".safetensors"))
    }
    sums = {part: sum(size for path, size in found.items() if part_of(path) is part) for part in Part}
    assert sum(sums.values()) == sum(found.values())
    assert sums[Part.WEIGHTS] > sums[Part.RECORDS] > 0
    assert sums[Part.BENCHMARKS] > 0


def test_an_export_brought_in_again_has_every_file_that_it_exported(measured_run: Path, tmp_path: Path) -> None:
    lock = "logs/trainer.lock"
    everything = set(files(measured_run)) - {lock}
    for weights in (True, False):
        exported, brought_in = tmp_path / f"{weights}-out", tmp_path / f"{weights}-in"
        copy_run(measured_run, exported, weights=weights)
        copy_run(exported, brought_in)
        wanted = {path for path in everything if weights or part_of(path) is not Part.WEIGHTS}
        assert set(files(exported)) == set(files(brought_in)) == wanted
        assert any(path.startswith("sampler_benchmark/") for path in wanted)


def test_what_is_under_way_or_a_person_s_own_is_told_apart(tmp_path: Path) -> None:
    for name in ("mine.txt", "figs/.x.png.part", "logs/trainer.lock", "logs/events.jsonl", "private/key"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert list(exported_files(tmp_path, weights=True)) == ["logs/events.jsonl"]
    assert [name for name in ("mine.txt", "figs/.x.png.part", "logs/trainer.lock") if is_copied(name)] == ["mine.txt"]
    assert part_of("mine.txt") is Part.OTHER


def test_a_start_anew_puts_aside_all_but_what_says_what_the_run_is() -> None:
    assert {kind.top for kind in RUN_FILES} - set(FRESH) == {"config.yaml", "run_model.sh", "README.md"}


SOURCES = Path(focus_core.__file__).parents[1]
PARTS = ("focus_core", "focus_store", "worker", "dashboard", "benchmarks")
# The same word for something else: (file, literal).
ANOTHER_THING = {
    ("focus_store/recipes.py", "*/config.yaml"),  # a recipe, which a run's file is named like
    ("focus_store/recipes.py", "config.yaml"),
    ("focus_core/catalogue/job_kinds/sampler_benchmark.py", "sampler_benchmark"),  # kinds of jobs
    ("focus_core/catalogue/job_kinds/evaluation.py", "evaluation"),
    ("focus_store/settings.py", "logs"),  # of the laboratory
    ("focus_core/catalogue/jobs.py", "progress"),  # of any job, in the folder that it works in
    ("benchmarks/loops.py", "config.yaml"),  # recipes and drafts of the scripts' own
    ("benchmarks/sampling.py", "config.yaml"),
    ("benchmarks/same_bits.py", "logs"),  # of whichever version it measures, older ones too
    ("benchmarks/same_bits.py", "events.jsonl"),
    ("benchmarks/quickstart_study.py", "config.yaml"),
}


def names_of(run: Path) -> set[str]:
    """Names of files and folders, with nothing of an epoch or a digest in them."""
    found = {PurePosixPath(path) for path in files(run)}
    words = {path.name for path in found} | {part for path in found for part in path.parts[:-1]}
    return {word for word in words if not re.search(r"_\d{4}|_[0-9a-f]{12}", word)} | {"progress"}


def test_no_other_module_spells_the_name_of_a_file_of_a_run(measured_run: Path) -> None:
    names = names_of(measured_run)
    assert {"checkpoint_best.pt", "events.jsonl", "figs", "result.json", "split.json", "weights"} <= names
    spelt = {
        (file.relative_to(SOURCES).as_posix(), literal)
        for part in PARTS
        for file in (SOURCES / part).rglob("*.py")
        if file.name != "run_files.py"
        for literal in literals_of_paths(file)
        if any(word in names or re.match(r"\.?checkpoint_.*\.pt|.*_epoch_", word) for word in literal.split("/"))
    }
    assert spelt - ANOTHER_THING == set()


def literals_of_paths(file: Path) -> Iterator[str]:
    """Strings that can only be a path (a suffix, a slash), and those that are joined to one or made one."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        match node:
            case _ if id(node) in told:
                pass
            case ast.BinOp(op=ast.Div(), right=joined):
                yield from strings(joined)
            case ast.Call(func=ast.Name(id="Path") | ast.Attribute(attr="Path" | "joinpath" | "glob"), args=arguments):
                yield from (word for argument in arguments for word in strings(argument))
            case ast.Constant(value=str(text)) if re.fullmatch(r"[\w./{}*-]+\.\w{2,11}", text):
                yield text
            case ast.Assign(targets=[ast.Name() | ast.Tuple()], value=value):  # a name for one
                yield from strings(value)


def strings(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=values):
            yield "".join(str(value.value) if isinstance(value, ast.Constant) else "*" for value in values)
        case ast.Tuple(elts=elements):
            yield from (text for element in elements for text in strings(element))
