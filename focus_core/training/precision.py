"""In which numbers a step is computed. Weights, their average, the optimiser and the loss stay in 32 bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from focus_core.config import ExperimentConfig
from focus_core.errors import UserError

Number = Literal["fp32", "bf16"]


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


def choose_precision(config: ExperimentConfig, device: torch.device, saved: dict[str, Any] | None = None) -> Precision:
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
    # A trial of a step decided otherwise from start to start when others used the processor: equal runs would differ.
    if device.type == "cpu" and _processor_has_bf16():
        return Precision("fp32", "equal on every processor; bf16 may be faster on this one")
    return Precision("fp32", "the device has no bf16")


def _processor_has_bf16() -> bool:
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16") or known.get("bf16"))
