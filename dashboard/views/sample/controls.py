"""The controls of the Sample page: θ with its training range and simulations, then sampling settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.look.markup import rug
from dashboard.look.texts import plain
from dashboard.look.words import decimals, duration
from dashboard.measured.map_curves import nearest_simulations
from dashboard.parts.problems import show_user_error
from dashboard.parts.state import among, choice, entry
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.record.queries import Truth
from dashboard.views.sample.requests import changed_words, sample_label
from focus_core.catalogue.methods import method_of, schedule_length
from focus_core.catalogue.samplers import SAMPLERS, own_sampler, sampler_title, samplers_of
from focus_core.errors import UserError
from focus_core.parameters import OutOfRange, Parameter, ParameterSpace, TrainingRange
from focus_store.contracts import JOB_UNDER_WAY, ExperimentDetail, SampleRow, SampleSpec

BEYOND = 0.12  # as a fraction of the range, at both ends
MAPS, SEED, STEPS = 16, 0, 50
WEIGHTS = {"ema": "EMA", "raw": "raw"}


def controls(detail: ExperimentDetail, shown: SampleRow | None) -> None:
    """They start from the settings of the maps beside them; the address keeps the reader's changes."""
    space, truth = queries.space(detail), queries.truth(detail)
    assert space is not None  # the page offers no model without one
    roles = sorted((c.role for c in detail.checkpoints), key=lambda role: role not in ("best", "last"))
    start = None if shown is None else shown.spec
    with st.container(horizontal=True, key="weights-row"):
        _checkpoint_choice(roles, start)
        st.segmented_control(
            "Weights", **choice("weights", WEIGHTS, start.weights if start else "ema"), required=True,
            label_visibility="collapsed", help="EMA: averaged over the training, as in every figure; raw: as trained",
        )  # fmt: skip
    theta = [_slider(p, i, space, truth, start) for i, p in enumerate(space.parameters)]
    _nearest_note(space, truth, theta)
    _how_to_draw(detail, start)
    if start is not None:
        _changed_note(space, start, specification(detail, theta))
    _button(detail, theta)


def _changed_note(space: ParameterSpace, shown: SampleSpec, wanted: SampleSpec) -> None:
    """The style sheet dims the maps while this is shown: they do not match the controls."""
    changed = changed_words(space, shown, wanted)
    if not changed:
        return
    st.html(
        f'<div class="focus-warn focus-changed" role="status" data-testid="controls-changed">△ The maps shown are of '
        f"{escape(', '.join(changed))}; the controls have changed.</div>"
    )
    st.button(
        "Back to the maps’ values",
        key="controls-back",
        icon=":material/undo:",
        on_click=set_controls,
        args=(shown, space),
    )


def _checkpoint_choice(roles: Sequence[str], start: SampleSpec | None) -> None:
    """Two buttons, or a list if the run keeps the checkpoints of epochs too."""
    words = "best: lowest validation loss; last: the newest"
    first = start.checkpoint if start and start.checkpoint in roles else roles[0]
    few = len(roles) <= 3
    if few:
        st.segmented_control(
            "Checkpoint", **among("checkpoint", roles, first, few), required=True, label_visibility="collapsed",
            help=words,
        )  # fmt: skip
    else:
        st.selectbox(
            "Checkpoint", **among("checkpoint", roles, first, few), required=True, label_visibility="collapsed",
            help=words, width=150,
        )  # fmt: skip


def slider_range(p: Parameter) -> tuple[float, float, float]:
    """Ends and step of a parameter's slider: 12 % of its range beyond both ends; log ones in their logarithm."""
    if p.scaling == "log":
        low, high = math.log10(p.minimum), math.log10(p.maximum)
        wide = BEYOND * (high - low)
        return round(low - wide, 3), round(high + wide, 3), 0.005
    wide, step = BEYOND * (p.maximum - p.minimum), nice_step(p.maximum - p.minimum)
    low = max(math.floor(round((p.minimum - wide) / step, 6)) * step, step if p.minimum > 0 else -math.inf)
    return round(low, 6), round(math.ceil(round((p.maximum + wide) / step, 6)) * step, 6), step


def nice_step(width: float) -> float:
    """1, 2 or 5 times a power of ten, near a two-hundredth of the width."""
    rough = width / 400
    power = 10.0 ** math.floor(math.log10(rough))
    return float(next(m for m in (1, 2, 5, 10) if m * power >= rough) * power)


