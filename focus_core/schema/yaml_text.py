"""YAML as users write it: text that is not YAML, and duplicate keys, are reported with their lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from focus_core.errors import UserError

# A file of maps named instead should be reported at once.
_LARGEST = 4 * 2**20


def read_text(path: Path) -> str:
    """The text of a small file; UserError names the file and what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if len(content) > _LARGEST:
        raise UserError(f"{path}: is larger than {_LARGEST // 2**20} MB, so it is no YAML file that FOCUS would read.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not a text file in UTF-8 (byte {error.start}).") from error


def parse_yaml(text: str, source: str) -> tuple[Any, yaml.Node | None]:
    """Plain values, and the nodes that know their lines; UserError names `source` and the line."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _check_keys(root, source, set())
        return (None if root is None else yaml.SafeLoader("").construct_document(root)), root
    except yaml.YAMLError as error:
        raise UserError(f"{source}{_mark(error)}: is not valid YAML ({_problem(error)}).") from error
    except ValueError as error:  # a date such as 2025-13-45
        raise UserError(f"{source}: is not valid YAML ({_problem(error)}).") from error
    except (
        KeyError,
        IndexError,
        AttributeError,
        TypeError,
    ) as error:  # PyYAML's answers to `!!bool perhaps`, `!!int ""`
        raise UserError(f"{source}: is not valid YAML (a value does not fit the !! tag before it).") from error
    except RecursionError as error:
        raise UserError(f"{source}: is not valid YAML (it is nested too deeply).") from error


def line_of(root: yaml.Node | None, location: Sequence[str]) -> int | None:
    """1-based line of a key, given part by part, or of the deepest existing section of it."""
    line, node = None, root
    for part in location:
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if key.value == part:
                line, node = key.start_mark.line + 1, value
                break
        else:
            break
    return line


def dump_yaml(plain: Any) -> str:
    """YAML that PyYAML reads back as numbers (1.0e-4, not 1e-4), with short lists on one line."""
    return yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _check_keys(node: yaml.Node | None, source: str, seen: set[int]) -> None:
    """Plain YAML silently keeps the last of two equal keys. `seen` are the nodes visited: anchors may form cycles."""
    if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _check_keys(value, source, seen)
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise UserError(
                f"{source}, line {line}: is not valid YAML (a key must be a word, not a list or a section in braces)."
            )
        if key.value in lines:
            raise UserError(
                f"{source}, line {line}: the key {key.value} is written twice, first in line {lines[key.value]}; "
                "keep one of them."
            )
        lines[key.value] = line
        _check_keys(value, source, seen)


def _mark(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark is not None else ""


def _problem(error: Exception) -> str:
    said = " ".join(str(getattr(error, "problem", None) or error).split())
    return said.partition("; use sys.")[0]  # Python's own advice about integers of thousands of digits


class _Dumper(yaml.SafeDumper):
    """Short lists on one line; small numbers as 1.0e-4."""


def _represent_float(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    if value != 0 and abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:e}".partition("e")
        exact = f"{float(mantissa)!r}e{int(exponent)}"
        if float(exact) == value:
            return dumper.represent_scalar("tag:yaml.org,2002:float", exact)
    return dumper.represent_float(value)


def _represent_list(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)


_Dumper.add_representer(float, _represent_float)
_Dumper.add_representer(list, _represent_list)
