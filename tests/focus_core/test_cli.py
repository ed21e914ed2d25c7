"""The command line itself: exit codes, and mistakes told in one line."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from focus_core.cli import main


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["describe", "--confg", "x.yaml"], "--config"),
        (["spectrum", "maps.npy", "--box", "abc", "--out", "pk.csv"], "--box"),
        (["sample", "--run", "run", "--sampler", "foo"], "--sampler"),
        (["paint"], "paint"),
        ([], "COMMAND"),
    ],
)
def test_a_mistyped_option_is_told_in_one_line_with_exit_code_2(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert named in said
    assert len(said.splitlines()) == 1


def test_starts_are_counted_from_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--config", "none.yaml", "--exp-dir", str(tmp_path / "run"), "--attempt", "-3"]) == 2
    assert "--attempt: -3 is no number of a start" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_full_or_forbidden_disk_is_a_sentence_with_the_file(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = tmp_path / "maps.npy"
    np.save(maps, np.ones((8, 8)) + np.arange(8.0))

    def refuse(*_: object) -> None:
        raise OSError(number, "no room", str(tmp_path / "pk.csv"))

    monkeypatch.setattr("os.fsync", refuse)
    assert main(["spectrum", str(maps), "--box", "25", "--out", str(tmp_path / "pk.csv")]) == 2
    said = capsys.readouterr().err
    assert "pk.csv" in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [maps]
