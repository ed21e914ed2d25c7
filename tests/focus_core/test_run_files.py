"""The one list of a run's files, held against what a training and a benchmark of samplers really leave behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from focus_core.cli import main
from focus_core.run_files import FRESH, RUN_FILES, Part, exported_files, is_copied, part_of, run_file
from focus_store.run_copy import copy_run


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
