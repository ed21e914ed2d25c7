"""One dataset: identity, statistics, coverage of θ, maps, P(k), and the experiments that use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import streamlit as st

from dashboard.charts.chart import chart, figure_json
from dashboard.charts.dataset_curves import DatasetCurves, dataset_curves
from dashboard.charts.dataset_figures import coverage
from dashboard.look.markup import Readout, horizontal_bar, pill, readouts, section, theta_words, unit_html
from dashboard.look.template import plain_number
from dashboard.look.texts import plain, sentence
from dashboard.look.theme import STATUS_LOOK
from dashboard.look.words import DASH, Amount, date_and_time, number
from dashboard.parts.problems import show_user_error
from dashboard.parts.state import asked_number, came_by_history, choice, experiment_link, keep
from dashboard.parts.statistics import choose_statistic
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.server.routes import artifact_url
from dashboard.views.datasets.outlook import changed_files, other_digest
from dashboard.views.datasets.removal import removal
from focus_core.catalogue.job_kinds.dataset_check import DATASET_CHECK
from focus_core.catalogue.jobs import DATASET, job_kinds
from focus_core.catalogue.map_statistics import MAP_STATISTICS
from focus_core.catalogue.statistic_spec import NORMALISED
from focus_core.data.answers import in_form
from focus_core.data.split import Split, split_simulations
from focus_core.errors import UserError
from focus_core.parameters import ParameterSpace
from focus_store.contracts import DatasetRow
from focus_store.record.datasets import DatasetUse


def detail(dataset: DatasetRow) -> None:
    uses = record().datasets.uses(dataset)
    _warnings(dataset, uses)
    split, problem = _split(dataset, uses)
    name = escape(dataset.name)
    st.html(
        f'<div data-testid="dataset-card" data-name="{name}" data-digest="{escape(dataset.digest)}">'
        + readouts(identity(dataset, uses, split), f"dataset-{dataset.name}")
        + (readouts(statistics(dataset), "dataset-statistics") if dataset.survey else "")
        + "</div>"
    )
    if dataset.survey is None:
        _not_measured(dataset)
        _used_by(dataset, uses)
    else:
        _judged(dataset.survey)
        left, right = st.columns([46, 54], gap="medium")
        with left:
            _coverage(dataset, dataset.survey, split, problem)
            _used_by(dataset, uses)
        with right:
            st.fragment(_maps_and_curves)(dataset)
    _offers(dataset)
    removal(dataset, len(uses))


def identity(dataset: DatasetRow, uses: Sequence[DatasetUse], split: Split | None) -> list[Readout]:
    survey, provenance = dataset.survey or {}, dataset.provenance or {}
    each = dataset.n_maps // max(dataset.n_simulations, 1)
    pixel = f"pixel {dataset.box_size / dataset.grid:.3g} Mpc/h" if dataset.box_size else "unknown: P(k) has no unit"
    particles = f"{provenance['particles']} particles" if "particles" in provenance else ""
    slab = f"slab of {depth}, " if (depth := _depth(survey, provenance)) else ""
    redshift = f"{slab}z = {survey['redshift']:g}" if "redshift" in survey else ""
    parts = [len(split.train), len(split.validation), len(split.test)] if split else []
    digest = dataset.digest.partition(":")[2]
    box = Amount(f"{dataset.box_size:g}", "Mpc/h") if dataset.box_size else Amount(DASH)
    return [
        Readout("Simulations", f"{dataset.n_simulations:,}", particles),
        Readout("Maps", f"{dataset.n_maps:,}", f"{each} per simulation, {dataset.grid}²"),
        Readout("Field", str(survey.get("field", DASH)), redshift),
        Readout("Box", box, pixel),
        Readout("Split", " / ".join(map(str, parts)) or DASH, "train, val., test; by simulation"),
        Readout("Used by", str(len(uses)), f"experiment{'' if len(uses) == 1 else 's'}"),
        Readout(
            "SHA-256" if dataset.digest.startswith("sha256") else "Fingerprint",
            f"{digest[:4]}…{digest[-4:]}",
            f"checked {date_and_time(dataset.checked_at)}" if dataset.checked_at else "not checked yet",
        ),
    ]


def _depth(survey: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """Thickness of the slabs that maps are summed over, from the check, or from the description of older suites."""
    if survey.get("slab_depth"):
        return f"{survey['slab_depth']:g} Mpc/h"
    return str(provenance.get("slab_depth", ""))


def statistics(dataset: DatasetRow) -> list[Readout]:
    """Statistics of all pixels, in the maps' unit."""
    survey = dataset.survey or {}
    unit = NORMALISED if survey.get("normalised") else (dataset.unit or "unit unknown")
    resolution = (dataset.provenance or {}).get("force_resolution")
    values = (("mean", "Mean"), ("std", "Standard deviation"), ("minimum", "Smallest"), ("maximum", "Largest"))
    shown = [Readout(f"{label} pixel" if key != "std" else label, short(survey[key]), unit) for key, label in values]
    shown.append(Readout("Zero pixels", Amount(number(100 * survey["zero_fraction"]), "%"), "of all"))
    if resolution:
        value, _, rest = str(resolution).partition(" ")
        shown.append(
            Readout(
                "Force resolution", Amount(_three_digits(value), rest.partition(" (")[0]), "one cell, PM simulation"
            )
        )
    space = dataset.parameter_space
    return [*shown, Readout("Parameters", str(len(space["parameters"])), str(space["name"]))]


