"""`focus-lab` answers a mistake as `focus` does: exit code 2, one line, no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.laboratory.command import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "COMMAND"),
        (["bogus"], "'bogus'"),
        (["import"], "DIR"),
        (["up", "--port", "70000"], "--port: 70000 is not a port"),
        (["up", "--port", "0"], "--port: 0 is not a port"),
        (["up", "--port", "abc"], "--port: abc is not a port"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["up", "migrate"])
def test_a_home_that_is_a_file_is_one_line(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.write_text("not a folder")
    monkeypatch.setenv("FOCUS_HOME", str(home))
    assert main([command]) == 2
    error = capsys.readouterr().err
    assert str(home) in error
    assert error.count("\n") == 1