def _slider(p: Parameter, i: int, space: ParameterSpace, truth: Truth | None, shown: SampleSpec | None) -> float:
    low, high, step = slider_range(p)
    log = p.scaling == "log"
    middle = _start(p, i, trained_range(space, truth), step)
    start = middle if shown is None else _slider_value(p, shown.theta[i])
    unit = f" {plain(p.unit)}" if p.unit else ""
    label = f"${p.tex}$ &nbsp;:gray[:small[{_plain(p.minimum)} to {_plain(p.maximum)}{unit}{', log₁₀' if log else ''}]]"
    places = max(2, -math.floor(math.log10(step)))
    chosen = st.slider(
        label,
        low,
        high,
        step=step,
        format=f"%.{places}f",
        **entry(p.name, start, low=low, high=high),
    )
    value = 10.0**chosen if log else float(chosen)
    column: Sequence[float] | NDArray[np.float64] = [] if truth is None else truth.theta[truth.training()][:, i]
    marks = [math.log10(v) if log else float(v) for v in column if not log or v > 0]
    ends = (math.log10(p.minimum), math.log10(p.maximum)) if log else (p.minimum, p.maximum)
    theta = [q.prior_mean() for q in space.parameters]
    theta[i] = value
    outside = [item for item in trained_range(space, truth).outside(theta) if item.parameter == p]
    st.html(rug(marks, low, high, *ends, outside=bool(outside)))
    for item in outside:
        st.html(
            f'<div class="focus-warn" role="alert" data-testid="outside" title="{escape(item.sentence())}">'
            f"△ Outside the training range{_ends(item)} by {100 * item.distance:.1f} % of "
            f"{'the prior’s' if item.of_prior else 'its'} width: the model extrapolates in {escape(p.symbol)}</div>"
        )
    return value


def _start(p: Parameter, i: int, trained: TrainingRange, step: float) -> float:
    """The middle of the prior, or of the training range if that lies elsewhere; on the slider's scale."""
    low, high = trained.low[i], trained.high[i]
    value = float(p.from_unit(0.0))
    if not low <= value <= high:
        value = float(p.from_unit(np.mean(p.to_unit([low, high]))))
    return round((math.log10(value) if p.scaling == "log" else value) / step) * step


def trained_range(space: ParameterSpace, truth: Truth | None) -> TrainingRange:
    """The range of the training simulations, or the prior if they are not known."""
    if truth is None or truth.theta.shape[1] != len(space) or not truth.training().any():
        return TrainingRange.of(space, [[p.minimum for p in space.parameters], [p.maximum for p in space.parameters]])
    return TrainingRange.of(space, truth.theta[truth.training()])


def _ends(item: OutOfRange) -> str:
    """The ends, if they differ from those that the slider shows."""
    p = item.parameter
    if (item.low, item.high) == (p.minimum, p.maximum):
        return ""
    if item.low == item.high:
        return f", which is {_plain(item.low)} alone,"
    return f" {_plain(item.low)} to {_plain(item.high)}"


def _slider_value(p: Parameter, value: float) -> float:
    """A value of θ, limited to the slider's ends."""
    low, high, _ = slider_range(p)
    return min(max(math.log10(value) if p.scaling == "log" else value, low), high)


