"""Whether its result can be written is asked before a command begins its work, not after hours of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from read_only import make_read_only

from focus_core.cli import COMMANDS, main
from focus_core.errors import UserError
from focus_core.paths import check_folder, check_writable

THETA = ["--params", "Omega_m=0.3"]
# Its words, with TARGET where nobody can write, and where its work begins.
WRITING: dict[str, tuple[list[str], str]] = {
    "simulate": (["--out", "TARGET", "--simulations", "2"], "focus_core.simulation.suite._provenance"),
    "train": (["--config", "CONFIG", "--exp-dir", "TARGET/run"], "focus_core.training.start.run_training"),
    "sample": (["--run", "run", *THETA, "--out", "TARGET/a.npz"], "focus_core.sampling.from_run.load_run"),
    "spectrum": (["MAPS", "--box", "25", "--out", "TARGET/pk.csv"], "focus_core.data.files.open_stack"),
    "measure": (["pdf", "MAPS", "--box", "25", "--out", "TARGET/pdf.csv"], "focus_core.data.files.open_stack"),
    "benchmark": (["samplers", "--run", "run", "--out", "TARGET/b"], "focus_core.sampling.from_run.load_run"),
    "benchmark of its own run": (["samplers", "--run", "TARGET/run"], "focus_core.sampling.from_run.load_run"),
    "evaluate": (["--run", "run", "--out", "TARGET/report"], "focus_core.evaluation.subjects.drawn_subject"),
    "data": (["new", "TARGET/new", "--maps", "MAPS", "--params", "TABLE"], "focus_core.data.describing.sha256_of"),
}
WRITES_NOTHING = {"describe"}


def test_every_command_stands_here() -> None:
    assert {name.partition(" ")[0] for name in WRITING} | WRITES_NOTHING == set(COMMANDS)


@pytest.mark.parametrize("command", WRITING)
def test_a_command_whose_target_cannot_be_written_says_so_before_its_work(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words, work = WRITING[command]
    target = tmp_path / "target"
    target.mkdir()
    paths = {"TARGET": str(target), "CONFIG": str(tmp_path / "c.yaml"), "MAPS": str(tmp_path / "maps.npy")}
    paths["TABLE"] = str(tmp_path / "table.csv")
    (tmp_path / "c.yaml").write_text("data: {dataset: quick}\n", encoding="utf-8")
    (tmp_path / "table.csv").write_text("a\n0.1\n0.2\n", encoding="utf-8")
    np.save(tmp_path / "maps.npy", np.ones((4, 8, 8), dtype=np.float32))
    make_read_only(target, monkeypatch)
    monkeypatch.setattr(work, _begun)
    given = [word.replace(name, paths[name]) for word in words for name in [_in(word, paths)]]
    assert main([command.partition(" ")[0], *given]) == 2
    assert "cannot be written (Read-only file system)" in capsys.readouterr().err
    assert list(target.iterdir()) == [], "nothing is left there"


def _begun(*_: Any, **__: Any) -> None:
    raise AssertionError("its work began")


def _in(word: str, paths: dict[str, str]) -> str:
    return next((name for name in paths if name in word), "TARGET")


def test_a_complete_suite_is_left_as_it_is_also_where_nobody_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["simulate", "--out", str(tmp_path / "suite"), "--simulations", "1", "--grid", "8", "--box", "8"]
    assert main(words) == 0
    make_read_only(tmp_path / "suite", monkeypatch)
    assert main(words) == 0


class TestAsking:
    def test_a_folder_that_is_not_there_yet_is_asked_for_where_it_would_be_made_and_is_not_made(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        check_folder(tmp_path / "a" / "b", "--out")
        assert list(tmp_path.iterdir()) == []
        make_read_only(tmp_path, monkeypatch)
        with pytest.raises(UserError, match=r"^--out: .*a/b cannot be written \(Read-only file system\); choose"):
            check_folder(tmp_path / "a" / "b", "--out")

    def test_below_a_file_no_folder_can_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        for place in (tmp_path / "file", tmp_path / "file" / "a"):
            with pytest.raises(UserError, match="Not a directory"):
                check_folder(place, "--out")

    def test_a_file_cannot_take_the_place_of_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="Is a directory"):
            check_writable(tmp_path, "--out")
        check_writable(tmp_path / "new", "--out")
        assert list(tmp_path.iterdir()) == []
