"""What the page *New* says about a configuration before it is queued: its cost, earlier runs of it, what it lacks."""

from __future__ import annotations

import streamlit as st

from dashboard.look.markup import readouts
from dashboard.look.texts import code, plain, sentence
from dashboard.look.theme import STATUS_LOOK
from dashboard.look.words import number
from dashboard.measured.trust import power_words
from dashboard.parts.problems import show_user_error
from dashboard.parts.state import dataset_link, experiment_link
from dashboard.record import queries
from dashboard.record.actions import missing_dataset, quick_command
from dashboard.record.connection import record
from dashboard.views.new.estimates import DEFAULT_GRID, Reference, dataset_of, outlook, readouts_of
from dashboard.views.new.origin import Origin
from focus_core.config.experiment import ExperimentConfig, recorded_config
from focus_core.costs.estimate import estimate
from focus_core.data.answers import in_form
from focus_core.errors import UserError
from focus_store.contracts import Status
from focus_store.settings import QUICK, Settings


def costs(config: ExperimentConfig, origin: Origin) -> None:
    try:
        seen = outlook(config, dataset_of(config, queries.datasets()), record().experiments.speeds(), _reference())
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


def identical(config: ExperimentConfig, but: str | None) -> None:
    """Another experiment with an identical configuration: one with results rather than one that is only queued."""
    rows = [row for row in record().experiments.identical(config.digest()) if row.id != but]
    twins = sorted(rows, key=lambda row: (row.best_val_loss is None, row.status.value))
    if not twins:
        return
    twin = twins[0]
    word = {Status.DRAFT: "is already written down as", Status.QUEUED: "is already queued as"}.get(twin.status)
    scores = [f"best loss {number(twin.best_val_loss)}"] if twin.best_val_loss is not None else []
    power = power_words(twin)
    scores += [power] if power else []
    more = f", and {len(twins) - 1} more" if len(twins) > 1 else ""
    with st.container(key="identical"):
        st.warning(
            f"An identical configuration, seed {config.training.seed} and split included, {word or 'already ran as'} "
            f"[{plain(twin.name)}]({experiment_link(twin.id)}): "
            f"{', '.join([STATUS_LOOK[twin.status].word, *scores])}{more}. Open it, or change the seed.",
            icon=":material/history:",
        )


def notices(config: ExperimentConfig) -> None:
    if config.sampling.cfg_scale != 1.0:
        st.warning(f"Guidance {config.sampling.cfg_scale:g} sharpens maps and biases P(k); 1 is unbiased.")
    _of_the_data(config)
    missing = missing_dataset(config)
    if missing == QUICK:
        settings = Settings.from_environment()
        folder = settings.datasets / QUICK
        st.info(
            "The dataset `quick` is not there yet. Queueing this experiment first simulates it, "
            f"{settings.quick_simulations} simulations, a few minutes on two cores; by hand it "
            f"is\n\n{code(quick_command(folder))}",
            icon=":material/grain:",
        )
    elif missing is not None:
        folder = Settings.from_environment().datasets / missing
        st.warning(
            f"data.dataset: the laboratory has no dataset '{plain(missing)}'. Make it with "
            f"{code(quick_command(folder))}, or give the path of a folder.",
            icon=":material/warning:",
        )


def _of_the_data(config: ExperimentConfig) -> None:
    """Whether the network fits the dataset's parameters, and what the dataset's check questions."""
    dataset = dataset_of(config, queries.datasets())
    if dataset is None:
        return
    names = [str(p["name"]) for p in dataset.parameter_space["parameters"]]
    if config.model.cond_dim != len(names):
        st.warning(
            f"model.cond_dim is {config.model.cond_dim}, but {plain(dataset.name)} has {len(names)} parameters "
            f"({plain(', '.join(names))}): set Parameters in θ to {len(names)}.",
            icon=":material/warning:",
        )
    doubts = (dataset.survey or {}).get("warnings", [])
    if doubts:
        more = f", and {len(doubts) - 1} more" if len(doubts) > 1 else ""
        st.warning(
            f"The check of [{plain(dataset.name)}]({dataset_link(dataset.name)}) warns: {sentence(in_form(doubts[0]))}"
            f"{more}",
            icon=":material/warning:",
        )
