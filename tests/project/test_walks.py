"""The walks of ARCHITECTURE.md lead through files that exist and names that these define."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("focus_core", "focus_store", "worker", "dashboard", "migrations", "tests", "benchmarks")
SECTION = re.search(
    r"^## Three walks through the code\n(.*?)^## ",
    (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)
HOPS = re.findall(r"^\d+\. `([\w/]+\.py)` `([\w.]+)`: ", SECTION[1] if SECTION else "", re.MULTILINE)


def defined(tree: ast.AST, above: str = "") -> set[str]:
    """Classes and functions, also those within others; a method as `Class.method`."""
    found = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found |= {above + node.name} | defined(node)
        elif isinstance(node, ast.ClassDef):
            found |= {above + node.name} | defined(node, f"{node.name}.")
        else:
            found |= defined(node, above)
    return found


def test_there_are_three_walks_of_several_hops() -> None:
    assert SECTION is not None
    walks = re.split(r"^\*\*", SECTION[1], flags=re.MULTILINE)[1:]
    assert len(walks) == 3
    assert all(len(re.findall(r"^\d+\. ", walk, re.MULTILINE)) >= 5 for walk in walks)
    assert len(HOPS) == len(re.findall(r"^\d+\. ", SECTION[1], re.MULTILINE)), "a hop has a file, a name and a colon"


@pytest.mark.parametrize(("file", "name"), HOPS)
def test_each_hop_is_there(file: str, name: str) -> None:
    assert name in defined(ast.parse((ROOT / file).read_text(encoding="utf-8")))


def test_whatever_else_a_walk_names_is_there_too() -> None:
    assert SECTION is not None
    for path in re.findall(r"`((?:focus_core|focus_store|worker|dashboard)/[\w/.]+)`", SECTION[1]):
        assert (ROOT / path).is_file(), path


def test_every_module_that_a_paper_names_is_there() -> None:
    there = [f"/{path.relative_to(ROOT).as_posix()}" for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    for paper in ("ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"):
        named = re.findall(r"`([a-z][\w/]*\.py)`", (ROOT / paper).read_text(encoding="utf-8"))
        missing = [name for name in named if not any(path.endswith(f"/{name}") for path in there)]
        assert [name for name in missing if "NNNN" not in name] == []
