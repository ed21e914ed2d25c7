"""The form of the page *New* and its YAML, each field with the refused values of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.look.markup import section
from dashboard.look.texts import plain, sentence
from dashboard.parts.state import experiment_link, open_tab
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.views.new.draft import NAME, TAGS, YAML, Draft, place_of
from dashboard.views.new.estimates import dataset_of
from dashboard.views.new.form import SECTION_TITLES, Field, changed_keys, choices, fields, visible
from dashboard.views.new.origin import Origin
from focus_core.config.experiment import ExperimentConfig
from focus_store.settings import QUICK

COLUMNS = 4
PANEL, CHANGES = "panel", "changes"  # in the address, if the YAML is not open
_BOXES = ' :is([data-testid="stTextInputRootElement"], [data-baseweb="select"] > div, textarea)'


def widget_key(draft: Draft, place: str) -> str:
    """The key of the widget in this place, which shows its given value until the reader changes it."""
    key = draft.key(place)
    if key not in st.session_state:
        st.session_state[key] = draft.standing(place)
    return key


def seen(draft: Draft | None) -> dict[str, Any]:
    """The values of the widgets that are on the page now."""
    if draft is None:
        return {}
    keys = {place: draft.key(place) for place in draft.shown}
    return {place: st.session_state[key] for place, key in keys.items() if key in st.session_state}


def name_and_tags(draft: Draft, name: DeltaGenerator, tags: DeltaGenerator) -> set[str]:
    """Both fields; returns the places whose refused value is discarded by a click."""
    with name:
        st.text_input("Name", key=widget_key(draft, NAME))
        given_back = _refusal(draft, NAME)
    options = sorted({*record().experiments.tags(), *draft.tags})
    tags.multiselect("Tags", options, key=widget_key(draft, TAGS), accept_new_options=True, placeholder="None")
    return given_back


def form(draft: Draft, start: ExperimentConfig, whose: str) -> set[str]:
    """Every setting that applies here, or was refused; returns the places whose refusal is discarded by a click."""
    values = draft.config.flat()
    changed = changed_keys(draft.config, start)
    st.html(marks(draft, changed))
    given_back: set[str] = set()
    for name, title in SECTION_TITLES.items():
        shown = [f for f in fields() if f.section == name and (visible(f.key, values) or _refused(draft, f))]
        if not shown:
            continue
        st.html(section(title, _section_note(name, draft.config)))
        for i in range(0, len(shown), COLUMNS):
            row = zip(st.columns(COLUMNS, vertical_alignment="top"), shown[i : i + COLUMNS], strict=False)
            for column, field in row:
                with column:
                    _widget(field, draft, changed, whose)
                    given_back |= _refusal(draft, place_of(field))
    return given_back


def _refused(draft: Draft, field: Field) -> bool:
    return place_of(field) in draft.refused


def _section_note(name: str, config: ExperimentConfig) -> str:
    dataset = dataset_of(config, queries.datasets()) if name == "data" else None
    if dataset is None:
        return ""
    return f"{escape(dataset.name)}, {dataset.n_simulations:,} simulations, {dataset.n_maps:,} maps of {dataset.grid}²"


def marks(draft: Draft, changed: Mapping[str, object]) -> str:
    """A style for the labels of changed fields and the boxes of refused ones.

    Not in the labels themselves: screen readers read them as they are written, Markdown included.
    """
    labels = _selectors(draft, [f"f-{key}" for key in changed], " label p")
    boxes = _selectors(draft, list(draft.refused), _BOXES)
    rules = [f"{labels}{{font-weight:600;color:var(--focus-accent)}}"] if labels else []
    rules += [f"{boxes}{{outline:2px solid var(--focus-warn);outline-offset:-2px}}"] if boxes else []
    return f"<style>{''.join(rules)}</style>"


def _selectors(draft: Draft, places: list[str], inside: str) -> str:
    """Streamlit derives a CSS class from a widget's key, with a dash for every other character."""
    names = (re.sub(r"[^a-zA-Z0-9_-]", "-", draft.key(place)) for place in places)
    return ",".join(f".st-key-{name}{inside}" for name in names)


