"""What there is to choose from: networks by name, and the samplers that fit each method. No torch.

Adding a network is its module and one line here; its name then appears in forms, files and error messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

# Name in `model.from` → "module:function", where function(model, periodic, start) → network.
NETWORKS: Mapping[str, str] = {
    "SimpleUNet": "focus_core.networks.simple_unet:build",
    "FlowUNet": "focus_core.networks.simple_unet:build",  # older files' name for the same layers in flow matching
    "ModernUNet": "focus_core.networks.modern_unet:build",
}

# A network that only some methods may use; any other serves every method.
ONLY_FOR: Mapping[str, tuple[str, ...]] = {"FlowUNet": ("flow",)}

Method = Literal["diffusion", "flow", "edm"]
METHODS: tuple[str, ...] = get_args(Method)

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


# Where a flow begins there is noise alone, ln σ is infinite, and steps cannot be even in it.
SPACINGS: Mapping[str, tuple[str, ...]] = {
    "diffusion": ("auto", "even", "quadratic", "log_snr", "karras"),
    "flow": ("auto", "even", "quadratic"),
    "edm": ("auto", "even", "quadratic", "log_snr", "karras"),
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
