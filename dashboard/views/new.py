"""New: start from a recipe or another experiment, change it in the form or in the YAML, and queue it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import streamlit as st

from dashboard import queries
from dashboard.actions import missing_dataset, queue, quick_command
from dashboard.acts import note_start
from dashboard.draft import NAME, YAML, Draft, begun, discarded, place_of, taken_in
from dashboard.estimates import DEFAULT_GRID, Reference, dataset_of, outlook, readouts_of
from dashboard.form import SECTION_TITLES, Field, changed_keys, choices, fields, rename, visible
from dashboard.frame import page_head, warn_without_workers
from dashboard.markup import readouts, section
from dashboard.problems import offered, show_user_error
from dashboard.record import record
from dashboard.state import experiment_link, follow
from dashboard.theme import STATUS_LOOK
from dashboard.words import number, with_error
from focus_core.config import ExperimentConfig, parse_config, recorded_config
from focus_core.errors import UserError
from focus_core.estimate import estimate
from focus_store.contracts import Status
from focus_store.recipes import recipes
from focus_store.settings import QUICK, Settings

CLONE = "Clone"
COLUMNS = 4


@dataclass(frozen=True)
class Origin:
    """What the experiment starts from: the changed settings are marked against it."""

    recipe: str | None
    parent: str | None
    yaml: str
    parameters: int | None = None

    @property
    def key(self) -> str:
        return f"recipe:{self.recipe}" if self.parent is None else f"parent:{self.parent}"


def page() -> None:
    head = st.container()
    try:
        origin = _start_from()
        if origin is None:
            return
        draft, unseen = _draft(origin)
        start = parse_config(origin.yaml, origin.key)
    except UserError as error:
        show_user_error(error)
        return
    with head:
        _head(origin, draft, unseen)
    estimate = st.container()
    form, text = st.columns([60, 40], gap="medium")
    with estimate:
        _estimate(draft.config, origin)
    with form:
        _form(draft, start)
    with text:
        _yaml(draft, start, origin)
        _identical(draft.config)
        _notices(draft.config)


def _start_from() -> Origin | None:
    """The recipe or parent of the address, changed by the two controls."""
    known = recipes()
    names = {recipe.name: recipe.key for recipe in known.values()}
    asked = st.query_params
    default = CLONE if "parent" in asked else next((n for n, k in names.items() if k == asked.get("recipe")), None)
    if "new-from" not in st.session_state:
        st.session_state["new-from"] = default or next(iter(names), CLONE)
    # A line of its own: with the recipes that a user adds it outgrows any column.
    chosen = st.segmented_control("Start from", [*names, CLONE], key="new-from", required=True)
    other, name, tags = st.columns([2.4, 3, 2], vertical_alignment="bottom")
    st.session_state["new-name-place"] = name
    tags.multiselect("Tags", record().tags(), key="new-tags", accept_new_options=True, placeholder="None")
    if chosen != CLONE:
        recipe = known[names[str(chosen)]]
        other.text_input(
            "File", f"tasks/{recipe.path.parent.name}/config.yaml", disabled=True, key=f"file-{recipe.key}"
        )
        st.query_params.from_dict({"recipe": recipe.key})
        return Origin(recipe.key, None, recipe.yaml)
    with other:
        return _parent()


def _parent() -> Origin | None:
    names, asked = offered(queries.summaries(None, None, None, None), st.query_params.get("parent"))
    if not names:
        st.selectbox("Parent", [], disabled=True, placeholder="No experiment yet", key="no-parent")
        return None
    if st.session_state.get("new-parent") not in names:
        st.session_state["new-parent"] = asked or next(iter(names))
    parent = st.selectbox("Parent", list(names), format_func=lambda i: names[i], key="new-parent")
    st.query_params.from_dict({"parent": parent})
    summary = queries.experiment(parent).summary
    return Origin(summary.recipe, parent, record().configuration_file(parent), summary.parameters)


def _draft(origin: Origin) -> tuple[Draft, bool]:
    """What stands on the page, the reader's last changes included, and whether it was filled in just now.

    Callbacks would be told of a change once, and one that Streamlit stops half-way, because another click has arrived,
    is not told again: the button would queue what the reader has changed. So the script looks for itself.
    """
    before: Draft | None = st.session_state.get("new-draft")
    seen = _seen(before)
    if before is not None and before.origin == origin.key:
        now, unseen = taken_in(before, seen), False
    else:
        now, unseen = begun(origin.key, *_beginning(origin), before, seen), True
    if now is not before:
        st.session_state["new-draft"] = now
    return now, unseen


def _beginning(origin: Origin) -> tuple[ExperimentConfig, str]:
    config = parse_config(origin.yaml, origin.key.partition(":")[2])
    if origin.parent is None:
        return config, origin.yaml
    text, config = rename(origin.yaml, f"{config.experiment.name}, copy")
    return config, text


def _seen(draft: Draft | None) -> dict[str, Any]:
    """What the widgets show that stand on the page now."""
    if draft is None:
        return {}
    keys = {place: draft.key(place) for place in draft.shown}
    return {place: st.session_state[key] for place, key in keys.items() if key in st.session_state}


def _widget_key(draft: Draft, place: str) -> str:
    """The key of the widget in this place, which shows what it was given until the reader changes it."""
    key = draft.key(place)
    if key not in st.session_state:
        st.session_state[key] = draft.shown[place]
    return key


def _head(origin: Origin, draft: Draft, unseen: bool) -> None:
    """`unseen`: the settings were filled in just now, so whoever pressed a button has not seen them yet: the server
    was started again under a page that stood open, say."""
    with page_head("New experiment", key="new-head"):
        broken = draft.error is not None
        keep = st.button("Save as draft", icon=":material/save:", key="draft", disabled=broken)
        go = st.button("Queue", icon=":material/play_arrow:", type="primary", key="queue", disabled=broken)
    st.session_state["new-name-place"].text_input("Name", key=_widget_key(draft, NAME))
    warn_without_workers()
    if broken or not (keep or go):
        return
    if unseen:
        st.warning(
            "The page began anew before the button was pressed, and what you had changed may be lost: nothing was "
            "queued. Look at the settings and press again.",
            icon=":material/refresh:",
        )
        return
    try:
        made = queue(
            draft.config,
            recipe_key=origin.recipe,
            parent=origin.parent,
            tags=tuple(st.session_state.get("new-tags", ())),
            draft=keep,
        )
    except UserError as error:
        show_user_error(error)
        return
    st.session_state["new-draft"] = None  # the next visit starts afresh
    note_start()
    follow("experiment", id=made)


def _estimate(config: ExperimentConfig, origin: Origin) -> None:
    try:
        seen = outlook(config, dataset_of(config, queries.datasets()), record().speeds(), _reference())
    except UserError as error:
        show_user_error(error)
        return
    st.html(readouts(readouts_of(seen, config, origin.parameters), "estimate"))


def _reference() -> Reference | None:
    """The newest run with a measured speed, to scale from."""
    row = next((r for r in queries.summaries(None, None, None, None) if r.images_per_second), None)
    if row is None or row.images_per_second is None:
        return None
    detail = queries.experiment(row.id)
    cost = estimate(recorded_config(detail.config), detail.grid or DEFAULT_GRID)
    return Reference(row.name, row.images_per_second, cost.flops_per_image)


def _form(draft: Draft, start: ExperimentConfig) -> None:
    values = draft.config.flat()
    changed = changed_keys(draft.config, start)
    for name, title in SECTION_TITLES.items():
        shown = [f for f in fields() if f.section == name and visible(f.key, values)]
        if not shown:
            continue
        st.html(section(title, _section_note(name, draft.config)))
        for i in range(0, len(shown), COLUMNS):
            for column, field in zip(
                st.columns(COLUMNS, vertical_alignment="bottom"), shown[i : i + COLUMNS], strict=False
            ):
                with column:
                    _widget(field, draft, changed)


def _section_note(name: str, config: ExperimentConfig) -> str:
    dataset = dataset_of(config, queries.datasets()) if name == "data" else None
    if dataset is None:
        return ""
    return f"{dataset.name}, {dataset.n_simulations:,} simulations, {dataset.n_maps:,} maps of {dataset.grid}²"


def _widget(field: Field, draft: Draft, changed: dict[str, object]) -> None:
    """One setting. A changed one has an accent label and the origin's value in its help."""
    mark = field.key in changed
    label = f":primary[**{field.label}**]" if mark else field.label
    help_text = field.help + (f" Started from {changed[field.key]}." if mark else "")
    key = _widget_key(draft, place_of(field))
    shown = st.session_state[key]
    common: dict[str, Any] = {"key": key, "help": help_text or None}
    if field.key == "data.dataset":
        _dataset_widget(label, str(shown or ""), common)
    elif field.kind == "choice":
        fitting = choices(field, {"method": draft.config.method})
        options = list(dict.fromkeys([*fitting, str(shown or "")]))
        st.selectbox(label, options, format_func=lambda v: v or "from the data", **common)
    elif field.kind == "switch":
        st.toggle(label, **common)
    elif field.kind == "integer":
        low = int(field.minimum) if field.minimum is not None else None
        high = int(min(field.maximum, 2**53 - 1)) if field.maximum is not None else None
        st.number_input(label, min_value=low, max_value=high, step=1, **common)
    elif field.kind == "number":
        st.number_input(label, min_value=field.minimum, max_value=field.maximum, step=0.05, format="%.4g", **common)
    else:
        st.text_input(label, **common)


