"""What is said once: each fact below stands in its own module, and everything else asks there."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_core.figures import tiles

ROOT = Path(__file__).parents[2]
PACKAGES = ("focus_core", "focus_store", "worker", "dashboard", "migrations")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def trees(*homes: str) -> Iterator[tuple[str, ast.Module]]:
    """Every module but the homes, by its path from the root."""
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        if name not in homes:
            yield name, parsed(path)


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


def test_the_colours_of_maps_are_said_once() -> None:
    inner = set(tiles.NIGHT_ANCHORS[1:-1] + tiles.DIVIDE_ANCHORS[1:-1])
    found = [
        f"{name}:{node.lineno}"
        for name, tree in trees("focus_core/figures/tiles.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() in inner
    ]
    assert found == [], "import the anchors of focus_core.figures.tiles"


def test_the_doubling_of_bands_is_written_once() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in trees("focus_core/bands.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.While) and "* 2" in ast.unparse(node.test)
    ]
    assert found == [], "use focus_core.bands.doubling_bands"


def test_the_plain_suite_and_the_command_that_makes_it_are_said_once() -> None:
    found = []
    for name, tree in trees("focus_core/suites.py"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and str(node.value).startswith("focus simulate --out"):
                found.append(f"{name}:{node.lineno}")
            if isinstance(node, ast.Dict) and "'simulations': 64" in ast.unparse(node):
                found.append(f"{name}:{node.lineno}")
    assert found == [], "use focus_core.suites.PLAIN_SUITE and suite_command"


def test_what_must_never_be_seen_half_is_written_in_one_way() -> None:
    """Moving a folder or a person's file is another matter, and is done by `rename` or on a folder."""
    found = []
    for name, tree in trees("focus_core/disk/atomic.py", "focus_core/progress.py"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "fsync":
                found.append(f"{name}:{node.lineno}")
            if isinstance(node, ast.JoinedStr) and ast.unparse(node).rstrip("'\"").endswith((".part", ".new", ".tmp")):
                found.append(f"{name}:{node.lineno}")
    assert found == [], "use focus_core.disk.atomic"


def test_files_are_locked_in_one_way() -> None:
    found = [name for name, tree in trees("focus_core/disk/locks.py") if "import fcntl" in ast.unparse(tree)]
    assert found == [], "use focus_core.disk.locks"


def test_the_unit_of_power_is_said_by_the_catalogue() -> None:
    """A migration says what was true in its time."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in trees("focus_core/catalogue/measured/power_spectrum.py")
        for node in ast.walk(tree)
        if not name.startswith("migrations/")
        and isinstance(node, ast.Constant)
        and node.value == POWER_SPECTRUM.value.unit
    ]
    assert found == [], "ask the statistic's entry for its unit"
