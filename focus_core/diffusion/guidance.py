"""From a conditional network to the ε(x, t) that a sampler asks for (Ho & Salimans 2022, arXiv 2207.12598)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

# ε of maps x (B, c, N, N) that all stand at the same time t.
Denoiser = Callable[[Tensor, int], Tensor]


def guided(network: nn.Module, condition: Tensor, scale: float = 1.0) -> Denoiser:
    """ε = ε_u + s (ε_c − ε_u) at θ = `condition` (B, d), scaled to [−1, 1].

    s = 1 is the unbiased conditional model and costs one evaluation; another s needs both branches, in one batch.
    """

    def conditional(x: Tensor, t: int) -> Tensor:
        predicted: Tensor = network(x, torch.full((len(x),), t, device=x.device), condition)
        return predicted

    def both(x: Tensor, t: int) -> Tensor:
        times = torch.full((2 * len(x),), t, device=x.device)
        drop = torch.arange(2 * len(x), device=x.device) < len(x)
        eps_u, eps_c = network(torch.cat([x, x]), times, torch.cat([condition, condition]), drop).chunk(2)
        guided_eps: Tensor = eps_u + scale * (eps_c - eps_u)
        return guided_eps

    return conditional if scale == 1.0 else both
