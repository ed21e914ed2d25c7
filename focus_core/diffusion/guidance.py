"""From a conditional prediction to the guided one that a sampler needs (Ho & Salimans 2022, arXiv 2207.12598)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# ε, v, a flow's velocity or x̂₀ of maps x (B, c, N, N) that are all at the same time t.
Denoiser = Callable[[Tensor, int], Tensor]
Guided = Callable[[Tensor, float], Tensor]
# The same from (x, t (B,), condition (B, d), drop (B,) or None): a network, or a method's combination of one.
Predict = Callable[..., Tensor]


def guided(prediction: Predict, condition: Tensor, scale: float = 1.0) -> Guided:
    """ε = ε_u + s (ε_c − ε_u) at θ = `condition` (B, d), scaled to [−1, 1]; the same for any predicted quantity.

    s = 1 is the unbiased conditional model and costs one evaluation; another s needs both branches, in one batch.
    """

    def conditional(x: Tensor, t: float) -> Tensor:
        return prediction(x, torch.full((len(x),), t, device=x.device), condition)

    def both(x: Tensor, t: float) -> Tensor:
        times = torch.full((2 * len(x),), t, device=x.device)
        drop = torch.arange(2 * len(x), device=x.device) < len(x)
        eps_u, eps_c = prediction(torch.cat([x, x]), times, torch.cat([condition, condition]), drop).chunk(2)
        return eps_u + scale * (eps_c - eps_u)

    return conditional if scale == 1.0 else both
