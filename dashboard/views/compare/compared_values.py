"""The table of measured values: rows of the comparison, with ratios to a baseline and the best value marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.charts.loss_words import loss_words
from dashboard.look.words import (
    UNCOUNTED,
    count,
    duration,
    estimated_from,
    number,
    per_cent,
    signed_with_error,
    size,
    with_error,
)
from dashboard.views.compare.comparison import Compared, all_comparable, comparable
from focus_core.config.experiment import recorded_config

POWER_ERROR = "P(k) error, mean of bands"  # in files and as a name; the table adds what it was measured on
EVALUATED = "mean P(k), worst band, evaluated"
NOT_MEASURED = "not measured"
_REMARKS = "experiment."  # names and dates differ by design and do not affect the result


@dataclass(frozen=True)
class Measure:
    """One row. `values` are plain numbers in `unit`, None where nothing was measured; `texts` are formatted values.

    `ratios` are to the baseline's value (of magnitudes, for signed errors), None where they have no meaning.
    """

    label: str  # our own HTML
    plain: str  # the same in plain text, for files
    unit: str
    values: tuple[float | None, ...]
    texts: tuple[str, ...]
    ratios: tuple[float | None, ...]
    best: frozenset[int]


@dataclass(frozen=True)
class Setting:
    """A row of the configuration whose values are not all equal; `differs` marks those unlike the baseline's."""

    key: str
    texts: tuple[str, ...]
    differs: tuple[bool, ...]


def measures(runs: Sequence[Compared], baseline: int) -> list[Measure]:
    """Every row, in the order of the table. `baseline` is the index of the run that ratios refer to."""
    of_data = [comparable(run, runs[baseline]) for run in runs]
    rankable = all_comparable(runs)
    kinds = [loss_words(run.detail.config) for run in runs]
    of_loss = [mine and kind == kinds[baseline] for mine, kind in zip(of_data, kinds, strict=True)]

    def row(
        label: str,
        unit: str,
        value: Callable[[Compared], float | None],
        text: Callable[[float], str],
        prefer: int = 0,
        plain: str | None = None,
        quality: bool = False,
        loss: bool = False,
        error: Callable[[Compared], float | None] | None = None,
        ratio: bool = True,
    ) -> Measure:
        values = tuple(value(run) for run in runs)
        errors = None if error is None else tuple(error(run) for run in runs)
        ratios = _ratios(values, baseline, of_loss if loss else of_data if quality else [ratio] * len(runs))
        ranked = (rankable or not (quality or loss)) and (len(set(kinds)) == 1 or not loss)
        best = _best(values, prefer, errors) if ranked else frozenset()
        texts = tuple(
            NOT_MEASURED if v is None else text(v) if errors is None else _with_error(v, e, signed=text is _signed)
            for v, e in zip(values, errors or [None] * len(runs), strict=True)
        )
        return Measure(label, plain or label, unit, values, texts, ratios, best)

    rows = [
        row("Base channels", "", _setting("model.base_channels"), _whole),
        row("Parameters", "", lambda run: run.detail.summary.parameters, _whole),
        row("Batch size", "maps", _setting("training.batch_size"), _whole),
        row("Peak memory", "B", lambda run: run.detail.peak_memory_bytes, lambda v: str(size(v)), -1),
        row("Speed [images/s]", "images/s", lambda run: run.detail.summary.images_per_second, number, 1, "Speed"),
        row("Best validation loss", "", lambda run: run.detail.summary.best_val_loss, _loss, -1, loss=True),
        row(
            f"<i>P</i>(<i>k</i>) error, mean of bands, {_error_is_of(runs)}", "",
            lambda run: run.drawn.power_error if run.drawn else None,
            lambda v: str(per_cent(v)), -1, POWER_ERROR, quality=True, error=lambda run: run.uncertainty,
        ),
    ]  # fmt: skip
    rows += [
        row(
            _band_label(low, high, runs, html=True), "", _band(low, high), _signed, -1,
            _band_label(low, high, runs, html=False), quality=True, error=_band_error(low, high),
        )
        for low, high in dict.fromkeys((band.low, band.high) for run in runs for band in run.bands)
    ]  # fmt: skip
    if any(run.evaluation for run in runs):
        rows.append(
            row(
                "Mean <i>P</i>(<i>k</i>), worst band, evaluated", "", _deviation, _signed, 0, EVALUATED,
                error=lambda run: run.evaluation.error if run.evaluation else None, ratio=False,
            )
        )  # fmt: skip
    rows.append(
        row("Training time", "s", lambda run: run.detail.summary.seconds_trained or None, lambda v: str(duration(v)))
    )
    rows.append(row("Epochs done", "", lambda run: float(run.detail.summary.epoch), _whole))
    return rows


