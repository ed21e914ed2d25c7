"""The controls that choose which statistic of maps a panel shows, and in which view."""

from __future__ import annotations

import streamlit as st

from dashboard.parts.state import choice
from focus_core.catalogue.map_statistics import MAP_STATISTICS
from focus_core.catalogue.statistic_spec import MapStatistic

PLAIN, SCALED = "pk", "k2pk"  # of the first statistic, and in saved addresses


def choose_statistic() -> MapStatistic:
    """By its symbol, or by its title if the switch beside this one uses the symbol for one of its views."""
    words = {
        statistic.name: statistic.title if statistic.panel.scaled else statistic.symbol_markdown
        for statistic in MAP_STATISTICS.values()
    }
    name = st.segmented_control(
        "Statistic", **choice("statistic", words, MAP_STATISTICS.first.name), required=True,
        label_visibility="collapsed", help="; ".join(statistic.title for statistic in MAP_STATISTICS.values()),
    )  # fmt: skip
    return MAP_STATISTICS.get(str(name), MAP_STATISTICS.first)


def choose_view(statistic: MapStatistic, key: str) -> bool:
    """Whether the statistic's other view is requested; without one there is nothing to choose."""
    other = statistic.panel.scaled
    if other is None:
        return False
    words = {PLAIN: statistic.symbol_markdown, SCALED: other.markdown}
    chosen = st.segmented_control(
        "View", **choice(key, words, PLAIN), required=True, label_visibility="collapsed", help=other.help
    )
    return chosen == SCALED
