"""What is said once: each fact below stands in its own module, and everything else asks there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("focus_core", "focus_store", "worker", "dashboard", "migrations")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def trees(*homes: str) -> Iterator[tuple[str, ast.Module]]:
    """Every module but the homes, by its path from the root."""
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        if name not in homes:
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def states(node: ast.AST) -> set[str]:
    """The states that a literal collection lists, such as QUEUED of `JobStatus.QUEUED`."""
    if not isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return set()
    return {item.attr for item in node.elts if isinstance(item, ast.Attribute) and item.attr.isupper()}


def test_which_states_are_under_way_is_said_by_the_contracts() -> None:
    found = []
    for name, tree in trees("focus_store/contracts.py"):
        for node in ast.walk(tree):
            joined = isinstance(node, ast.BinOp) and "ACTIVE" in ast.unparse(node) and "QUEUED" in ast.unparse(node)
            if joined or states(node) == {"QUEUED", "RUNNING"}:
                found.append(f"{name}:{node.lineno}")
    assert found == [], "use UNDER_WAY or JOB_UNDER_WAY"
