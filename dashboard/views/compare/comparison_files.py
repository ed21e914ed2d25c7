"""The content of a comparison as CSV: every recorded point, never the thinned curves of the screen."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.views.compare.compared_values import Measure, Setting
from dashboard.views.compare.comparison import Compared, DrawnMaps
from focus_core.catalogue.statistic_spec import MapStatistic
from focus_store.record.record import Record

_CURVES = (("validation", "loss", "validation"), ("train", "epoch_loss", "train"), ("step", "loss", "train"))


def table_csv(runs: Sequence[Compared], rows: Sequence[Measure], settings: Sequence[Setting]) -> str:
    """One line per row of the table: its unit, each run's value in that unit, each ratio to the baseline."""
    names = [f"{run.name} ({run.id})" for run in runs]
    head = ["row", "unit", *names, *(f"ratio, {name}" for name in names)]
    body = [[row.plain, row.unit, *map(_text, row.values), *map(_text, row.ratios)] for row in rows]
    blank = [""] * len(runs)
    return _csv([head, *body, *([s.key, "setting", *s.texts, *blank] for s in settings)])


def cost_csv(runs: Sequence[Compared], measured: Sequence[Measure]) -> str:
    """One line per experiment, with the values that the chart of cost against quality draws."""
    head = ["experiment", "name", *(f"{row.plain} [{row.unit}]" if row.unit else row.plain for row in measured)]
    lines = [[run.id, run.name, *(_text(row.values[i]) for row in measured)] for i, run in enumerate(runs)]
    return _csv([head, *lines])


def losses_csv(record: Record, runs: Sequence[Compared]) -> str:
    """Every recorded loss, whatever each method learns: validation, training by epoch and by step.

    `seconds_trained` is measured at the end of an epoch and empty in between.
    """
    lines: list[list[str]] = [
        ["experiment", "name", "curve", "step", "epoch", "seconds_trained", "attempt", "loss"],
    ]
    for run in runs:
        elapsed = record.curves.series(run.id, "elapsed", "train")
        seconds = dict(zip(elapsed.step.tolist(), elapsed.value.tolist(), strict=True))
        per_epoch = run.detail.steps_per_epoch or 1
        for curve, key, split in _CURVES:
            series = record.curves.series(run.id, key, split)
            for step, value, attempt in zip(series.step.tolist(), series.value, series.attempt.tolist(), strict=True):
                at = _text(seconds.get(step))
                lines.append(
                    [run.id, run.name, curve, str(step), f"{step / per_epoch:.6g}", at, str(attempt), _text(value)]
                )
    return _csv(lines)


def curves_csv(runs: Sequence[Compared], statistic: MapStatistic) -> str:
    """A statistic of each run at its quoted epoch with its truth: means over maps, scatter of single maps, errors."""
    axis, value = statistic.axis.name, statistic.value.name
    head = ["experiment", "name", "epoch", "dataset", axis, f"{axis}_unit", f"{value}_unit", "generated"]
    lines = [[*head, "generated_error", "simulated", "simulated_error", "scatter", statistic.panel.below]]
    for run in runs:
        c = run.curves
        if c is None or run.drawn is None:
            continue
        units = [statistic.axis_unit(c.box_size), statistic.unit(c.box_size, not c.physical)]
        columns = [c.generated, c.generated_error, c.truth, c.truth_error, c.scatter, c.below()]
        for i, x in enumerate(c.x):
            values = ["" if column is None else _text(column[i]) for column in columns]
            about = [run.id, run.name, str(run.drawn.epoch), run.detail.summary.dataset]
            lines.append([*about, _text(x), *units, *values])
    return _csv(lines)


def matrix_csv(record: Record, drawn: Sequence[DrawnMaps]) -> str:
    """One line per map of the matrix: θ, seed, its mean, scatter and range, and the hash of the arrays that contain it.

    The seed is empty for a true map.
    """
    names = list(dict.fromkeys(p.name for maps in drawn for p in maps.space.parameters))
    head = ["experiment", "name", "epoch", "row", "kind", "seed", *names, "unit", "mean", "std", "min", "max", "arrays"]
    lines: list[list[str]] = [head]
    for maps in drawn:
        arrays = record.artifacts.arrays(maps.samples)
        for row, theta in enumerate(maps.frame.theta):
            values = dict(zip(maps.space.names, theta, strict=False))
            about = [maps.run.id, maps.run.name, str(maps.epoch), str(row + 1)]
            at = [_text(values.get(name)) for name in names]
            lines.append([*about, "simulated", "", *at, maps.unit, *_moments(arrays["real"][row]), maps.samples])
            for seed, map2d in zip(maps.frame.seeds[row], arrays["generated"][row], strict=True):
                lines.append([*about, "generated", str(seed), *at, maps.unit, *_moments(map2d), maps.samples])
    return _csv(lines)


def _moments(map2d: NDArray[Any]) -> list[str]:
    pixels = np.asarray(map2d, dtype=np.float64)
    return [_text(value) for value in (pixels.mean(), pixels.std(), pixels.min(), pixels.max())]


def _text(value: float | None) -> str:
    """All digits of the value: a file is not a picture."""
    return "" if value is None else repr(float(value))


def _csv(lines: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()
