"""The report as plain values: summary.json, summary.csv, a table per statistic, and sentences."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from focus_core.catalogue.job_kinds.evaluation import EVALUATION
from focus_core.catalogue.statistics import QUOTED
from focus_core.evaluation.evaluating import Result
from focus_core.evaluation.over_prior import OverPrior
from focus_core.evaluation.scoring import Curve, Entry
from focus_core.statistics.verdict import Judgement, Verdict

SCHEMA = 1
SUMMARY, TABLE = "summary.json", "summary.csv"
Plain = dict[str, Any]


def summary_of(results: Sequence[Result], settings: Mapping[str, Any]) -> Plain:
    return {"statistics": [_statistic(result) for result in results], "settings": dict(settings), "schema": SCHEMA}


def finding_of(results: Sequence[Result], settings: Mapping[str, Any], prior: OverPrior | None = None) -> Plain:
    """The summary in words, with the data of the figures, as pages show it."""
    return {
        "kind": EVALUATION.name,
        **summary_of(results, settings),
        "headline": headline(results),
        "findings": [{"verdict": str(verdict), "sentence": sentence} for verdict, sentence in findings(results)],
        "rivals": beside_rivals(results),
        "over_prior": None if prior is None else prior.plain(),
        "left_out": {r.statistic.name: _left_out(r.outcome.entries) for r in results if r.outcome},
        "curves": {r.statistic.name: [_curve(c) for c in r.outcome.curves] for r in results if r.outcome},
    }


def to_json(summary: Plain) -> str:
    return json.dumps(summary, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def to_csv(results: Iterable[Result]) -> str:
    """One row per statistic, for the worst of its entries."""
    columns = ("name", "title", "value", "error", "floor", "level", "ideal", "verdict", "reason")
    plain = [_statistic(result) for result in results]
    return _csv(columns, ([each[name] for name in columns] for each in plain))


def entries_csv(result: Result) -> str:
    """One row per entry of one statistic."""
    columns = ("label", "value", "error", "floor", "level", "ideal", "verdict", "judged", "reason")
    entries = result.outcome.entries if result.outcome else ()
    return _csv(columns, ([_entry(entry)[name] for name in columns] for entry in entries))


def curves_csv(curves: Sequence[Curve]) -> str:
    """One row per point of the figure."""
    columns = ("curve", "axis", "unit", "at", "generated", "generated_error", "simulated", "simulated_error")
    rows = (
        [curve.title, curve.axis_title, curve.unit, *(f"{v:.8g}" for v in point)]
        for curve in curves
        for point in zip(
            curve.axis, curve.generated, curve.generated_error, curve.simulated, curve.simulated_error, strict=True
        )
    )
    return _csv(columns, rows)


def prior_csv(prior: OverPrior) -> str:
    """One row per θ and band: the ratio of mean P(k) with its error."""
    return _csv(*prior.rows())


def quoted_band(results: Sequence[Result], prior: OverPrior) -> int:
    """Index of the band in which mean P(k) is worst; otherwise of the first."""
    worst = next((worst_entry(result) for result in results if result.statistic == QUOTED), None)
    return prior.bands.index(worst.label) if worst is not None and worst.label in prior.bands else 0


def headline(results: Sequence[Result]) -> str:
    """The number of passes, in one sentence."""
    count = {verdict: sum(r.judgement.verdict is verdict for r in results) for verdict in Verdict}
    measured = len(results) - count[Verdict.NOT_MEASURED]
    if not measured:
        return "Nothing could be measured."
    words = f"{count[Verdict.PASS]} of {measured} measured statistics pass"
    others = [
        f"{count[verdict]} {word}"
        for verdict, word in ((Verdict.WARN, "near the limit"), (Verdict.FAIL, "fail"))
        if count[verdict]
    ]
    words += f", {' and '.join(others)}." if others else "."
    missing = count[Verdict.NOT_MEASURED]
    return words + (f" {missing} could not be measured." if missing else "")


def findings(results: Sequence[Result]) -> list[tuple[Verdict, str]]:
    """A sentence for each statistic that does not simply pass, the worst first."""
    order = list(Verdict)
    chosen = [r for r in results if r.judgement.verdict is not Verdict.PASS or r.judgement.reason]
    chosen.sort(key=lambda r: (order.index(r.judgement.verdict), -r.judgement.excess))
    return [(r.judgement.verdict, f"{r.statistic.title}: {reason_of(r)}") for r in chosen]


def passing(results: Sequence[Result]) -> str:
    """The statistics that pass, in words; empty if none does."""
    titles = [r.statistic.in_words for r in results if r.judgement.verdict is Verdict.PASS]
    return f"Within what is allowed: {', '.join(titles)}." if titles else ""


def beside_rivals(results: Sequence[Result]) -> str:
    """How many statistics each cheap rival fails, beside the maps themselves."""
    names = list(dict.fromkeys(name for r in results for name in r.rivals))
    if not names:
        return ""
    compared = [r for r in results if all(name in r.rivals for name in names)]
    own = sum(r.judgement.verdict is Verdict.FAIL for r in compared)
    others = [f"{name} {sum(r.rivals[name].verdict is Verdict.FAIL for r in compared)}" for name in names]
    return f"Of {len(compared)} statistics that rivals were scored by, these maps fail {own}, {' and '.join(others)}."


def reason_of(result: Result) -> str:
    """The reason for the verdict; empty for a simple pass."""
    judgement = result.judgement
    if judgement.reason or judgement.verdict is Verdict.PASS:
        return judgement.reason
    worst = worst_entry(result)
    where = f"{worst.label} is" if worst is not None else "it is"
    how = (
        "which deviates by more than the level and three times its uncertainty"
        if judgement.verdict is Verdict.FAIL
        else "which deviates by more than the level but not three times its uncertainty beyond it"
    )
    value = f"{number(judgement.value)} ± {number(_uncertainty(judgement))}"
    return f"{where} {value} where {judgement.ideal:g} is ideal, {how}."


def worst_entry(result: Result) -> Entry | None:
    """The entry that gave the verdict."""
    entries = result.outcome.entries if result.outcome else ()
    return next((entry for entry in entries if entry.judged and entry.judgement is result.judgement), None)


def number(value: float | None) -> str:
    """Three decimals, with a true minus; large numbers with three significant digits."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"
    return text.replace("-", "−")