def _three_digits(text: str) -> str:
    """The number in the text with three digits; other text is unchanged."""
    try:
        return f"{float(text):.3g}"
    except ValueError:
        return text


def short(value: float) -> str:
    """ "1.23 · 10¹²", for readouts."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return number(value)
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    powers = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}·10{powers}".replace("-", "−")


def _warnings(dataset: DatasetRow, uses: Sequence[DatasetUse]) -> None:
    changed = changed_files(dataset)
    if changed:
        st.warning(
            f"Changed since it was checked: {plain('; '.join(changed))}. What is shown here, and every run so far, "
            "belongs to the files as they were. Restore them, or check the dataset again.",
            icon=":material/warning:",
        )
    others = [use for use in uses if other_digest(use.digest, dataset)]
    if others:
        names = ", ".join(f"[{plain(use.name)}]({experiment_link(use.id)})" for use in others[:4])
        plural = "s" if len(others) > 1 else ""
        st.warning(
            f"{len(others)} experiment{plural} used other content of this name: {names}. Their curves and P(k) belong "
            "to that content; they are shown as they were, and are not resumed on this one.",
            icon=":material/difference:",
        )
    for said in (dataset.survey or {}).get("warnings", []):
        st.warning(sentence(in_form(said)), icon=":material/warning:")
    if changed:
        st.button(
            "Check again", icon=":material/refresh:", key=f"check-{dataset.name}", on_click=_ask,
            args=(DATASET_CHECK.name, dataset),
        )  # fmt: skip


def _judged(survey: Mapping[str, Any]) -> None:
    """What the check could assess and what not, and how rows of one θ were treated."""
    rows = f"Rows: {survey['rows']}. " if survey.get("rows") else ""
    stored = f"Stored as {survey['stored_as']}. " if survey.get("stored_as") else ""
    remarks = "; ".join(in_form(str(remark)) for remark in survey.get("remarks", []))
    words = f"{rows}{stored}{f'Judged: {remarks}.' if remarks else ''}"
    if words:
        st.html(f'<p class="focus-note" data-testid="judged">{escape(words)}</p>')


def _offers(dataset: DatasetRow) -> None:
    """What a worker can do with a dataset, one offer per kind of job that has one."""
    kinds = [kind for kind in job_kinds().values() if kind.offered and kind.subject == DATASET]
    if not kinds:
        return
    with st.container(horizontal=True, key="dataset-jobs"):
        for kind in kinds:
            st.button(plain(kind.offered), key=f"ask-{kind.name}", on_click=_ask, args=(kind.name, dataset))


def _ask(kind: str, dataset: DatasetRow) -> None:
    try:
        record().jobs.request(kind, {"name": dataset.name, "path": dataset.path})
    except UserError as error:
        show_user_error(error)


def _not_measured(dataset: DatasetRow) -> None:
    st.html(
        '<div class="focus-empty"><b>Not measured yet</b><p>Coverage, maps and spectra are measured by a worker, in '
        "seconds to minutes.</p></div>"
    )
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button(
            "Measure it", type="primary", key=f"check-{dataset.name}", on_click=_ask,
            args=(DATASET_CHECK.name, dataset),
        )  # fmt: skip


def _split(dataset: DatasetRow, uses: Sequence[DatasetUse]) -> tuple[Split | None, str]:
    """The split of the chosen seed and share; the controls, further down, start from those of the latest run."""
    state, newest = st.session_state, next(iter(uses), None)
    seed, share = (newest.split_seed, newest.train_split) if newest else (0, 0.9)
    if state.get("split-of") != dataset.name or came_by_history():
        state["split-of"] = dataset.name
        state["split-seed"], state["train-split"] = asked_number("split-seed", seed), _asked_share(share)
    keep("split-seed", state["split-seed"], seed)
    keep("train-split", state["train-split"], share)
    try:
        return split_simulations(dataset.n_simulations, state["train-split"], int(state["split-seed"])), ""
    except UserError as error:
        return None, str(error)


def forget_choices() -> None:
    """Forget the choices of the dataset that is being left; for a callback."""
    for name in ("split-seed", "train-split", "simulation"):
        keep(name, "", "")
        st.session_state.pop(name, None)


def _asked_share(default: float) -> float:
    """From the address, if it is there."""
    try:
        asked = float(st.query_params.get("train-split", default))
    except ValueError:
        return default
    return asked if 0.01 <= asked <= 0.99 else default


def _coverage(dataset: DatasetRow, survey: Mapping[str, Any], split: Split | None, problem: str) -> None:
    st.html(
        section(
            "Coverage of θ",
            f"{dataset.n_simulations} simulations, {len(dataset.parameter_space['parameters'])} parameters",
        )
    )
    share, seed, _ = st.columns([3, 3, 4])
    # Widgets lose their values when their page is left; the first run of the page restores them.
    share.number_input("Train split", 0.01, 0.99, step=0.05, key="train-split", format="%.2f")
    seed.number_input("Seed of the split", 0, 2**31 - 1, key="split-seed", help="data.split_seed of a run")
    if split is None:
        st.html(f'<div class="focus-warn" role="alert">△ {escape(problem)}</div>')
        return
    chart(
        _coverage_figure(queries.home(), str(survey["arrays"]), dataset.name, split.train_split, split.seed),
        name="coverage",
        label=f"Corner plot of the {dataset.n_simulations} simulations of {dataset.name} in every pair of parameters; "
        f"{len(split.train)} train, {len(split.validation)} validation, {len(split.test)} test",
        height=640,
        key=f"coverage-{dataset.name}",
    )


@st.cache_data(max_entries=16, show_spinner=False)
def _coverage_figure(home: str, digest: str, name: str, train_split: float, seed: int) -> str:
    dataset, arrays = record().datasets.get(name), queries.arrays(digest)
    theta = np.asarray(arrays["theta"], dtype=np.float64)
    split = split_simulations(len(theta), train_split, seed)
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    space = ParameterSpace.from_dict(dataset.parameter_space)
    return figure_json(coverage(space, theta, parts, revision=f"{name}-{seed}-{train_split:g}"))


def _maps_and_curves(dataset: DatasetRow) -> None:
    """One simulation: its maps, and a statistic of it over that of the whole set."""
    survey = dataset.survey or {}
    sheets = {int(simulation): str(digest) for simulation, digest in survey["sheets"]}
    numbers, space = list(sheets), ParameterSpace.from_dict(dataset.parameter_space)
    try:
        arrays = queries.arrays(str(survey["arrays"]))
    except UserError as error:
        show_user_error(error)
        return
    theta = np.asarray(arrays["theta"], dtype=np.float64)
    asked = choice("simulation", {str(n): f"simulation {n}" for n in numbers}, str(numbers[0]))
    chosen = int(st.session_state["simulation"])
    words = theta_words(space, theta[chosen])
    shown = "" if len(numbers) == dataset.n_simulations else f", {len(numbers)} of {dataset.n_simulations} shown"
    st.html(section("Maps", f"simulation {chosen}: {escape(words)}"))
    if len(numbers) > 1:
        st.select_slider(
            f"Simulation{shown}",
            **asked,
            label_visibility="collapsed",
        )
    st.html(_sheet(dataset, survey, sheets[chosen], f"Maps of simulation {chosen} of {dataset.name}: {words}"))
    _curves(dataset, str(survey["arrays"]), chosen)


def _curves(dataset: DatasetRow, digest: str, chosen: int) -> None:
    head = st.container()
    statistic = choose_statistic()
    title = f"Mean {statistic.title[0].lower()}{statistic.title[1:]}"
    marks = ", ".join(mark.html for mark in statistic.panel.marks(dataset.box_size, dataset.grid))
    head.html(section(title, f"{dataset.n_maps:,} maps" + (f"; {marks} of the box and its grid" if marks else "")))
    if statistic.name not in queries.simulation_curves(queries.arrays(digest)):
        why = (
            "not of normalised maps" if (dataset.survey or {}).get("normalised") else "not yet: check the dataset again"
        )
        st.html(f'<p class="focus-note">{statistic.symbol_html} was not measured, {why}.</p>')
        return
    chart(
        _figure(queries.home(), digest, dataset.name, chosen, statistic.name),
        name="dataset-power",
        label=f"{title} of {dataset.name} and the scatter of its maps; of simulation {chosen} with cosmic variance",
        height=340,
        key=f"dataset-power-{dataset.name}",
    )


def _sheet(dataset: DatasetRow, survey: Mapping[str, Any], digest: str, alt: str) -> str:
    low, high = survey["range"]
    each = dataset.n_maps // max(dataset.n_simulations, 1)
    some = f", {survey['shown_maps']} of {each} maps" if survey["shown_maps"] < each else ""
    bar = (
        f'<div class="focus-note">{plain_number(low, 3)} to {plain_number(high, 3)}, normalised field</div>'
        if survey["normalised"]
        else horizontal_bar(low, high, unit_html(dataset.unit))
    )
    return (
        f'<div data-testid="dataset-maps"><img src="{artifact_url(digest)}" alt="{escape(alt + some)}" '
        f'style="width:100%;display:block" decoding="async">{bar}</div>'
    )


@st.cache_data(max_entries=128, show_spinner=False)
def _figure(home: str, digest: str, name: str, chosen: int, of: str) -> str:
    arrays, dataset, statistic = queries.arrays(digest), record().datasets.get(name), MAP_STATISTICS[of]
    found = queries.simulation_curves(arrays)[of]
    curves = DatasetCurves(
        x=found.x,
        mean=found.mean,
        std=found.std,
        maps_per_simulation=int(arrays["maps_per_simulation"]),
        box_size=dataset.box_size,
        grid=dataset.grid,
        physical=found.physical,
        statistic=statistic,
        weights={name: array for name, array in arrays.items() if name == statistic.weights},
    )
    return figure_json(dataset_curves(curves, chosen, revision=f"{name}-{of}", height=340))


def _used_by(dataset: DatasetRow, uses: Sequence[DatasetUse]) -> None:
    st.html(section("Used by", f"files in {escape(dataset.path)}"))
    if not uses:
        st.html('<p class="focus-note" data-testid="used-by">No experiment yet; choose it on the New page.</p>')
        return
    rows = "".join(
        f'<tr><td><a href="{experiment_link(use.id)}" target="_self">{escape(use.name)}</a></td>'
        f"<td>{pill(STATUS_LOOK[use.status])}</td><td>{_content(use, dataset)}</td>"
        f"<td>{use.split_seed}</td><td>{use.train_split:g}</td></tr>"
        for use in uses
    )
    head = "".join(
        f'<th scope="col">{word}</th>' for word in ("Experiment", "Status", "Content", "Split seed", "Train split")
    )
    st.html(
        '<div class="focus-scroll" data-testid="used-by"><table class="focus-table">'
        f"<tr>{head}</tr>{rows}</table></div>"
    )


def _content(use: DatasetUse, dataset: DatasetRow) -> str:
    if use.digest is None:
        return "not started"
    if other_digest(use.digest, dataset):
        return f'<span class="focus-warn">△ other, {escape(use.digest[:15])}…</span>'
    return "as here" if use.digest == dataset.digest else "read as a pair of files"
