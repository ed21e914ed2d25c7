"""In which numbers a step is computed. Weights, their average, the optimiser and the loss stay in 32 bits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from focus_core.config import ExperimentConfig
from focus_core.errors import UserError
from focus_core.estimate import estimate

Number = Literal["fp32", "bf16"]

# A trial on a processor, in operations: as many maps of a batch as this allows, smaller ones if it allows not even one,
# so that it ends in seconds; a step below the least work is spent on calls rather than on numbers, and none is tried.
_MOST_WORK, _LEAST_WORK = 6e10, 1e9
# bf16 must gain this much: its rounding is not for nothing, and equal runs should choose alike. Networks of 64 channels
# gained 1.5 to 1.7 on a processor with avx512_bf16, the quickstart's of 16 channels 1.1 to 1.2.
_GAIN = 1.4
_TRIALS = 3


@dataclass(frozen=True)
class Precision:
    """`reason` is how it came to be chosen, for the log."""

    number: Number
    reason: str

    def run(self, network: Callable[..., Tensor], x: Tensor, *arguments: Tensor | None) -> Tensor:
        """The network's answer in 32 bits, however it was computed."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.number == "bf16"):
            answer = network(x, *arguments)
        return answer.float()


def choose_precision(
    config: ExperimentConfig, network: nn.Module, device: torch.device, grid: int, saved: dict[str, Any] | None = None
) -> Precision:
    """What `training.precision` asks for; `auto` is bf16 where this device gains from it.

    `saved` is what an earlier start of this run chose: on the same kind of device the choice is never made again, so
    that a resumed training computes as one that never stopped.
    """
    asked = config.training.precision
    if asked == "bf16" and device.type == "mps":
        raise UserError("training.precision: bf16 is for CUDA and processors, not for mps; use auto.")
    if asked != "auto":
        return Precision(asked, "as configured")
    if saved is not None and saved["device"] == device.type:
        return Precision(saved["precision"], "as this run began")
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision("bf16", "the GPU computes in it")
        return Precision("fp32", "the GPU has no bf16")
    if device.type != "cpu" or not _processor_has_bf16():
        return Precision("fp32", f"the {'processor' if device.type == 'cpu' else 'device'} has no bf16")
    return _tried(config, network, grid)


def _processor_has_bf16() -> bool:
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16") or known.get("bf16"))


def _tried(config: ExperimentConfig, network: nn.Module, grid: int) -> Precision:
    """Forward and backward in both, in turn; the least of this process's own time, for others may use the processor."""
    stages = len(config.model.channel_mults)
    if estimate(config, grid).flops_per_image * config.training.batch_size < _LEAST_WORK:
        return Precision("fp32", "a step is too small to gain")
    while estimate(config, grid).flops_per_image > _MOST_WORK:
        if grid % 2 ** (stages + 1):
            return Precision("fp32", "not tried: a trial of this network would take too long")
        grid //= 2
    n = min(config.training.batch_size, int(_MOST_WORK // estimate(config, grid).flops_per_image))
    x = torch.linspace(-1.0, 1.0, grid**2).reshape(1, 1, grid, grid).repeat(n, config.model.in_channels, 1, 1)
    t, condition = torch.full((n,), 500.0), torch.zeros(n, config.model.cond_dim)
    least = {"fp32": float("inf"), "bf16": float("inf")}
    for _ in range(_TRIALS):
        for number in ("fp32", "bf16"):
            began = time.process_time()
            Precision(number, "").run(network, x, t, condition, None).square().mean().backward()
            least[number] = min(least[number], time.process_time() - began)
    network.zero_grad(set_to_none=True)
    gain = least["fp32"] / least["bf16"]
    return Precision("bf16" if gain >= _GAIN else "fp32", f"bf16 was {gain:.2f} times as fast in a trial")
