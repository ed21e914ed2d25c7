"""The result of an evaluation, for pages that show it."""

from __future__ import annotations

import json
from typing import Any

from focus_store.record.record import Record

# For eight simulations: how a number changes without each in turn.
LEFT_OUT = (0.004, -0.003, 0.001, -0.002, 0.0, 0.002, -0.001, -0.001)


def evaluation(mean: float = 1.012, **settings: Any) -> dict[str, Any]:
    """As `focus evaluate` writes it: one statistic that passes, one that fails, one that was not measured.

    `mean` is the ratio of mean P(k), of a single band.
    """

    def statistic(name: str, title: str, value: float | None, verdict: str, reason: str) -> dict[str, Any]:
        error, floor = (None, None) if value is None else (0.01, 0.004)
        numbers = {"value": value, "error": error, "floor": floor, "level": 0.05, "ideal": 1.0, "verdict": verdict}
        band = {"label": "[4, 8) k_f", **numbers, "judged": True, "reason": ""}
        return {
            "name": name, "title": title, **numbers, "reason": reason, "unit": "generated / simulated",
            "worst": None if value is None else band["label"], "note": "", "bands": [] if value is None else [band],
            "rivals": {},
        }  # fmt: skip

    curve = {
        "title": "P(k)", "axis_title": "k [h/Mpc]", "unit": "(Mpc/h)²", "logarithmic": True,
        "axis": [0.2, 0.4, 0.8], "generated": [9.0, 4.0, None], "generated_error": [0.5, 0.2, None],
        "simulated": [10.0, 4.2, 1.0], "simulated_error": [0.4, 0.1, 0.02], "scatter": [0.3, 0.2, 0.1],
    }  # fmt: skip
    return {
        "kind": "evaluation", "schema": 1,
        "headline": "1 of 2 measured statistics pass, 1 fail. 1 could not be measured.", "rivals": "", "findings": [],
        "statistics": [
            statistic("power_mean", "Mean power spectrum", mean, "pass", ""),
            statistic("pdf", "One-point distribution", 1.4, "fail", "the tail is <b>too</b> bright"),
            statistic("calibration", "Calibration", None, "not measured", "needs 200 training simulations"),
        ],
        "left_out": {"power_mean": {"[4, 8) k_f": [mean + apart for apart in LEFT_OUT]}},
        "over_prior": {
            "parameters": [{"name": "Omega_m", "symbol": "Ωm"}, {"name": "sigma_8", "symbol": "σ8"}],
            "theta": [[0.2, 0.7], [0.3, 0.8], [0.4, 0.9]], "bands": ["[2, 4) k_f", "[4, 8) k_f"],
            "ratio": [[1.0, 0.9], [1.1, 1.0], [1.2, 1.3]], "error": [[0.1, 0.05], [0.1, 0.05], [0.1, None]],
        },
        "curves": {"power_mean": [curve], "pdf": [{**curve, "title": "PDF", "logarithmic": False, "scatter": None}]},
        "settings": {
            "checkpoint_sha256": "c" * 64, "epoch": 3, "maps": 24, "simulations": 8,
            "split_in_words": "at 8 of 8 θ of the part test", "split": "test", "data_digest": "sha256:quick",
            "theta": "0123456789abcdef", "seeds": {"maps": 0, "evaluation": 0}, "reference_simulations": 12, **settings,
        },
    }  # fmt: skip


def note_evaluation(record: Record, experiment: str, found: dict[str, Any] | None = None) -> dict[str, str]:
    """Store it in the record, as a worker does; returns digests by the names of the files."""
    put = record.artifacts.put
    files = {
        "evaluation.json": put(json.dumps(found or evaluation()).encode(), ".json"),
        "report.html": put(b"<html>", ".html"),
    }
    record.findings.note("evaluation", experiment, files, "train-1")
    return {name: file.digest for name, file in files.items()}
