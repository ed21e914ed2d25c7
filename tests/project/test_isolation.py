"""What the drawing in ARCHITECTURE.md says is true: each part imports with the others' heavy dependencies blocked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from waiting import patience

ROOT = Path(__file__).resolve().parents[2]

IMPORT_ALL = """
import importlib, importlib.abc, sys

class Blocked(importlib.abc.MetaPathFinder):
    names = set({blocked!r})
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ImportError(f"{{name}} is blocked in this test")

sys.meta_path.insert(0, Blocked())
for module in {modules!r}:
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise SystemExit(f"{{module}}: {{error}}")
"""

SCIENCE = ["torch", "scipy", "pyccl", "matplotlib", "safetensors"]
WEB = ["celery", "kombu", "redis", "sqlalchemy", "alembic", "streamlit", "plotly"]


def modules_of(*packages: str, without: tuple[str, ...] = ()) -> list[str]:
    paths = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    dotted = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return [name for name in dotted if not name.startswith(without)] if without else dotted


def import_with_blocked(modules: list[str], blocked: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """In a fresh interpreter, outside the clone, without any FOCUS setting in the environment."""
    program = IMPORT_ALL.format(blocked=blocked, modules=modules)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, timeout=patience()
    )


@pytest.mark.parametrize(
    ("modules", "blocked"),
    [
        # app.py is a script that Streamlit runs, not a module that anything imports.
        (modules_of("dashboard", without=("dashboard.app",)), [*SCIENCE, "worker"]),
        (modules_of("focus_store"), [*SCIENCE, "streamlit", "plotly"]),
        (
            ["worker.celery_app", "worker.jobs.training", "worker.consumer.reaper", "worker.laboratory.command"],
            [*SCIENCE, "streamlit"],
        ),
        (modules_of("focus_core"), WEB),
        (
            ["focus_core.config.experiment", "focus_core.parameters", "focus_core.costs.estimate", "focus_core.cli"],
            [*SCIENCE, *WEB],
        ),
    ],
    ids=[
        "the dashboard without torch",
        "the record without torch",
        "supervisors without torch",
        "the science without the web",
        "forms and estimates without either",
    ],
)
def test_every_module_imports_with_what_it_must_not_need_blocked(
    modules: list[str], blocked: list[str], tmp_path: Path
) -> None:
    outcome = import_with_blocked(modules, blocked, tmp_path)
    assert outcome.returncode == 0, outcome.stderr


def test_the_block_itself_works(tmp_path: Path) -> None:
    outcome = import_with_blocked(["focus_core.statistics.power"], SCIENCE, tmp_path)
    assert outcome.returncode != 0
    assert "torch is blocked" in outcome.stderr
