"""The exponential moving average (EMA) of the weights, which is used for validation and sampling."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class MovingAverage:
    """A second network whose weights follow those of the first. A decay of 0 keeps them equal."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """After optimiser step number `step` (from 1). The decay grows as min(d, (1 + t)/(10 + t))."""
        decay = min(self._decay, (1 + step) / (10 + step))
        averaged: list[Tensor] = list(self.network.parameters())
        followed: list[Tensor] = list(network.parameters())
        torch._foreach_lerp_(averaged, followed, 1.0 - decay)
