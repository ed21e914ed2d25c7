"""The output of a network of denoising diffusion: the noise ε in a map, or its velocity v."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from focus_core.diffusion.gaussian import ForwardProcess, eps_from_v
from focus_core.diffusion.method import Start


@dataclass(frozen=True)
class Prediction:
    """`target(process, x0, t, eps)` is what is learned; `noise(x, predicted, ᾱ)` converts it to ε; None: it is ε.

    (x₀ − x̂₀)² is the squared error of the prediction over `signal(SNR)` (arXiv 2303.09556, section 3.4).
    """

    start: Start
    target: Callable[[ForwardProcess, Tensor, Tensor, Tensor], Tensor]
    signal: Callable[[Tensor], Tensor]
    noise: Callable[[Tensor, Tensor, float], Tensor] | None = None


NOISE = Prediction("input", lambda process, x0, t, eps: eps, signal=lambda snr: snr)
VELOCITY = Prediction(
    "zero",
    lambda process, x0, t, eps: process.velocity(x0, t, eps),
    signal=lambda snr: snr + 1.0,
    noise=lambda x, v, alpha_bar: eps_from_v(x, v, alpha_bar),
)
