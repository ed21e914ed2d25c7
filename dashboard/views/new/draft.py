"""State of the page *New*: the configuration, its YAML, the value given to each widget, and what was refused.

Pure: no Streamlit. A draft is immutable; each action of the reader makes a new one. So the page has one thing to
remember, and a script that is stopped half-way (Streamlit stops it at every new click) leaves the old draft or the new
one, never a form that has followed and a YAML that has not.

An invalid value stays where it was typed, whatever else is changed, until the reader fixes or discards it. It is
tried again after every other change: a second setting may make it valid.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard.views.new.form import Field, edit_all, fields, setting, widget_value
from focus_core.config.experiment import ExperimentConfig, parse_config
from focus_core.errors import UserError

YAML, NAME, TAGS = "yaml-text", "new-name", "new-tags"
WAITS = "Waits for the YAML, which cannot be read as it stands: fix it or discard its changes."
Seen = Mapping[str, Any]  # place → what its widget shows now, for the widgets on the page


@dataclass(frozen=True)
class Refusal:
    """An invalid value that the reader entered, and why it is invalid."""

    value: Any
    sentence: str


@dataclass(frozen=True)
class Draft:
    """`text` means `config`. `shown` is what the widget of each place shows of them, in its current edition; a place
    with a refused value shows that instead."""

    origin: str
    config: ExperimentConfig
    text: str
    tags: tuple[str, ...] = ()
    base: Mapping[str, Any] | None = None  # of a draft in the record: its configuration when the reader began
    base_tags: tuple[str, ...] = ()  # its tags at that time
    shown: Mapping[str, Any] = field(default_factory=dict)
    editions: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)

    @property
    def error(self) -> str | None:
        """The latest refusal."""
        *_, last = None, *self.refused.values()
        return last.sentence if last else None

    def standing(self, place: str) -> Any:
        """What the widget of this place shows until the reader changes it."""
        return self.refused[place].value if place in self.refused else self.shown[place]

    def key(self, place: str) -> str:
        """Key of the widget that is in this place now.

        A browser reports every widget at every click, and one that has not yet received a new value reports the old
        one, which would pass for the reader's own change and undo the new one. So a widget that must show something
        else is replaced by another edition of itself: reports of an earlier edition are ignored.
        """
        return f"{place}~{self.editions.get(place, 0)}"


def place_of(field: Field) -> str:
    return f"f-{field.key}"


def title_of(place: str) -> str:
    """The page's name for a place."""
    return {YAML: "YAML", NAME: "Name", TAGS: "Tags"}.get(place) or _field(place).title


def begun(
    origin: str,
    config: ExperimentConfig,
    text: str,
    before: Draft | None,
    seen: Seen,
    *,
    tags: Collection[str] = (),
    base: Mapping[str, Any] | None = None,
) -> Draft:
    """A draft that starts from this configuration, on a page that may show another one (`before`)."""
    start = Draft(origin, config, text, tuple(tags), base, tuple(tags), editions=before.editions if before else {})
    return _showing(start, {}, seen)


def discarded(draft: Draft, seen: Seen, places: Collection[str] | None = None) -> Draft:
    """Without what was refused in these places, or anywhere."""
    kept = {} if places is None else {p: r.value for p, r in draft.refused.items() if p not in places}
    return _settled(draft, kept, (), seen)


def taken_in(draft: Draft, seen: Seen) -> Draft:
    """The draft with the reader's changes since the widgets received their values; the same draft if there are none."""
    news = {p: value for p, value in seen.items() if p in draft.shown and value != draft.standing(p)}
    if not news:
        return draft
    asked = {**{p: refusal.value for p, refusal in draft.refused.items()}, **news}
    return _settled(draft, {p: value for p, value in asked.items() if value != draft.shown[p]}, news, seen)


