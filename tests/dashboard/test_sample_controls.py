"""The Sample page: its controls are of the maps beside them, or it says that they are not."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from waiting import patience

from dashboard.views.sample.requests import changed_words, sample_label
from focus_core.parameters import WCDM6
from focus_store.contracts import SampleSpec
from focus_store.database.tables import Experiment

SPEC = SampleSpec("run", (0.36, 0.05, 0.7, 0.96, 0.9, -1.0), n=2, seed=5, sampler="ddim", steps=20, guidance=1.5)
PAGE = """
from dashboard.parts.state import remember_pages
from dashboard.views.sample import page as sample
remember_pages({})
sample.page()
"""


def open_sample(**query: str) -> AppTest:
    app = AppTest.from_string(PAGE, default_timeout=patience(60))
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def drawn(laboratory: Any, **changes: Any) -> str:
    return str(laboratory.record.samples.request(replace(SPEC, experiment=laboratory.finished, **changes)))


def shown(app: AppTest) -> tuple[float, ...]:
    """θ, maps, seed, steps and guidance of the controls."""
    theta = tuple(app.slider(key=p.name).value for p in WCDM6.parameters)
    return (
        *theta,
        *(app.number_input(key=key).value for key in ("n", "seed", "steps")),
        app.slider(key="guidance").value,
    )


def note(app: AppTest) -> str:
    return "".join(e.proto.body for e in app.get("html") if "controls-changed" in e.proto.body)


def test_the_controls_are_those_of_the_sample_that_the_address_names(small_laboratory: Any) -> None:
    sample = drawn(small_laboratory, checkpoint="last", weights="raw")
    drawn(small_laboratory, seed=6, theta=(0.2, 0.05, 0.7, 0.96, 0.7, -1.0))  # a newer one
    app = open_sample(model=small_laboratory.finished, sample=sample)
    assert shown(app) == (*SPEC.theta, SPEC.n, SPEC.seed, SPEC.steps, SPEC.guidance)
    assert app.session_state.checkpoint == "last"
    assert app.session_state.weights == "raw"
    assert note(app) == ""


def test_a_moved_slider_marks_the_maps_and_one_button_leads_back(small_laboratory: Any) -> None:
    sample = drawn(small_laboratory)
    app = open_sample(model=small_laboratory.finished, sample=sample)
    app.slider(key="sigma_8").set_value(0.8).run()
    assert "The maps shown are of σ8 0.900; the controls have changed." in note(app).replace("σ₈", "σ8")
    app.button(key="controls-back").click().run()
    assert shown(app) == (*SPEC.theta, SPEC.n, SPEC.seed, SPEC.steps, SPEC.guidance)
    assert note(app) == ""


def test_a_value_of_the_address_is_kept_and_marked(small_laboratory: Any) -> None:
    app = open_sample(model=small_laboratory.finished, sample=drawn(small_laboratory), n="8")
    assert app.number_input(key="n").value == 8
    assert "2 maps; the controls have changed" in note(app)


def test_maps_are_of_the_controls_when_all_is_equal_to_rounding() -> None:
    assert changed_words(WCDM6, SPEC, SPEC) == []
    assert changed_words(WCDM6, SPEC, replace(SPEC, theta=(0.3600001, *SPEC.theta[1:]))) == []
    words = changed_words(WCDM6, SPEC, replace(SPEC, theta=(0.3, *SPEC.theta[1:]), seed=6, weights="raw"))
    assert words == [f"{WCDM6.parameters[0].symbol} 0.360", "seed 5", "ema weights"]


def test_two_samples_that_differ_have_two_labels(small_laboratory: Any) -> None:
    record = small_laboratory.record
    moment = datetime.datetime.now(datetime.UTC)
    row = record.samples.get(drawn(small_laboratory))
    first = replace(row, created_at=moment)
    second = replace(first, spec=replace(row.spec, theta=(*SPEC.theta[:4], 0.8, -1.0)))
    symbol = WCDM6.parameters[4].symbol
    label = sample_label(first, [first, second], WCDM6)
    assert label == f"{moment.astimezone():%H:%M}, seed 5, {symbol} 0.900"
    assert sample_label(second, [first, second], WCDM6) == label.replace("0.900", "0.800")
    third = replace(second, spec=replace(second.spec, seed=6))
    labels = [sample_label(one, [first, second, third], WCDM6) for one in (first, second, third)]
    assert len(set(labels)) == 3


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("steps", 1001, "steps: 1001 are too many; DDIM takes 1,000 or fewer"),
        ("steps", 0, "steps: 0 is not a number of steps"),
        ("n", 100_000, "n: 100000 maps cannot be drawn in one request"),
        ("seed", -1, "seed: -1 is out of range; give 0 to"),
    ],
)
def test_a_number_that_cannot_be_drawn_stays_in_its_field_and_is_refused_by_its_name(
    small_laboratory: Any, key: str, value: int, sentence: str
) -> None:
    before = len(small_laboratory.record.samples.latest())
    app = open_sample(model=small_laboratory.finished)
    app.number_input(key=key).set_value(value).run()
    app.button(key="draw").click().run()
    assert app.number_input(key=key).value == value
    assert sentence in app.error[0].value
    assert len(small_laboratory.record.samples.latest()) == before


def test_more_steps_than_the_runs_own_schedule_has_are_refused_beside_the_button(small_laboratory: Any) -> None:
    """They were accepted, and failed minutes later in the worker."""
    record = small_laboratory.record
    with record.database.writing() as session:
        row = session.get(Experiment, small_laboratory.finished)
        row.config = {**row.config, "diffusion": {**row.config["diffusion"], "timesteps": 50}}
    before = len(record.samples.latest())
    app = open_sample(model=small_laboratory.finished)
    app.number_input(key="steps").set_value(200).run()
    app.button(key="draw").click().run()
    assert "steps: 200 are too many; DDIM takes 50 or fewer, all of diffusion.timesteps" in app.error[0].value
    assert len(record.samples.latest()) == before
    assert app.number_input(key="steps").value == 200
