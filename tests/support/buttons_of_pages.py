"""Every button of the pages, read from their sources, so that a walk over them can tell which it has not pressed.

A new button on a page must either be pressed by the walk, or be listed in `LEFT_OUT` with the reason why it cannot.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

PAGES = ("experiments", "new", "compare", "sample", "datasets", "workers", "experiment")  # the last one by links only
# By their path: a script in benchmarks/ has its own module `dashboard`.
SOURCES = Path(__file__).parents[2] / "dashboard"
_WIDGETS = frozenset(("button", "download_button", "segmented_control", "toggle"))
# Functions that give a widget its options, from its key: dashboard/parts/state.py.
_OPTIONS_OF_A_KEY = frozenset(("among", "choice", "entry"))
# Keys that are not in the call itself, by (module, expression), a page's module with its folder: their values.
NAMED_ELSEWHERE = {
    ("acts", "act.key"): (),  # where the acts are made
    ("compare/head", "f'csv-{what}'"): (
        "csv-loss",
        "csv-power",
        "csv-maps",
        "csv-table",
        "csv-cost",
        "csv-evaluations",
        "csv-by-size",
    ),
    ("datasets/page", "**common"): ("dataset-choice",),
    ("datasets/page", "f'open-{form}'"): ("open-add", "open-describe", "open-simulate"),
    ("experiment/head", "key"): ("pause", "stop", "resume", "queue"),
    ("experiment/notes", "key"): ("keep-theirs", "keep-mine-…"),
    ("statistics", "key"): ("power-kind", "compare-power-kind"),
    ("experiment/finding", "f'{offer.key}-start'"): ("samplers-start", "evaluation-start"),
    ("experiment/finding", "f'{offer.key}-cancel'"): ("samplers-cancel", "evaluation-cancel"),
    ("chart_tables", "f'{chart}-table'"): ("loss-table", "power-table"),
    ("new/widgets", "**common"): ("f-…",),
    ("workers/disk", "f'disk-{label.lower()}'"): ("disk-larger", "disk-smaller"),
}
# Links of rows, by the key of the row.
LINKS = ("workers/entry-…", "workers/disk-…")
# Buttons that no walk over the small record can press, and why.
LEFT_OUT = {
    "confirm-delete-…": "would leave nothing to walk on",
    "datasets/confirm-remove-dataset": "would leave nothing to walk on",
    "act-sure": "is asked only where two presses come within seconds",
    "act-keep": "is asked only where two presses come within seconds",
    "experiments/start-quickstart": "stands on an empty record",
    "experiments/choose-recipe": "stands on an empty record",
    "compare/new-experiment": "stands on an empty record",
    "datasets/simulate-quick": "stands on an empty record",
    "datasets/ask-…": "is there where a kind of job offers itself for a dataset, and none does",
    "sample/see-experiments": "stands on a record without a model",
    "experiment/again": "needs an experiment that waits for a suite whose job was cancelled",
    "experiment/all-experiments": "stands where an address names no experiment",
    "experiment/show-newer-note": "needs a second window",
    "experiment/keep-theirs": "needs a second window",
    "experiment/keep-mine-…": "needs a second window",
    "experiment/keep-joined": "needs a second window",
    "new/save-other": "needs a second window",
    "experiment/samplers-band": "needs a measurement, and so a worker",
    "experiment/samplers-quantity": "needs a measurement, and so a worker",
    "experiment/prior-band": "needs an evaluation, and so a worker",
    "experiment/prior-csv": "needs an evaluation, and so a worker",
    "compare/csv-evaluations": "needs an evaluation, and so a worker",
    "compare/csv-by-size": "needs evaluations, and so a worker",
    "experiments/add-tags": "lies in a menu over the page",
}


@dataclass(frozen=True)
class Button:
    """`page` is the first word of its address, empty if several have it; `…` in `key` stands for its subject."""

    page: str
    key: str
    source: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        return f"{self.page}/{self.key}" if self.page else self.key

    def is_meant(self, page: str, key: str) -> bool:
        """By a class of the page, in which Streamlit keeps those characters of a key that a class may have."""
        return self.page in ("", page) and re.fullmatch(re.escape(self.key).replace("…", ".+"), key) is not None


def buttons_of(folder: Path) -> tuple[list[Button], list[str]]:
    """The buttons of the modules below this folder, and the places where a key could not be read."""
    buttons, unread = [], []
    for file in sorted(folder.rglob("*.py")):
        for line, expression in _calls(ast.parse(file.read_text(encoding="utf-8"))):
            keys = NAMED_ELSEWHERE.get((module_of(file), ast.unparse(expression)), _written(expression))
            where = f"{file.name}:{line}"
            if keys is None:
                unread.append(f"{where} has the key {ast.unparse(expression)}")
            else:
                buttons += [Button(_page_of(file), key, where) for key in keys]
    return buttons, unread


@cache
def known_buttons() -> tuple[Button, ...]:
    """Of all pages, including those left out; one of several with the same name."""
    buttons, _ = buttons_of(SOURCES)
    links = [Button(*link.split("/")) for link in LINKS]
    return tuple(dict.fromkeys([*buttons, *links]))


def to_be_pressed() -> frozenset[str]:
    return frozenset(button.name for button in known_buttons()) - set(LEFT_OUT)


def name_of(page: str, key: str) -> str:
    """The button with this key on that page, otherwise the key itself: of several, the most specific one."""
    meant = [button for button in known_buttons() if button.is_meant(page, key)]
    return max(meant, key=lambda button: ("…" not in button.key, len(button.key))).name if meant else key


def _calls(tree: ast.AST) -> Iterator[tuple[int, ast.expr]]:
    """Line and key of each call that makes a button; a function that gives all its options has the key first."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="Act"), args=[key, *_]):
                yield node.lineno, key
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in _WIDGETS:
                named = {word.arg: word.value for word in node.keywords}
                if "key" in named:
                    yield node.lineno, named["key"]
                elif isinstance(chosen := named.get(None), ast.Call) and ast.unparse(chosen.func) in _OPTIONS_OF_A_KEY:
                    yield node.lineno, chosen.args[0]
                else:
                    yield node.lineno, ast.Name("**" + ast.unparse(named[None]) if None in named else "no key at all")


def _written(expression: ast.expr) -> tuple[str, ...] | None:
    match expression:
        case ast.Constant(value=str(text)):
            return (text,)
        case ast.JoinedStr(values=parts):
            return ("".join(part.value if isinstance(part, ast.Constant) else "…" for part in parts),)
    return None


def _page_of(file: Path) -> str:
    """A page's modules are in a folder of its name; other modules serve several."""
    page = file.parent.name
    return page if file.parents[1].name == "views" and page in PAGES else ""


def module_of(file: Path) -> str:
    return f"{page}/{file.stem}" if (page := _page_of(file)) else file.stem
