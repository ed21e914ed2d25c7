"""The precision of a step. Weights, their average, the optimiser and the loss stay in 32 bits."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from focus_core.config.experiment import ExperimentConfig
from focus_core.errors import UserError
from focus_core.training.device import one_thread

Number = Literal["fp32", "bf16"]

# Networks narrower than this hardly gain on a processor: it is not tested. If it is tested and gains, the log says so.
_WIDE, _GAIN = 64, 1.2
_TRIALS = 7


@dataclass(frozen=True)
class Precision:
    """`reason` explains the choice, for the log."""

    number: Number
    reason: str

    def run(self, network: Callable[..., Tensor], x: Tensor, *arguments: Tensor | None) -> Tensor:
        """The network's output in 32 bits, however it was computed."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.number == "bf16"):
            answer = network(x, *arguments)
        return answer.float()


def choose_precision(config: ExperimentConfig, device: torch.device, saved: dict[str, Any] | None = None) -> Precision:
    """The choice of `training.precision`; `auto` is bf16 on a GPU that supports it, otherwise 32 bits.

    `saved` is the choice of an earlier start of this run: on the same kind of device the choice is kept, so
    that a resumed run computes as one that never stopped.
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
    # One configuration gives the same training run on every processor, with the memory estimated by `focus describe`.
    return Precision("fp32", _hint(config) if device.type == "cpu" else "the device has no bf16")


def _hint(config: ExperimentConfig) -> str:
    """Whether this processor would be faster in bf16, measured if that is possible."""
    if not _processor_has_bf16():
        return "the processor has no bf16"
    if config.model.base_channels < _WIDE:
        return f"equal on every processor; below {_WIDE} channels bf16 gains little"
    gain = gain_from_bf16()
    measured = f"equal on every processor; convolutions in bf16 were {gain:.1f} times as fast on this one"
    return measured + (": training.precision: bf16 uses them" if gain >= _GAIN else "")


def _processor_has_bf16() -> bool:
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16") or known.get("bf16"))


@functools.cache
def gain_from_bf16() -> float:
    """Time of a convolution in 32 bits over that in bf16, both passes, on a processor; measured once per process."""
    with one_thread():
        times = [(_convolution_time("fp32"), _convolution_time("bf16")) for _ in range(_TRIALS)]
    in_32_bits, in_bf16 = (min(each) for each in zip(*times, strict=True))
    return in_32_bits / in_bf16


def _convolution_time(number: Number) -> float:
    """Seconds of this thread for one convolution of 128 channels at 32², both passes."""
    # No random numbers: they would be drawn from the run's own generator.
    x = torch.linspace(-1.0, 1.0, 4 * 128 * 32 * 32).reshape(4, 128, 32, 32).requires_grad_()
    weight = torch.linspace(-1.0, 1.0, 128 * 128 * 9).reshape(128, 128, 3, 3).requires_grad_()
    began = time.thread_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=number == "bf16"):
        answer = functional.conv2d(x, weight, padding=1)
    torch.autograd.grad(answer.float().sum(), (x, weight))
    return time.thread_time() - began
