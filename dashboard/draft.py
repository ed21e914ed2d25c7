"""What stands on the page *New*: the configuration, its YAML, and what each widget was given to show.

Pure: no Streamlit. A draft never changes; what the reader does makes the next one. So the page has one thing to
remember, and a script that is stopped half-way (Streamlit stops it at every new click) leaves the old draft or the new
one, never a form that has followed and a YAML that has not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard.form import Field, edit, fields, rename, setting, widget_value
from focus_core.config import ExperimentConfig, parse_config
from focus_core.errors import UserError

YAML, NAME = "yaml-text", "new-name"
Seen = Mapping[str, Any]  # place → what its widget shows now, of the widgets that stand


@dataclass(frozen=True)
class Refusal:
    """What the reader put into a place although it cannot be, and why not."""

    value: Any
    sentence: str


@dataclass(frozen=True)
class Draft:
    """`text` means `config`. `shown` is what the widget of each place was given, in the edition that stands there."""

    origin: str
    config: ExperimentConfig
    text: str
    shown: Mapping[str, Any] = field(default_factory=dict)
    editions: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)

    @property
    def error(self) -> str | None:
        """The last thing that was refused."""
        *_, last = None, *self.refused.values()
        return last.sentence if last else None

    def key(self, place: str) -> str:
        """Of the widget that stands in this place now.

        A browser reports every widget at every click, and one that has not yet received a new value reports the old
        one, which would pass for the reader's own change and undo the new one. So a widget that is to show something
        else gives way to another edition of itself: what is reported of one gone by is not heard.
        """
        return f"{place}~{self.editions.get(place, 0)}"


def place_of(field: Field) -> str:
    return f"f-{field.key}"


def begun(origin: str, config: ExperimentConfig, text: str, before: Draft | None, seen: Seen) -> Draft:
    """A draft that starts from this configuration, on a page that may show another one (`before`)."""
    return _showing(Draft(origin, config, text, editions=before.editions if before else {}), config, text, seen)


def discarded(draft: Draft, seen: Seen) -> Draft:
    """Without what was refused."""
    return _showing(draft, draft.config, draft.text, seen)


def taken_in(draft: Draft, seen: Seen) -> Draft:
    """What the reader has changed since the widgets were given their values; the same draft when that is nothing.

    The YAML comes first: whoever changed both has seen the form follow.
    """
    still = {p: r for p, r in draft.refused.items() if p in seen and seen[p] == r.value != draft.shown[p]}
    news = [place for place in seen if place not in still and seen[place] != draft.shown[place]]
    if not news and len(still) == len(draft.refused):
        return draft
    now = replace(draft, refused=still)
    for place in sorted(news, key=lambda place: place != YAML):
        now = _changed(now, place, seen)
    return now


def _changed(draft: Draft, place: str, seen: Seen) -> Draft:
    try:
        text, config = _meaning(draft, place, seen[place])
    except UserError as error:
        refusal = Refusal(seen[place], str(error).removeprefix("the form: "))
        return replace(draft, refused={**draft.refused, place: refusal})
    return _showing(draft, config, text, seen)


def _meaning(draft: Draft, place: str, value: Any) -> tuple[str, ExperimentConfig]:
    """The YAML and the configuration with this change. UserError when they would not be a configuration."""
    if place == YAML:
        return str(value), parse_config(str(value), "the YAML")
    if YAML in draft.refused:
        sentence = draft.refused[YAML].sentence
        raise UserError(f"{sentence} Mend the YAML or discard its changes before the form is changed.")
    if place == NAME:
        return rename(draft.text, value)
    changed = next(candidate for candidate in fields() if place_of(candidate) == place)
    return edit(draft.text, changed.key, setting(changed, value))


def _showing(draft: Draft, config: ExperimentConfig, text: str, seen: Seen) -> Draft:
    """Both sides show this configuration; a widget that shows something else gives way to a new one."""
    values = config.flat()
    shown = {YAML: text, NAME: config.experiment.name}
    shown |= {place_of(field): widget_value(field, values) for field in fields()}
    other = [place for place, value in shown.items() if place in seen and seen[place] != value]
    editions = {**draft.editions, **{place: draft.editions.get(place, 0) + 1 for place in other}}
    return replace(draft, config=config, text=text, shown=shown, editions=editions, refused={})
