"""Samplers by name: which method each draws from, and how many evaluations of the network it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

# The first of each method is what a configuration without `sampling.method` gets.
SAMPLERS: Mapping[str, tuple[str, ...]] = {
    "diffusion": ("ddim", "ddpm", "heun", "dpmpp_2m"),
    "flow": ("heun", "euler", "adaptive"),
    "edm": ("heun", "dpmpp_2m", "euler", "adaptive"),
}
SamplerName = Literal["ddpm", "ddim", "heun", "dpmpp_2m", "euler", "adaptive"]

SAMPLER_TITLES: Mapping[str, str] = {
    "ddpm": "DDPM",
    "ddim": "DDIM",
    "heun": "Heun",
    "dpmpp_2m": "DPM-Solver++(2M)",
    "euler": "Euler",
    "adaptive": "adaptive ODE",
}

# More than any sampler gains from; the times of all steps are a list in memory before the first is taken.
MOST_STEPS = 10_000


def most_steps(method: str, sampler: str, timesteps: int) -> int:
    """A sampler of method diffusion takes each step of the schedule's `timesteps` once at most."""
    if method != "diffusion":
        return MOST_STEPS
    return timesteps if sampler in ("ddim", "ddpm") else min(timesteps, MOST_STEPS)


def evaluations(method: str, sampler: str, steps: int, timesteps: int) -> int | None:
    """Network evaluations of one map (one branch); None where the solver itself decides."""
    if sampler == "adaptive":
        return None
    if sampler == "heun":
        # Where noise levels end at zero, the last step has a single slope.
        return 2 * steps - (0 if method == "flow" else 1)
    return timesteps if sampler == "ddpm" else steps
