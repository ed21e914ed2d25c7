"""Statistics of maps by name: a curve per map, measured on every epoch's maps, on samples and on datasets alike.

An entry says how it is measured, how its axes are named in files, tables and figures, how it is summarised in
numbers, and how it is drawn. Trainer, worker, record, pages, exports and command line use it; a new one is its module
and one line here. (Judging a model by many statistics at once is in `focus_core/catalogue/statistics.py`.)
"""

from __future__ import annotations

from focus_core.catalogue.by_path import load
from focus_core.catalogue.registry import Registry
from focus_core.catalogue.statistic_spec import MapStatistic

# One line per statistic: the place of its entry, in a module that imports without torch.
_DECLARED = (
    "focus_core.catalogue.measured.power_spectrum:POWER_SPECTRUM",
    "focus_core.catalogue.measured.pdf:PDF",
)

MAP_STATISTICS: Registry[MapStatistic] = Registry(*map(load, _DECLARED))


def statistics_of(normalised: bool) -> tuple[MapStatistic, ...]:
    """Those that apply to maps with a unit, or to normalised ones."""
    return tuple(statistic for statistic in MAP_STATISTICS.values() if statistic.measures(normalised))
