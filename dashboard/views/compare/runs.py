"""The chosen set read from the record: what was measured of each run, and what it drew at an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dashboard.measured.map_curves import epoch_curves
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.views.compare.comparison import Compared, DrawnMaps, Places, labelled, quoted_epoch, with_power
from focus_core.catalogue.statistic_spec import NORMALISED, MapStatistic


def compared(slots: Places) -> list[Compared]:
    """Every run of the set with its quoted P(k), that of its best checkpoint."""
    runs = []
    for slot, place in enumerate(slots):
        if place is None:
            continue
        detail = queries.experiment(place)
        epoch = quoted_epoch(detail, queries.epochs_with_figures(place, record().experiments.change_token(place)))
        drawn = None if epoch is None else queries.figures(place, epoch)
        arrays = queries.arrays(drawn.power_arrays) if drawn and drawn.power_arrays else None
        truth = queries.truth(detail)
        runs.append(with_power(slot, detail, drawn, arrays, None if truth is None else truth.validation()))
    return labelled(runs)


def measured(runs: Sequence[Compared], statistic: MapStatistic) -> list[Compared]:
    """The same runs with the curves of a statistic at their quoted epochs, None where it was not measured."""
    shown = []
    for run in runs:
        digest = None if run.drawn is None else run.drawn.of(statistic).arrays
        curves = None
        if run.drawn is not None and digest is not None:
            curves = epoch_curves(queries.arrays(digest), run.drawn.epoch, run.detail.grid, statistic=statistic)
        shown.append(replace(run, curves=curves))
    return shown


def maps_of(run: Compared, epoch: int | None) -> DrawnMaps | None:
    space = queries.space(run.detail)
    if epoch is None or space is None:
        return None
    drawn = queries.figures(run.id, epoch)
    if drawn.samples_arrays is None:
        return None
    unit = drawn.unit or run.detail.unit or NORMALISED
    return DrawnMaps(run, epoch, drawn.samples_arrays, queries.frame(drawn.samples_arrays), space, unit)
