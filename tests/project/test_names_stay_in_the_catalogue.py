"""What is said of a thing that has a name stands in its entry of the catalogue: nobody else asks for the name."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import focus_core.catalogue
from focus_core.catalogue.jobs import job_kinds

ROOT = Path(__file__).parents[2]
PACKAGES = ("focus_core", "focus_store", "worker", "dashboard")


def registries() -> dict[str, frozenset[str]]:
    """Every mapping of the catalogue from the names of entries to those entries, by where it stands."""
    found = {"job_kinds": frozenset(job_kinds())}
    for module in pkgutil.walk_packages(focus_core.catalogue.__path__, "focus_core.catalogue."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if (
                isinstance(value, Mapping)
                and value
                and all(key == getattr(e, "name", None) for key, e in value.items())
            ):
                found[name] = frozenset(value)
    return found


# Names of the catalogue that mean something else too: a step of training is an event and an axis, the scaling of a
# parameter is linear, truth.npz has an array of the field's means, and a file may hold log10 Σ in the place of Σ.
HOMONYMS = {"step", "linear", "field_mean", "log10"}
REGISTRIES = registries()
NAMES = frozenset[str]().union(*REGISTRIES.values()) - HOMONYMS


def comparisons(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name: ==, !=, in, not in, match, and a dictionary whose keys choose between names of one registry."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                yield from ((node.lineno, name) for name in _named(side))
        elif isinstance(node, ast.MatchValue):
            yield from ((node.lineno, name) for name in _named(node.value))
        elif isinstance(node, ast.Dict):
            keys = {name for key in node.keys if key is not None for name in _named(key)}
            if any(len(keys & names) > 1 for names in REGISTRIES.values()):
                yield node.lineno, ", ".join(sorted(keys))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            yield from ((node.lineno, name) for name in _named(node.value))  # a constant to compare with


def _named(node: ast.AST) -> list[str]:
    """The registered names that an expression is, or lists."""
    parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return [p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str) and p.value in NAMES]


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_outside_the_catalogue_compares_with_a_registered_name(package: str) -> None:
    files = [path for path in sorted((ROOT / package).rglob("*.py")) if "catalogue" not in path.parts]
    assert files
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in files
        for line, name in comparisons(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == [], "ask the entry in focus_core/catalogue/ instead of its name"


@pytest.mark.parametrize(
    "planted",
    [
        'if sampler == "ddim": pass',
        'if "heun" != sampler: pass',
        'if method in ("flow", "edm"): pass',
        'if network not in {"SimpleUNet"}: pass',
        'match schedule:\n    case "cosine": pass',
        'solver = {"heun": heun, "euler": euler}[name]',
        'DDPM = "ddpm"',
    ],
)
def test_every_way_of_asking_for_a_name_is_found(planted: str) -> None:
    assert list(comparisons(ast.parse(planted)))


def test_the_catalogue_has_the_registries_that_are_looked_for() -> None:
    assert {"SAMPLERS", "METHODS", "NETWORKS", "NOISE_SCHEDULES", "PREDICTIONS", "LEARNING_RATES"} <= set(REGISTRIES)
