"""Denoising diffusion on a schedule of T steps: ε- or v-prediction, plain or min-SNR weighted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from focus_core.catalogue.by_path import load
from focus_core.catalogue.noising import PREDICTIONS, PredictionName
from focus_core.catalogue.samplers import SAMPLERS
from focus_core.diffusion.gaussian import ForwardProcess
from focus_core.diffusion.guidance import Denoiser, guided
from focus_core.diffusion.method import Interval, Progress, Sampler, Start
from focus_core.diffusion.noise import MapNoise
from focus_core.diffusion.predictions import Prediction
from focus_core.diffusion.samplers import sample
from focus_core.diffusion.schedule import NoiseSchedule


@dataclass(frozen=True)
class DenoisingDiffusion:
    """x_t = √ᾱ_t x₀ + √(1 − ᾱ_t) ε at whole t = 0 … T − 1 (Ho et al. 2020, arXiv 2006.11239).

    `gamma` is that of min-SNR weighting (Hang et al. 2023, arXiv 2303.09556), None weighs all times alike.
    """

    schedule: NoiseSchedule
    process: ForwardProcess
    prediction: PredictionName = PREDICTIONS.first.name
    gamma: float | None = None

    @cached_property
    def predicted(self) -> Prediction:
        found: Prediction = load(PREDICTIONS[self.prediction].kind)
        return found

    @property
    def start(self) -> Start:
        return self.predicted.start

    def draw_times(self, n: int, device: torch.device) -> Tensor:
        return torch.randint(self.schedule.timesteps, (n,), device=device)

    def even_times(self, n: int) -> NDArray[Any]:
        """t_i = ⌊(i + ½) T/n⌋."""
        return ((2 * np.arange(n) + 1) * self.schedule.timesteps) // (2 * n)

    def loss(
        self, network: nn.Module, x0: Tensor, condition: Tensor, t: Tensor, eps: Tensor, drop: Tensor | None = None
    ) -> Tensor:
        """(ε − ε_θ)² (Ho et al. 2020, eq. 14) or (v − v_θ)², times the weight of t."""
        predicted = network(self.process.q_sample(x0, t, eps), t, condition, drop)
        target = self.predicted.target(self.process, x0, t, eps)
        error = (predicted - target).square().mean(dim=(1, 2, 3))
        return error if self.gamma is None else error * self.weight(t)

    def weight(self, t: Tensor) -> Tensor:
        """min(SNR, γ) as a weight of (x₀ − x̂₀)², in terms of ε or v (arXiv 2303.09556, section 3.4)."""
        snr = self.process.signal_to_noise(t)
        return snr.clamp(max=self.gamma) / self.predicted.signal(snr)

    def evaluations(self, sampler: Sampler) -> int:
        spec = SAMPLERS[sampler.method]
        return spec.expected_evaluations("diffusion", sampler.steps, self.schedule.timesteps)

    def sample(
        self,
        network: nn.Module,
        condition: Tensor,
        guidance: float,
        sampler: Sampler,
        noise: MapNoise,
        clamp: Interval | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        return sample(sampler, self._denoiser(network, condition, guidance), self.schedule, noise, clamp, progress)

    def state(self) -> dict[str, Any]:
        return {}

    def _denoiser(self, network: nn.Module, condition: Tensor, guidance: float) -> Denoiser:
        predict, noise = guided(network, condition, guidance), self.predicted.noise
        if noise is None:
            return predict
        return lambda x, t: noise(x, predict(x, t), self.schedule.alpha_bar_list[t])