def _dataset_widget(label: str, current: str, common: dict[str, Any]) -> None:
    """Known names first; a path may be typed."""
    options = list(dict.fromkeys([*(d.name for d in queries.datasets()), QUICK, current]))
    st.selectbox(label, [o for o in options if o], accept_new_options=True, **common)


def _yaml(draft: Draft, start: ExperimentConfig, origin: Origin) -> None:
    changed = changed_keys(draft.config, start)
    whose = "recipe" if origin.parent is None else "parent"
    text, changes = st.tabs(["YAML", f"Changes to {whose} ({len(changed)})"], key="yaml-tabs")
    with text, st.container(key="yaml"):
        st.text_area("YAML", key=_widget_key(draft, YAML), height=560, label_visibility="collapsed")
    with changes:
        st.html(_differences(draft.config, changed, whose))
        if origin.parent is not None:
            st.markdown(f"Cloned from [{start.experiment.name}]({experiment_link(origin.parent)}).")
    if draft.error:
        st.error(draft.error, icon=":material/error:")
        if st.button("Discard these changes", icon=":material/undo:", key="discard"):
            st.session_state["new-draft"] = discarded(draft, _seen(draft))
            st.rerun()


def _differences(config: ExperimentConfig, changed: Mapping[str, object], whose: str) -> str:
    """Setting by setting, what it was there and what it is here."""
    if not changed:
        return f'<p class="focus-note" data-testid="differences">Nothing differs from the {whose} yet.</p>'
    flat = config.flat()
    rows = "".join(
        f"<tr><td><code>{escape(key)}</code></td><td>{escape(_words(old))}</td><td><b>{escape(_words(flat.get(key)))}"
        "</b></td></tr>"
        for key, old in changed.items()
    )
    head = f'<tr><th scope="col">Setting</th><th scope="col">In the {whose}</th><th scope="col">Here</th></tr>'
    return f'<div class="focus-scroll" data-testid="differences"><table class="focus-table">{head}{rows}</table></div>'


