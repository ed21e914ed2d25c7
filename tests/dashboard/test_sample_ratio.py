"""What the ratio of a sample is against, said on its page: the truth at its θ, or simulations at other ones."""

from __future__ import annotations

import json
from typing import Any

from page_alone import html, open_page
from prepared_record import MAPS, K
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_store.database.tables import Measurement


def tell_truth(small: Any, truth: dict[str, Any] | None) -> None:
    """As a worker of this version writes it with the sample; one of an older version wrote none."""
    with small.record.database.writing() as session:
        mine = select(Measurement).where(
            Measurement.sample == small.sample, Measurement.statistic == POWER_SPECTRUM.name
        )
        row = session.scalars(mine).one()
        row.summary = {**row.summary, "truth": truth}


def chart(app: AppTest) -> tuple[str, str]:
    """Its label, and its figure."""
    charts = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    (found,) = [one for one in charts if one.get("name") == "sample-power"]
    return found["label"], found["figure"]


def test_with_a_truth_at_its_theta_the_ratio_is_against_that_and_has_its_error(small_laboratory: Any) -> None:
    power = (12.0 / K**2).tolist()
    error = [0.05 * value for value in power]
    truth = {"power": power, "error": error, "scatter": error, "simulations": 12, "maps": 12 * MAPS}
    tell_truth(small_laboratory, truth)
    app = open_page("sample", model=small_laboratory.finished, sample=small_laboratory.sample)
    assert not app.exception
    assert "against the truth at this θ, smoothed over 12 simulations" in html(app)
    assert "not a model error" not in html(app)
    label, figure = chart(app)
    assert "over the truth at this θ" in label
    assert "ratio to truth" in figure
    assert "truth at this θ, fitted to 12 simulations" in figure


def test_against_simulations_at_other_theta_it_says_so_and_why(small_laboratory: Any) -> None:
    tell_truth(small_laboratory, {"reason": "smoothed truth: 12 simulations are too few."})
    app = open_page("sample", model=small_laboratory.finished, sample=small_laboratory.sample)
    assert "at other θ, so not a model error" in html(app)
    assert "There is no smoothed truth at this θ: 12 simulations are too few." in html(app)
    assert "3 nearest simulations, distance" in chart(app)[0]
    assert "ratio to truth" not in chart(app)[1]


def test_a_sample_of_an_older_version_says_the_same_without_a_reason(small_laboratory: Any) -> None:
    tell_truth(small_laboratory, None)
    app = open_page("sample", model=small_laboratory.finished, sample=small_laboratory.sample)
    assert not app.exception
    assert "at other θ, so not a model error" in html(app)
    assert "There is no smoothed truth" not in html(app)
