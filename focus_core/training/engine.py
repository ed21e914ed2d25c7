"""What one step moves: the network, its moving average and the optimiser; how it is done, not what is learned."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from focus_core.config import ExperimentConfig
from focus_core.diffusion.method import Method
from focus_core.training.checkpoint import load_weights
from focus_core.training.ema import MovingAverage


class Step(NamedTuple):
    """Both on the device: whoever reads them waits for it."""

    loss: Tensor
    gradient_norm: Tensor


class Engine:
    """Owns every tensor that a step changes. `network` and `average` are the bare modules, whatever runs them."""

    def __init__(self, config: ExperimentConfig, network: nn.Module, method: Method, device: torch.device) -> None:
        self._training, self._method, self.device = config.training, method, device
        self.network = network.to(device)
        self.average = MovingAverage(self.network, config.training.ema_decay)
        self.optimizer = make_optimizer(config, self.network)

    def step(self, x0: Tensor, condition: Tensor, rate: float, number: int) -> Step:
        """Optimiser step `number` (from 1): noise ε at a random time, θ now and then dropped."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        t = self._method.draw_times(len(x0), self.device)
        eps = torch.randn_like(x0)
        drop = torch.rand(len(x0), device=self.device) < self._training.cfg_prob
        loss = self._method.loss(self.network, x0, condition, t, eps, drop).mean()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self._training.gradient_clip or math.inf)
        self.optimizer.step()
        self.average.update(self.network, number)
        return Step(loss.detach(), norm)

    @property
    def rate(self) -> float:
        """The learning rate of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def state(self) -> dict[str, Any]:
        return {
            "model": self.network.state_dict(),
            "ema": self.average.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state(self, state: dict[str, Any], source: Path) -> None:
        """Take over a checkpoint's tensors; UserError that names `source` if they are those of another network."""
        load_weights(self.network, state["model"], source)
        load_weights(self.average.network, state["ema"], source)
        self.optimizer.load_state_dict(state["optimizer"])


def make_optimizer(config: ExperimentConfig, network: nn.Module) -> torch.optim.Optimizer:
    training = config.training
    if training.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), lr=training.lr, fused=True)
    return torch.optim.AdamW(network.parameters(), lr=training.lr, weight_decay=training.weight_decay, fused=True)