def _words(value: object) -> str:
    return "not set" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _identical(config: ExperimentConfig) -> None:
    """An experiment that learns the very same thing: one with results rather than one that only waits."""
    twins = sorted(record().identical(config.digest()), key=lambda row: (row.best_val_loss is None, row.status.value))
    if not twins:
        return
    twin = twins[0]
    word = {Status.DRAFT: "is already written down as", Status.QUEUED: "is already queued as"}.get(twin.status)
    scores = [f"best loss {number(twin.best_val_loss)}"] if twin.best_val_loss is not None else []
    scores += (
        [f"P(k) error {with_error(twin.power_error, twin.power_uncertainty)}"] if twin.power_error is not None else []
    )
    more = f", and {len(twins) - 1} more" if len(twins) > 1 else ""
    with st.container(key="identical"):
        st.warning(
            f"An identical configuration, seed {config.training.seed} and split included, {word or 'already ran as'} "
            f"[{twin.name}]({experiment_link(twin.id)}): "
            f"{', '.join([STATUS_LOOK[twin.status].word, *scores])}{more}. Open it, or change the seed.",
            icon=":material/history:",
        )


def _notices(config: ExperimentConfig) -> None:
    if config.sampling.cfg_scale != 1.0:
        st.warning(f"Guidance {config.sampling.cfg_scale:g} sharpens maps and biases P(k); 1 is unbiased.")
    missing = missing_dataset(config)
    if missing == QUICK:
        settings = Settings.from_environment()
        folder = settings.datasets / QUICK
        st.info(
            "The dataset `quick` is not there yet. Queueing this experiment first simulates it, "
            f"{settings.quick_simulations} simulations, a few minutes on two cores; by hand it "
            f"is\n\n`{quick_command(folder)}`",
            icon=":material/grain:",
        )
    elif missing is not None:
        folder = Settings.from_environment().datasets / missing
        st.warning(
            f"data.dataset: the laboratory has no dataset '{missing}'. Make it with "
            f"`{quick_command(folder)}`, or give the path of a folder.",
            icon=":material/warning:",
        )
