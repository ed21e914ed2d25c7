"""What an experiment on the page *New* starts from: a recipe, another experiment, or a draft that is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.look.texts import plain
from dashboard.parts.problems import offered
from dashboard.parts.state import came_by_history
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.views.new.form import dated, rename
from focus_core.config.experiment import ExperimentConfig, parse_config
from focus_core.errors import UserError
from focus_store.contracts import Status
from focus_store.recipes import recipes

CLONE = "Clone"


@dataclass(frozen=True)
class Origin:
    """What the experiment starts from: changed settings are marked against it."""

    recipe: str | None
    parent: str | None
    yaml: str
    parameters: int | None = None
    draft: str | None = None  # the draft that is changed, if the form does not make a new one
    before: Mapping[str, Any] | None = None  # its configuration in the record
    tags: tuple[str, ...] = ()

    @property
    def query(self) -> dict[str, str]:
        """The address that leads to it."""
        if self.draft is not None:
            return {"draft": self.draft}
        return {"recipe": self.recipe or ""} if self.parent is None else {"parent": self.parent}

    @property
    def key(self) -> str:
        ((kind, value),) = self.query.items()
        return f"{kind}:{value}"

    @property
    def whose(self) -> str:
        return "draft" if self.draft is not None else "recipe" if self.parent is None else "parent"

    def beginning(self, day: str) -> tuple[ExperimentConfig, str]:
        """What the form shows at first: for a run made on that day, as it will be recorded."""
        config = parse_config(self.yaml, self.key.partition(":")[2])
        if self.draft is not None:
            return config, self.yaml
        text = dated(self.yaml, day)
        if self.parent is not None:
            text, _ = rename(text, f"{config.experiment.name}, copy")
        return parse_config(text, self.key), text


def start_from(beside: DeltaGenerator) -> Origin | None:
    """The recipe, parent or draft of the address, changed by the controls, one of which is in the column `beside`.

    None where there is nothing to start from.
    """
    asked = st.query_params
    if "draft" in asked:
        return _draft(asked["draft"], beside)
    known = recipes()
    names = {recipe.name: recipe.key for recipe in known.values()}
    default = CLONE if "parent" in asked else next((n for n, k in names.items() if k == asked.get("recipe")), None)
    if "new-from" not in st.session_state or came_by_history():
        st.session_state["new-from"] = default or next(iter(names), CLONE)
    # A separate line: with a user's own recipes it outgrows any column.
    # None for a moment after quick clicks, although a choice is required: then the address decides.
    chosen = (
        st.segmented_control("Start from", [*names, CLONE], format_func=plain, key="new-from", required=True)
        or default
        or next(iter(names), CLONE)
    )
    if chosen == CLONE:
        with beside:
            return _parent()
    recipe = known[names[chosen]]
    beside.text_input(
        "File", f"tasks/{recipe.path.parent.name}/{recipe.path.name}", disabled=True, key=f"file-{recipe.key}"
    )
    return Origin(recipe.key, None, recipe.yaml)


def _parent() -> Origin | None:
    names, asked = offered(queries.summaries(None, None, None, None), st.query_params.get("parent"))
    if not names:
        st.selectbox("Parent", [], disabled=True, placeholder="No experiment yet", key="no-parent")
        return None
    if st.session_state.get("new-parent") not in names or came_by_history():
        st.session_state["new-parent"] = asked or next(iter(names))
    parent = st.selectbox("Parent", list(names), format_func=lambda i: names[i], key="new-parent")
    summary = queries.experiment(parent).summary
    return Origin(summary.recipe, parent, record().experiments.configuration_file(parent), summary.parameters)


def _draft(experiment_id: str, beside: DeltaGenerator) -> Origin:
    detail = queries.experiment(experiment_id)
    row = detail.summary
    if row.status is not Status.DRAFT:
        raise UserError(
            f"draft: {row.name} ({row.id}) is {row.status} and no draft any more, so its settings stand; clone it to "
            "make another with changed ones."
        )
    beside.text_input("Draft", row.name, disabled=True, key=f"draft-{row.id}")
    yaml = record().experiments.configuration_file(row.id)
    return Origin(row.recipe, detail.parent, yaml, None, row.id, detail.config, row.tags)