def _plain(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _nearest_note(space: ParameterSpace, truth: Truth | None, theta: Sequence[float]) -> None:
    if truth is None or truth.theta.shape[1] != len(space):
        return
    nearest = nearest_simulations(space, truth, theta, count=1, training_only=True)
    if nearest:
        number, distance = nearest[0]
        st.html(
            f'<div class="focus-note" data-testid="nearest">Nearest training simulation: #{number}, '
            f"distance {decimals(distance, 2)} of the prior’s diagonal.</div>"
        )


def _how_to_draw(detail: ExperimentDetail, start: SampleSpec | None) -> None:
    left, right = st.columns(2)
    # Without bounds: a browser shows a number beyond them and reports the previous one, which would then be drawn.
    left.number_input("Maps", step=1, **entry("n", start.n if start else MAPS))
    right.number_input("Seed", step=1, **entry("seed", start.seed if start else SEED))
    left, right = st.columns(2)
    options = samplers(detail)
    if st.session_state.get("sampler") not in (None, *options):
        # The sampler was chosen for a run of another method, and the steps with it.
        st.session_state.sampler, st.session_state.steps = options[0], own_steps(detail)
    first = start.sampler if start and start.sampler in options else options[0]
    titles = {name: sampler_title(name) for name in options}
    sampler = left.selectbox("Sampler", **choice("sampler", titles, first), required=True)
    right.number_input(
        "Steps",
        step=1,
        **entry("steps", start.steps if start else own_steps(detail)),
        disabled=SAMPLERS[sampler].steps_key is None,
        help=" ".join(note for name in options if (note := SAMPLERS[name].note)) or None,
    )
    guidance = st.slider(
        "Guidance",
        0.0,
        4.0,
        step=0.1,
        **entry("guidance", min(max(start.guidance, 0.0), 4.0) if start else 1.0, low=0.0, high=4.0),
        help="1 is the unbiased emulator.",
    )
    if guidance != 1.0:
        st.html(
            f'<div class="focus-warn" data-testid="guidance-warning">△ Guidance {guidance:g} is not 1: maps are '
            "sharpened and P(k) is biased</div>"
        )


def own_steps(detail: ExperimentDetail) -> int:
    """The number of steps with which the run's own configuration draws its figures."""
    section, method = detail.config.get("sampling", {}), method_of(detail.config)
    chosen = SAMPLERS.get(str(section.get("method")), own_sampler(method))
    key = chosen.steps_key or own_sampler(method).steps_key or ""
    return int(section.get(key, STEPS))


def samplers(detail: ExperimentDetail) -> tuple[str, ...]:
    """Those that fit the run's method; a record from before there were several methods has the first."""
    return samplers_of(method_of(detail.config).name)


def specification(detail: ExperimentDetail, theta: Sequence[float]) -> SampleSpec:
    """The request that the controls describe."""
    state = st.session_state
    sampler = str(state.sampler)
    return SampleSpec(
        experiment=detail.summary.id,
        theta=tuple(round(float(v), 6) for v in theta),
        n=int(state.n),
        seed=int(state.seed),
        sampler=sampler,
        steps=schedule_length(detail.config) if SAMPLERS[sampler].every_time else int(state.steps),
        guidance=round(float(state.guidance), 3),
        weights=str(state.weights),
        checkpoint=str(state.checkpoint),
    )


def _button(detail: ExperimentDetail, theta: Sequence[float]) -> None:
    n = int(st.session_state.n)
    label = f"Sample {n:,} map{'' if n == 1 else 's'}"
    if st.button(label, type="primary", icon=":material/blur_on:", key="draw", width="stretch"):
        try:
            st.query_params["sample"] = record().samples.request(specification(detail, theta))
        except UserError as error:
            show_user_error(error)
        else:
            st.rerun(scope="app")
    waiting = [row for row in record().samples.latest(limit=10) if row.status in JOB_UNDER_WAY]
    plural = "requests wait or run" if len(waiting) > 1 else "request waits or runs"
    words = f"{len(waiting)} {plural} already." if waiting else _expected(detail, n)
    st.html(f'<div class="focus-note">{words}</div>')


def _expected(detail: ExperimentDetail, n: int) -> str:
    """From the newest request of this model: time is proportional to maps and steps."""
    done = [row for row in record().samples.latest(detail.summary.id, 10) if row.seconds and row.spec.n]
    if not done:
        return "An identical request is answered from the record at once."
    last = done[0]
    steps = int(st.session_state.steps)
    seconds = (last.seconds or 0) * n * steps / (last.spec.n * max(last.spec.steps, 1))
    return f"About {duration(seconds)}; the queue is empty."


def recall(detail: ExperimentDetail) -> None:
    """Earlier requests of this model; choosing one shows its maps and sets the controls to it."""
    rows = {row.id: row for row in record().samples.latest(detail.summary.id, 20)}
    if not rows:
        return
    asked = st.query_params.get("sample")
    st.session_state["recall"] = asked if asked in rows else None
    st.selectbox(
        "Earlier requests",
        list(rows),
        placeholder=f"{len(rows)} earlier request{'s' if len(rows) > 1 else ''}",
        format_func=lambda i: sample_label(rows[i], list(rows.values()), queries.space(detail)),
        key="recall",
        on_change=lambda: _recall(rows, detail),
    )


def _recall(rows: dict[str, SampleRow], detail: ExperimentDetail) -> None:
    chosen = st.session_state.get("recall")
    if chosen not in rows:
        return
    st.query_params["sample"] = chosen
    set_controls(rows[chosen].spec, queries.space(detail))


def set_controls(spec: SampleSpec, space: ParameterSpace | None) -> None:
    """Set the controls to the values of a request; for a callback, which runs before they are drawn."""
    state = st.session_state
    state.n, state.seed, state.sampler = spec.n, spec.seed, spec.sampler
    state.steps, state.guidance, state.checkpoint = spec.steps, spec.guidance, spec.checkpoint
    state.weights = spec.weights
    for p, value in zip(space.parameters if space else (), spec.theta, strict=False):
        state[p.name] = _slider_value(p, value)