def differing_settings(runs: Sequence[Compared], baseline: int) -> tuple[list[Setting], int]:
    """Settings that are not equal in all runs, and the total number of settings."""
    flats: list[Mapping[str, Any]] = [recorded_config(run.detail.config).flat() for run in runs]
    keys = [key for key in dict.fromkeys(key for flat in flats for key in flat) if not key.startswith(_REMARKS)]
    rows = []
    for key in keys:
        texts = tuple(_setting_text(flat.get(key)) for flat in flats)
        if len(set(texts)) > 1:
            rows.append(Setting(key, texts, tuple(text != texts[baseline] for text in texts)))
    return rows, len(keys)


def _setting_text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _setting(key: str) -> Callable[[Compared], float | None]:
    section, name = key.split(".")

    def value(run: Compared) -> float | None:
        found = run.detail.config.get(section, {}).get(name)
        return None if found is None else float(found)

    return value


def _deviation(run: Compared) -> float | None:
    return None if run.evaluation is None else run.evaluation.deviation


def _band(low: int, high: int) -> Callable[[Compared], float | None]:
    return lambda run: next((b.error for b in run.bands if (b.low, b.high) == (low, high)), None)


def _band_error(low: int, high: int) -> Callable[[Compared], float | None]:
    return lambda run: next((b.uncertainty for b in run.bands if (b.low, b.high) == (low, high)), None)


def _error_is_of(runs: Sequence[Compared]) -> str:
    """ "estimate from 12 maps of 4 simulations", if the counts are equal for all."""
    counts = {(run.measured.n_maps, run.measured.n_simulations) for run in runs if run.measured}
    if not counts and any(run.drawn for run in runs):
        return UNCOUNTED
    return estimated_from(*counts.pop()) if len(counts) == 1 else "estimate from the maps of one epoch each"


def _with_error(value: float, error: float | None, *, signed: bool) -> str:
    """ "+35 ± 4.1 %", "12 ± 3.0 %"."""
    return str(signed_with_error(value, error) if signed else with_error(abs(value), error))


def _band_label(low: int, high: int, runs: Sequence[Compared], *, html: bool) -> str:
    """In h/Mpc if all boxes have one size, otherwise in units of each run's own k_f."""
    boxes = {run.detail.box_size for run in runs if run.bands}
    box = next(iter(boxes)) if len(boxes) == 1 else None
    p, k_f, unit = ("<i>P</i>(<i>k</i>)", "<i>k</i><sub>f</sub>", "<i>h</i>/Mpc") if html else ("P(k)", "k_f", "h/Mpc")
    if box is None:
        return f"{p} error, {low}–{high} {k_f}"
    return f"{p} error, {2 * math.pi * low / box:.2f}–{2 * math.pi * high / box:.2f} {unit}"


def _ratios(values: Sequence[float | None], baseline: int, allowed: Sequence[bool]) -> tuple[float | None, ...]:
    reference = values[baseline]
    if not reference:
        return (None,) * len(values)
    return tuple(
        abs(value / reference) if value is not None and ok and i != baseline else None
        for i, (value, ok) in enumerate(zip(values, allowed, strict=True))
    )


def _best(values: Sequence[float | None], prefer: int, errors: Sequence[float | None] | None = None) -> frozenset[int]:
    """Indices of the smallest magnitude (`prefer` −1) or the largest (1); none if all are equal or there is only one.

    A run is best only if it leads every other one by more than the standard error of their difference, and no run is
    best if one of these errors is unknown. Without `errors` the values have none.
    """
    known = {i: prefer * abs(value) for i, value in enumerate(values) if value is not None}
    if prefer == 0 or len(known) < 2 or len(set(known.values())) == 1:
        return frozenset()
    top = max(known.values())
    winners = frozenset(i for i, value in known.items() if value == top)
    if errors is not None and any(_cannot_be_told(known, errors, i, winners) for i in known.keys() - winners):
        return frozenset()
    return winners


def _cannot_be_told(
    known: Mapping[int, float], errors: Sequence[float | None], other: int, winners: frozenset[int]
) -> bool:
    theirs, ours = errors[other], [errors[i] for i in winners]
    if theirs is None or None in ours:
        return True
    spread = max(math.hypot(theirs, error or 0.0) for error in ours)
    return max(known[i] for i in winners) - known[other] <= spread


def _whole(value: float) -> str:
    return count(int(value))


def _loss(value: float) -> str:
    return number(value, 4)


def _signed(value: float) -> str:
    """ "+35 %", "−4.0 %"; power too high by a factor of ten or more as a ratio, "×13.9"."""
    text = str(per_cent(abs(value)))
    return text if text.startswith("×") else f"{'+' if value >= 0 else '−'}{text}"
