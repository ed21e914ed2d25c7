"""`python3 train.py` where python3 is the system's, which lacks torch and the rest."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_OPTIONS = ["--config", "a b.yaml", "--exp_dir", "run"]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return Path(shutil.copy(Path(__file__).parents[2] / "train.py", tmp_path))


def _run_by_bare_python(script: Path) -> subprocess.CompletedProcess[str]:
    # -S: without the site's packages, as a Python that nothing was installed into.
    bare = getattr(sys, "_base_executable", sys.executable)
    return subprocess.run([bare, "-S", script, *_OPTIONS], capture_output=True, text=True, check=False)


def test_it_hands_over_to_the_environment_of_the_clone(script: Path) -> None:
    python = script.parent / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    python.chmod(0o755)
    done = _run_by_bare_python(script)
    assert done.stdout.splitlines() == [str(script), *_OPTIONS], done.stderr


def test_without_an_environment_it_is_one_sentence_with_the_command(script: Path) -> None:
    done = _run_by_bare_python(script)
    assert done.returncode == 2
    assert "make install" in done.stderr
    assert done.stderr.count("\n") == 1
