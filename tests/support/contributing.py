"""CONTRIBUTING's own examples, applied to a copy of the sources."""

from __future__ import annotations

import ast
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("focus_core", "focus_store", "worker", "dashboard", "migrations", "tasks")
_FENCE = re.compile(
    r"^```python\n# (?P<path>[\w/.]+)(?:, in (?P<name>\w+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A new file, or, with the `name` to which a module assigns a collection, an entry at the end of that."""

    path: str
    name: str | None
    text: str


def blocks(section: str) -> list[Block]:
    """Those of one third-level section, such as "A sampler"."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n### {section}\n")
    assert found, f"CONTRIBUTING.md has no section {section}"
    return [Block(**match.groupdict()) for match in _FENCE.finditer(re.split(r"^##+ ", rest, flags=re.MULTILINE)[0])]


def copy_sources(folder: Path) -> Path:
    """The packages, without tests; returns the folder, which goes first on PYTHONPATH."""
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def apply(block: Block, folder: Path) -> None:
    path = folder / block.path
    if block.name is None:
        assert not path.exists(), f"{block.path} is there already"
        path.write_text(block.text, encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    last = _last_line(path, block.name)
    path.write_text("".join([*lines[: last - 1], block.text, *lines[last - 1 :]]), encoding="utf-8")


def _last_line(path: Path, name: str) -> int:
    """The line with the closing bracket of a module's assignment to `name`, from 1."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value = getattr(node, "value", None)
            assert value is not None
            assert value.end_lineno is not None
            return int(value.end_lineno)
    raise AssertionError(f"{path} assigns nothing to {name}")
