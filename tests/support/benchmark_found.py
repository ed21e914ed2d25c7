"""The result of a benchmark of samplers, for pages that show it."""

from __future__ import annotations

from typing import Any


def found() -> dict[str, Any]:
    """As `focus benchmark samplers` writes it: two bands, DDIM too low at few evaluations and correct at many."""

    def case(sampler: str, name: str, evaluations: float, mean: list[float | None], good: bool) -> dict[str, Any]:
        scores = {"mean": mean, "mean_error": [0.04, 0.03], "scatter": [1.5, 0.8], "scatter_error": [0.1, 0.1]}
        return {
            "sampler": sampler, "line": sampler.upper(), "name": name, "evaluations": evaluations,
            "seconds_a_map": 0.012 * evaluations,
            "as_good": good, **scores,
        }  # fmt: skip

    return {
        "kind": "sampler_benchmark", "epoch": 3, "checkpoint_sha256": "c" * 64, "maps_each": 4, "simulations": 16,
        "bands": [{"label": "[2, 4) k_f", "low": 2, "high": 4}, {"label": "[4, 8] k_f", "low": 4, "high": 8}],
        "truth": "smoothed", "reference": "DDPM, 1000 steps", "cases_in_all": 3,
        "floor": {"mean": [0.94, 0.97], "mean_error": [0.05, 0.04], "scatter": [1, 1], "scatter_error": [0.1, 0.1]},
        "cases": [
            case("ddim", "DDIM, 50 steps", 50, [1.02, 0.96], True),
            case("ddim", "DDIM, 5 steps", 5, [0.40, None], False),
            case("ddpm", "DDPM, 1000 steps", 1000, [1.03, 1.01], True),
        ],
    }  # fmt: skip
