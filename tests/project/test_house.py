"""The repository keeps its promises: documents name what is there, versions stand once, no machine leaks in."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]


def tracked_files() -> list[str]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout: the list of tracked files is not known here")
    return [name for name in listing.stdout.splitlines() if (ROOT / name).exists()]


def normalised(name: str) -> str:
    return re.split(r"[<>=!\[;~ ]", name, maxsplit=1)[0].lower().replace("_", "-")


def test_every_declared_dependency_has_its_version_in_the_constraints_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *(d for group in project["optional-dependencies"].values() for d in group)]
    pinned = {normalised(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    assert {normalised(d) for d in declared} <= pinned


def test_torch_is_pinned_to_the_version_that_the_figures_were_made_with() -> None:
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text().splitlines()


@pytest.mark.parametrize("name", ["Makefile", "pyproject.toml", ".ci/run"])
def test_no_exact_version_stands_anywhere_but_in_the_constraints_file(name: str) -> None:
    assert not re.findall(r"[a-z]==\d", (ROOT / name).read_text())


def test_every_path_in_the_readme_tree_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    tree = re.search(r"```\n(focus_core/.*?)```", readme, re.DOTALL)
    assert tree, "README.md has no tree that begins with focus_core/"
    missing, folder = [], ""
    for line in tree.group(1).splitlines():
        if not (entry := re.match(r"( *)(\S+)", line)):
            continue
        indent, path = entry.groups()
        folder = folder if indent else path
        full = path if not indent else f"{folder}{path}"
        if not (ROOT / full).exists():
            missing.append(full)
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_local_link_and_picture_of_a_document_exists(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (document.parent / link).exists()] == []


def test_every_focus_command_in_the_readme_parses() -> None:
    """Options named in the README exist; values are not run here."""
    from focus_core.cli import COMMANDS, _parser

    readme = (ROOT / "README.md").read_text().replace("\\\n", " ")
    commands = re.findall(r"^\s*(?:\.venv/bin/)?focus ((?!-)[a-z].*?)(?:\s+#.*)?$", readme, re.MULTILINE)
    assert commands, "README.md shows no focus command"
    for command in commands:
        name, *_ = command.split()
        assert name in COMMANDS
        parser = _parser(load=name)
        for word in command.split():  # "benchmark samplers" has its options one level down
            inner = parser._subparsers._group_actions[0].choices if parser._subparsers else {}
            parser = inner.get(word, parser)
        help_text = parser.format_help()
        for option in re.findall(r"(?<!\S)--[a-z-]+", command):
            assert option in help_text, f"README shows focus {name} {option}, which does not exist"


def test_every_setting_of_the_environment_is_in_the_example_file() -> None:
    used = set()
    for name in tracked_files():
        if name.endswith(".py") and not name.startswith(("tests/", "benchmarks/")):
            used |= set(re.findall(r"[\"'](FOCUS_[A-Z_]+)[\"']", (ROOT / name).read_text()))
    internal = {"FOCUS_PARENT_PID"}  # passed from a supervisor to its trainer, not for people
    documented = set(re.findall(r"FOCUS_[A-Z_]+", (ROOT / ".env.example").read_text()))
    assert used - internal <= documented


def test_no_tracked_file_is_large_or_carries_a_path_of_one_machine() -> None:
    home = re.compile(r"(?<![\w.])/(?:root|home/\w+|work/main|Users/\w+)/")
    for name in tracked_files():
        path = ROOT / name
        assert path.stat().st_size < 1_500_000, name
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".yml", ".sh", ".txt", ".cfg", ".ini"} and path != Path(
            __file__
        ):
            found = home.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{name}: {found.group() if found else ''}"


def test_an_installation_has_every_file_of_the_packages_and_no_pattern_matches_nothing() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {pattern.rstrip("*") for pattern in setuptools["packages"]["find"]["include"]}
    installed: set[str] = set()
    for package, patterns in setuptools["package-data"].items():
        for pattern in patterns:
            found = {path.relative_to(ROOT).as_posix() for path in (ROOT / package).glob(pattern)}
            assert found, f"package-data: {package}/{pattern} is no file"
            installed |= found
    files = [name for name in tracked_files() if name.partition("/")[0] in packages and not name.endswith(".py")]
    # Alembic's template is for whoever writes a migration, in a checkout.
    assert set(files) - installed == {"migrations/script.py.mako"}
