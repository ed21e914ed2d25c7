"""What a run's loss is, by its method: losses of different kinds have no ratio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EPSILON = "MSE of <i>ε</i>"


def loss_words(config: Mapping[str, Any]) -> str:
    """For an axis, as plotly's HTML; a configuration from before there were several methods is of the first."""
    method, diffusion = config.get("method", "diffusion"), config.get("diffusion", {})
    if method == "flow":
        return "MSE of the velocity"
    if method == "edm":
        spectral = config.get("edm", {}).get("spectral", False)
        return "MSE of the Wiener residual" if spectral else "weighted MSE of <i>x</i>₀"
    words = "MSE of <i>v</i>" if diffusion.get("prediction") == "v" else EPSILON
    return f"weighted {words}" if diffusion.get("weighting", "none") != "none" else words