def _uncertainty(judgement: Judgement) -> float:
    return math.hypot(judgement.error or 0.0, judgement.floor or 0.0)


def _statistic(result: Result) -> Plain:
    judgement, statistic = result.judgement, result.statistic
    worst = worst_entry(result)
    return {
        "name": statistic.name,
        "title": statistic.title,
        **_numbers(judgement),
        "reason": reason_of(result),
        "unit": statistic.unit,
        "worst": worst.label if worst else None,
        "note": result.outcome.note if result.outcome else "",
        "bands": [_entry(entry) for entry in result.outcome.entries] if result.outcome else [],
        "rivals": {name: _numbers(rival) for name, rival in result.rivals.items()},
    }


def _entry(entry: Entry) -> Plain:
    return {
        "label": entry.label,
        **_numbers(entry.judgement),
        "judged": entry.judged,
        "reason": entry.judgement.reason,
    }


def _left_out(entries: Iterable[Entry]) -> Plain:
    """By the labels of numbers, the same without each simulation in turn: two evaluations have these in common."""
    return {
        entry.label: [_rounded(float(value)) for value in entry.left_out]
        for entry in entries
        if entry.left_out is not None
    }


def _curve(curve: Curve) -> Plain:
    """Numbers that are not finite are null."""
    plain = {
        name: [_rounded(float(value)) for value in np.ravel(values)]
        for name, values in vars(curve).items()
        if isinstance(values, np.ndarray)
    }
    return {
        **plain,
        "title": curve.title,
        "axis_title": curve.axis_title,
        "unit": curve.unit,
        "logarithmic": curve.logarithmic,
    }


def _numbers(judgement: Judgement) -> Plain:
    return {
        "value": _rounded(judgement.value),
        "error": _rounded(judgement.error),
        "floor": _rounded(judgement.floor),
        "level": judgement.level,
        "ideal": judgement.ideal,
        "verdict": str(judgement.verdict),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return text.getvalue()