def _settled(draft: Draft, asked: Mapping[str, Any], news: Collection[str], seen: Seen) -> Draft:
    """All requested changes applied where they are valid, and refused where not. `news` was entered just now.

    The YAML comes first: a reader who changed both has seen the form follow it. A new value of a setting in the YAML
    replaces an earlier refused value of that setting.
    """
    now, refused, form = replace(draft, refused={}), {}, {p: v for p, v in asked.items() if p not in (YAML, TAGS)}
    if TAGS in asked:
        now = replace(now, tags=tuple(asked[TAGS]))
    if YAML in asked:
        try:
            config = parse_config(str(asked[YAML]), "the YAML")
        except UserError as error:
            refused = {YAML: Refusal(asked[YAML], str(error)), **{p: Refusal(v, WAITS) for p, v in form.items()}}
            return _showing(now, refused, seen)
        form = {p: v for p, v in form.items() if p in news or _says(config, p) == _says(draft.config, p)}
        now = replace(now, config=config, text=str(asked[YAML]))
    return _showing(*_filled(now, form), seen)


def _filled(draft: Draft, asked: Mapping[str, Any]) -> tuple[Draft, dict[str, Refusal]]:
    """The form's changes one after another, repeated while any was applied; finally all the rest together."""
    refused: dict[str, Refusal] = {}
    while asked:
        refused = {}
        for place, value in asked.items():
            try:
                draft = _changed(draft, {place: value})
            except UserError as error:
                refused[place] = Refusal(value, str(error).removeprefix("the form: "))
        if len(refused) == len(asked):
            break
        asked = {place: refusal.value for place, refusal in refused.items()}
    if len(refused) > 1:
        try:
            return _changed(draft, {place: refusal.value for place, refusal in refused.items()}), {}
        except UserError:
            pass
    return draft, refused


def _changed(draft: Draft, changes: Mapping[str, Any]) -> Draft:
    """With these values of the form. UserError if they would not be a valid configuration."""
    text, config = edit_all(draft.text, {_key(place): _setting(place, value) for place, value in changes.items()})
    return replace(draft, text=text, config=config)


def _showing(draft: Draft, refused: Mapping[str, Refusal], seen: Seen) -> Draft:
    """All widgets show the configuration, or what was refused; a widget that shows something else is replaced."""
    values = draft.config.flat()
    shown = {YAML: draft.text, NAME: draft.config.experiment.name, TAGS: list(draft.tags)}
    shown |= {place_of(field): widget_value(field, values) for field in fields()}
    now = replace(draft, shown=shown, refused=dict(refused))
    other = [place for place in shown if place in seen and seen[place] != now.standing(place)]
    return replace(now, editions={**draft.editions, **{p: draft.editions.get(p, 0) + 1 for p in other}})


def content(draft: Draft) -> dict[str, Any]:
    """All that `restored` needs, as plain values."""
    return {
        "origin": draft.origin,
        "text": draft.text,
        "tags": list(draft.tags),
        "base": draft.base,
        "base_tags": list(draft.base_tags),
        "editions": dict(draft.editions),
        "refused": {place: [refusal.value, refusal.sentence] for place, refusal in draft.refused.items()},
    }


def restored(plain: Mapping[str, Any], before: Draft | None, seen: Seen) -> Draft:
    """The draft that `content` described, on a page that may show another one. UserError if it is no longer valid.

    If the page knows no other draft, its widgets may date from before a restart of the server: their editions are
    those that were kept, and what they show is used.
    """
    config = parse_config(str(plain["text"]), "the YAML")
    editions = before.editions if before else plain["editions"]
    origin, text, tags = str(plain["origin"]), str(plain["text"]), tuple(plain["tags"])
    base_tags = tuple(plain.get("base_tags", ()))  # older versions did not keep them: then no tag was removed
    draft = Draft(origin, config, text, tags, plain["base"], base_tags, editions=editions)
    known = {YAML, NAME, *map(place_of, fields())}
    refused = {p: Refusal(value, sentence) for p, (value, sentence) in plain["refused"].items() if p in known}
    return _showing(draft, refused, seen if before else {})


def _key(place: str) -> str:
    return "experiment.name" if place == NAME else _field(place).key


def _setting(place: str, value: Any) -> Any:
    return value if place == NAME else setting(_field(place), value)


def _says(config: ExperimentConfig, place: str) -> Any:
    return config.flat().get(_key(place))


def _field(place: str) -> Field:
    return next(candidate for candidate in fields() if place_of(candidate) == place)
