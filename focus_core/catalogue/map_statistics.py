"""Statistics of maps by name: a curve of each map, measured of every epoch's maps, of samples and of datasets alike.

An entry says how it is measured, what its axes are called in files, tables and figures, how it is summed up in plain
numbers, and how it is drawn. Trainer, worker, record, pages, exports and command line ask it; a new one is its module
and one line here. (How a model is judged by many statistics at once is `focus_core/catalogue/statistics.py`.)
"""

from __future__ import annotations

from focus_core.catalogue.by_path import load
from focus_core.catalogue.registry import Registry
from focus_core.catalogue.statistic_spec import MapStatistic

# One line a statistic: where its entry stands, in a module that imports without torch.
_DECLARED = (
    "focus_core.catalogue.measured.power_spectrum:POWER_SPECTRUM",
    "focus_core.catalogue.measured.pdf:PDF",
)

MAP_STATISTICS: Registry[MapStatistic] = Registry(*map(load, _DECLARED))


def statistics_of(normalised: bool) -> tuple[MapStatistic, ...]:
    """Those that can be measured of maps with a unit, or of normalised ones."""
    return tuple(statistic for statistic in MAP_STATISTICS.values() if statistic.measures(normalised))
