"""Results of a benchmark of samplers: as a plain object (result.json), as CSV, and as a text table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from focus_core.sampling.from_run import LoadedRun
from focus_core.sampling.sampler_benchmark import Case, Finished, reference_of
from focus_core.statistics.held_out import SMOOTHED, HeldOut, Scores, as_list

Plain = dict[str, Any]


def report(run: LoadedRun, truth: HeldOut, finished: Sequence[Finished], n_cases: int, seed: int) -> Plain:
    """All content of pages and figures. Ratios are generated over true; bands are in units of k_f."""
    reference, floor = reference_of(finished), truth.floor()
    return {
        "kind": "sampler_benchmark",
        "run": run.config.experiment.name,
        "method": run.config.method,
        "epoch": run.epoch,
        "weights": run.weights,
        "checkpoint_sha256": run.checkpoint_sha256,
        "seed": seed,
        "grid": truth.grid,
        "unit": truth.unit,
        "bands": [{"label": f"{band.label} k_f", "low": band.low, "high": band.high} for band in truth.bands],
        "simulations": len(truth.theta),
        "maps_each": finished[0].moments.n_maps if finished else None,
        "true_maps_each": truth.own.n_maps,
        "truth": truth.kind,
        "truth_error": as_list(truth.truth_error),
        "floor": _scores(floor),
        "reference": None if reference is None else name_of(reference.case),
        "cases_in_all": n_cases,
        "cases": [_case(truth, done, reference) for done in finished],
    }


def _case(truth: HeldOut, done: Finished, reference: Finished | None) -> Plain:
    sampler, scores = done.case.sampler, truth.score(done.moments)
    adaptive = sampler.spec.chooses_steps
    n = len(truth.theta) * done.moments.n_maps
    plain = {
        "sampler": sampler.method,
        "line": done.case.line,
        "name": name_of(done.case),
        "steps": None if adaptive else sampler.steps,
        "tolerance": sampler.tolerance if adaptive else None,
        "evaluations": float(f"{done.evaluations:.4g}"),
        "seconds_a_map": float(f"{done.seconds / n:.3g}"),
        **_scores(scores),
    }
    if reference is not None:
        beside = truth.compare(done.moments, reference.moments)
        plain["to_reference"] = _scores(beside)
        plain["as_good"] = as_good(scores, truth.score(reference.moments), beside)
    return plain


def as_good(found: Scores, reference: Scores, beside: Scores) -> bool:
    """No farther from the truth than the reference in any band, mean and scatter, up to one error of their ratio."""
    pairs = (
        (found.mean, reference.mean, beside.mean_error),
        (found.scatter, reference.scatter, beside.scatter_error),
    )
    return all(
        bool(np.all(np.abs(mine - 1.0) <= np.abs(theirs - 1.0) + error * theirs)) for mine, theirs, error in pairs
    )


def name_of(case: Case) -> str:
    """ "DDIM, 50 steps", "adaptive ODE, tolerance 0.01"."""
    title, sampler = case.line, case.sampler
    if sampler.spec.chooses_steps:
        return f"{title}, tolerance {sampler.tolerance:g}"
    return f"{title}, {sampler.steps} step{'' if sampler.steps == 1 else 's'}"


def _scores(scores: Scores) -> Plain:
    return {name: as_list(getattr(scores, name)) for name in ("mean", "mean_error", "scatter", "scatter_error")}


def to_json(found: Plain) -> str:
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


_COLUMNS = ("mean", "mean_error", "scatter", "scatter_error")


def to_csv(found: Plain) -> str:
    """One row per case and band: ratios generated/true with their errors, band edges in k_f, seconds per map."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    beside = [f"{column}_to_reference" for column in _COLUMNS]
    labels = ["sampler", "steps", "tolerance", "evaluations", "seconds_a_map", "band_low", "band_high"]
    writer.writerow([*labels, *_COLUMNS, *beside])
    for case in found["cases"]:
        about = [case[name] for name in ("sampler", "steps", "tolerance", "evaluations", "seconds_a_map")]
        for number, band in enumerate(found["bands"]):
            values = [case[column][number] for column in _COLUMNS]
            values += [case["to_reference"][column][number] for column in _COLUMNS]
            writer.writerow([*about, band["low"], band["high"], *values])
    return text.getvalue()


def to_text(found: Plain) -> str:
    """Two tables, of the mean and of the scatter, with the floor under them."""
    truth = "the smoothed truth" if found["truth"] == SMOOTHED else "that of the held-out simulations"
    lines = [
        f"{found['run']}: epoch {found['epoch']}, {found['weights']} weights, checkpoint "
        f"{found['checkpoint_sha256'][:12]}; {found['maps_each']} maps at each of {found['simulations']} held-out θ"
    ]
    for key, title in (("mean", f"mean P(k) / {truth}"), ("scatter", "scatter of P(k) / that of the simulations")):
        names = "".join(f"{band['label']:>18}" for band in found["bands"])
        lines += ["", f"{title:42}{'evaluations':>12}{'s a map':>10}{names}"]
        for case in found["cases"]:
            cells = _cells(case[key], case[f"{key}_error"])
            mark = "  =" if case.get("as_good") else ""
            lines.append(f"{case['name']:42}{case['evaluations']:>12g}{case['seconds_a_map']:>10.3g}{cells}{mark}")
        values = found["floor"][key] if key == "mean" else [None] * len(found["bands"])
        words = "held-out simulations, scored the same way" if key == "mean" else "error of the simulations' scatter"
        lines.append(f"{words:64}{_cells(values, found['floor'][f'{key}_error'])}")
    if found["truth"] == SMOOTHED:
        lines.append(f"{'error of the smoothed truth':64}{_cells([None] * len(found['bands']), found['truth_error'])}")
    lines.append(f"=: in every band as near to the truth as {found['reference']}, mean and scatter, within the errors")
    return "\n".join(lines)


def _cells(values: Sequence[float | None], errors: Sequence[float | None]) -> str:
    return "".join(
        f"{'' if value is None else format(value, '10.3f'):>10} ± {0.0 if error is None else error:5.3f}"
        for value, error in zip(values, errors, strict=True)
    )
