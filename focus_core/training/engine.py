"""The state that a step changes: network, moving average and optimiser; how a step is done, not what is learned."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from focus_core.config.experiment import ExperimentConfig
from focus_core.diffusion.method import Method
from focus_core.errors import UserError
from focus_core.networks.layers import laid_out, recompute_blocks
from focus_core.training.checkpoint import load_weights
from focus_core.training.ema import MovingAverage
from focus_core.training.optimizers import make_optimizer
from focus_core.training.precision import Precision, choose_precision
from focus_core.training.ranks import ALONE, Ranks
from focus_core.training.run_folder import log

# Base channels up to which channels last is faster on a processor.
_NARROW = 32
# For CUDA. torch uses channels last only where it expects a gain, which it does not for a U-Net; and it stores an
# intermediate map if more than a few values are read per pixel, while reading them again costs less: the
# 146 M network moved 17.0 GB for four maps of 256², forwards and back, and moves 12.6 GB with these.
_CUDA_OPTIONS = {"force_layout_optimization": True, "realize_reads_threshold": 24, "realize_opcount_threshold": 200}


class Step(NamedTuple):
    """Both on the device: reading them waits for it."""

    loss: Tensor
    gradient_norm: Tensor


class Runner(nn.Module):
    """The network as a step runs it: in its precision, compiled if that works. The network itself is unchanged,
    so a checkpoint never depends on how it was run.

    It is compiled for `n_maps` at a time. A smaller batch, the last of an epoch, goes through the bare network:
    compiling that too takes a minute, and one program for every size is slow.
    """

    def __init__(self, network: nn.Module, precision: Precision, options: dict[str, Any] | None, n_maps: int) -> None:
        """`options` are the compiler's; None: nothing is compiled."""
        super().__init__()
        self.network, self.precision, self.compiled, self.n_maps = network, precision, options is not None, n_maps
        self._called = network if options is None else torch.compile(network, dynamic=False, options=options)

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, drop: Tensor | None = None) -> Tensor:
        called = self._called if len(x) == self.n_maps else self.network
        return self.precision.run(called, x, t, condition, drop)

    def stop_compiling(self, error: RuntimeError) -> bool:
        """Whether that was a failure of the compiler; if so, the next call does without it."""
        if not self.compiled:
            return False
        from torch._dynamo.exc import TorchDynamoException  # seconds of import, if nothing is compiled

        if not isinstance(error, TorchDynamoException):
            return False
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        reason = " ".join(lines[:2])  # the first may only name the owner of the error in the second
        log.warning("training.compile: the network could not be compiled (%s); it is trained without", reason)
        self._called, self.compiled = self.network, False
        return True


class Engine:
    """Owns every tensor that a step changes. `network` and `average` are the bare modules, however they are run.

    `saved` is the `state` of an earlier start of this run.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        network: nn.Module,
        method: Method,
        device: torch.device,
        saved: dict[str, Any] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self._ranks = ranks
        self._training, self._method, self.device = config.training, method, device
        self.network = _laid_out_where_it_gains(network.to(device), config)
        self.average = MovingAverage(self.network, config.training.ema_decay)
        self.optimizer = make_optimizer(config, self.network)
        if config.training.activation_checkpointing:
            recompute_blocks(self.network, config.model.network)
        precision = choose_precision(config, device, None if saved is None else saved.get("engine"))
        own = ranks.own(config.training.batch_size)
        n_maps = math.ceil((own.stop - own.start) / config.training.accumulation)
        self.runner = Runner(self.network, precision, compiler_options(config, device), n_maps)

    def step(self, x0: Tensor, condition: Tensor, rate: float, number: int) -> Step:
        """Optimiser step `number` (from 1): noise ε at a random time, with conditioning dropout."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        t = self._method.draw_times(len(x0), self.device)
        eps = torch.randn_like(x0)
        drop = torch.rand(len(x0), device=self.device) < self._training.cfg_prob
        try:
            loss = self._differentiate(x0, condition, t, eps, drop)
        except RuntimeError as error:
            if not self.runner.stop_compiling(error):
                raise
            loss = self._differentiate(x0, condition, t, eps, drop)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self._training.gradient_clip or math.inf)
        self.optimizer.step()
        self.average.update(self.network, number)
        return Step(loss, norm)

    def _differentiate(self, *batch: Tensor) -> Tensor:
        """Gradients of the mean loss over the batch, accumulated over its parts; returns the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        n, total = len(batch[0]), torch.zeros((), device=self.device)
        own = self._ranks.own(n)
        parts = zip(*(tensor[own].chunk(self._training.accumulation) for tensor in batch), strict=True)
        for part in parts if own.start < own.stop else ():
            loss = self._method.loss(self.runner, *part).sum() / n
            loss.backward()
            total = total + loss.detach()
        return self._ranks.add_up(total, self.network.parameters())

    @property
    def rate(self) -> float:
        """The learning rate of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def state(self) -> dict[str, Any]:
        return {
            "model": self.network.state_dict(),
            "ema": self.average.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "engine": {"precision": self.runner.precision.number, "device": self.device.type},
        }

    def load_state(self, state: dict[str, Any], source: Path) -> None:
        """Load a checkpoint's tensors; UserError that names `source` if they are those of another network."""
        load_weights(self.network, state["model"], source)
        load_weights(self.average.network, state["ema"], source)
        self.optimizer.load_state_dict(state["optimizer"])
        # Fused optimisers walk through memory: the moments of a weight must have the layout of the weight.
        for weight, moments in self.optimizer.state.items():
            for name, moment in moments.items():
                if moment.shape == weight.shape:
                    moments[name] = torch.empty_like(weight).copy_(moment)


def compiler_options(config: ExperimentConfig, device: torch.device) -> dict[str, Any] | None:
    """None if nothing is to be compiled. As one graph a step's kernels are recorded once and launched together: a
    GPU finishes a short step faster than a processor launches it."""
    asked, training = config.training.compile, config.training
    if asked == "graph" and device.type != "cuda":
        raise UserError(f"training.compile: graph is for CUDA, not for {device.type}; use auto.")
    if asked == "graph" and training.accumulation > 1:
        # Gradients stay where they were recorded: those of the second part would overwrite the first's.
        raise UserError(
            f"training.compile: graph takes a batch at once, but training.accumulation is {training.accumulation}; "
            "set it to 1, or training.compile to auto."
        )
    if asked == "false" or (asked == "auto" and device.type != "cuda"):
        return None
    if device.type != "cuda":
        return {}
    return {**_CUDA_OPTIONS, "triton.cudagraphs": asked == "graph"}


def _laid_out_where_it_gains(network: nn.Module, config: ExperimentConfig) -> nn.Module:
    """Channels last on CUDA, and for narrow networks on a processor (a step of the baseline took 1/1.23 of the time
    with 16 base channels and 1/0.95 with 64). The rule is fixed, since a run must continue as it began."""
    kind = next(network.parameters()).device.type
    narrow = config.model.base_channels <= _NARROW
    return laid_out(network) if kind == "cuda" or (kind == "cpu" and narrow) else network
