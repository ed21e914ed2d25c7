"""Methods by name: what a network learns, and where the steps of its samplers may lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Method = Literal["diffusion", "flow", "edm"]
METHODS: tuple[str, ...] = get_args(Method)

# Where a flow begins there is noise alone, ln σ is infinite, and steps cannot be even in it.
SPACINGS: Mapping[str, tuple[str, ...]] = {
    "diffusion": ("auto", "even", "quadratic", "log_snr", "karras"),
    "flow": ("auto", "even", "quadratic"),
    "edm": ("auto", "even", "quadratic", "log_snr", "karras"),
}
