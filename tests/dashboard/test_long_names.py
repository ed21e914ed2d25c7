"""Experiments of one series, whose long names begin alike, are told apart where names are cut."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from page_alone import open_page
from prepared_record import SmallLaboratory, configuration

SERIES = [f"a sweep of the learning rate over the quick suite, rate {rate}, batch 32 and seed 1" for rate in "135"]
SHOWN = 36  # characters that a box or a column shows at most


@pytest.fixture
def series(small_laboratory: SmallLaboratory) -> list[str]:
    return [
        small_laboratory.record.experiments.create(
            (config := configuration("plain", seed=seed)).model_copy(
                update={"experiment": config.experiment.model_copy(update={"name": name})}
            )
        )
        for seed, name in enumerate(SERIES, start=80)
    ]


def test_the_list_shows_what_tells_them_apart(series: list[str]) -> None:
    links = open_page("experiments").dataframe[0].value["name"]
    names = [unquote(link.partition("#")[2]) for link in links if link.partition("#")[0][-8:] in series]
    assert len({name[:SHOWN] for name in names}) == 3


def test_a_box_to_choose_from_shows_what_tells_them_apart(series: list[str]) -> None:
    options = open_page("new", parent=series[0]).selectbox(key="new-parent").options
    shown = [option[:SHOWN] for option in options if "rate" in option]
    assert len(set(shown)) == len(shown) == 3


def test_the_chips_of_a_comparison_show_what_tells_them_apart(series: list[str]) -> None:
    shown = [option[:SHOWN] for option in open_page("compare", ids=",".join(series)).multiselect[0].options]
    assert len({name for name in shown if "rate" in name}) == 3