def _refusal(draft: Draft, place: str) -> set[str]:
    """Why the value in this place is invalid, and a button back to the valid one; returns the place once clicked."""
    refusal = draft.refused.get(place)
    if refusal is None:
        return set()
    why = escape(refusal.sentence)
    with st.container(key=f"why-{place}", gap=None):
        st.html(f'<div class="focus-warn" role="alert" data-testid="refused-{escape(place)}">△ {why}</div>')
        value = str(draft.shown[place]) or "nothing"
        back = st.button(
            "Discard",
            icon=":material/undo:",
            key=f"discard-{place}",
            type="tertiary",
            help=plain(f"Back to {value}"),
        )
    return {place} if back else set()


def _widget(field: Field, draft: Draft, changed: Mapping[str, object], whose: str) -> None:
    """One setting. The help of a changed one shows the value that it started from."""
    help_text = field.help
    if field.key in changed:
        help_text += f" The {whose} has {plain(words(changed[field.key]))}."
    key = widget_key(draft, place_of(field))
    shown = st.session_state[key]
    common: dict[str, Any] = {"key": key, "help": help_text or None}
    if field.key == "data.dataset":
        _dataset_widget(field.label, str(shown or ""), common)
    elif field.kind == "choice":
        fitting = choices(field, {"method": draft.config.method})
        options = list(dict.fromkeys([*fitting, str(shown or ""), str(draft.shown[place_of(field)])]))
        st.selectbox(field.label, options, format_func=lambda v: v or "from the data", **common)
    elif field.kind == "switch":
        st.toggle(field.label, **common)
    else:
        st.text_input(field.label, **common)


def _dataset_widget(label: str, current: str, common: dict[str, Any]) -> None:
    """Known names first; a path may be typed."""
    options = list(dict.fromkeys([*(d.name for d in queries.datasets()), QUICK, current]))
    st.selectbox(label, [o for o in options if o], accept_new_options=True, **common)


def yaml_text(draft: Draft, start: ExperimentConfig, origin: Origin) -> set[str]:
    """The YAML, and setting by setting what differs; returns the same as `form`."""
    changed = changed_keys(draft.config, start)
    words = {"yaml": "YAML", CHANGES: f"Changes to {origin.whose} ({len(changed)})"}
    text, changes = st.tabs(**open_tab(PANEL, words))
    given_back: set[str] = set()
    with text, st.container(key="yaml"):
        if YAML in draft.refused:
            st.error(sentence(draft.refused[YAML].sentence), icon=":material/error:")
            if st.button("Discard these changes", icon=":material/undo:", key=f"discard-{YAML}"):
                given_back = {YAML}
        st.text_area("YAML", key=widget_key(draft, YAML), height=560, label_visibility="collapsed")
    with changes:
        if changed:
            st.html(differences(changed, draft.config.flat(), f"In the {origin.whose}", "Here"))
        else:
            st.html(f'<p class="focus-note" data-testid="differences">Nothing differs from the {origin.whose} yet.</p>')
        if origin.parent is not None:
            parent = queries.experiment(origin.parent).summary
            st.html(f'<p>Cloned from <a href="{experiment_link(parent.id)}">{escape(parent.name)}</a>.</p>')
    return given_back


def differences(there: Mapping[str, object], here: Mapping[str, object], title: str, title_here: str) -> str:
    """For each setting of `there`, its value there and its value here."""
    rows = "".join(
        f"<tr><td><code>{escape(key)}</code></td><td>{escape(words(old))}</td><td><b>{escape(words(here.get(key)))}"
        "</b></td></tr>"
        for key, old in there.items()
    )
    head = f'<tr><th scope="col">Setting</th><th scope="col">{title}</th><th scope="col">{title_here}</th></tr>'
    return f'<div class="focus-scroll" data-testid="differences"><table class="focus-table">{head}{rows}</table></div>'


def words(value: object) -> str:
    return "not set" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
