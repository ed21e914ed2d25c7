"""From a name in a configuration to a network. Names, not import paths: a typo is reported, no foreign code is run.

Every network is a module called as network(x, t, condition, drop) → a field of the shape of x, where x is (B, c, N, N),
t (B,) integer or real times of some hundreds, condition (B, d) θ scaled to [−1, 1], and drop (B,) marks maps without
θ (None: no map). It knows nothing of the meaning of its output; that belongs to the method.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from focus_core.catalogue.by_path import load
from focus_core.catalogue.networks import NETWORKS
from focus_core.config.experiment import ModelSection
from focus_core.diffusion.method import Start
from focus_core.errors import UserError

Builder = Callable[[ModelSection, bool, Start], nn.Module]


def build_network(model: ModelSection, periodic: bool, start: Start = "input") -> nn.Module:
    """The network of a configuration. `periodic` is a property of the maps: it decides the padding.

    `start` is the output that the method needs from an untrained network: its input, or zero.
    """
    if model.in_channels != model.out_channels:
        raise UserError(
            f"model.out_channels: is {model.out_channels}, but a network predicts as many channels as the "
            f"{model.in_channels} of model.in_channels; make them equal."
        )
    build: Builder = load(NETWORKS[model.network].build)
    return build(model, periodic, start)


def build_shapes(model: ModelSection, periodic: bool) -> nn.Module:
    """The same network with the shapes of its tensors and no numbers: shows at once whether it can be built."""
    with torch.device("meta"), _Uninitialised():
        return build_network(model, periodic)


class _Uninitialised(TorchFunctionMode):
    """Leaves tensors uninitialised: to draw numbers for shapes alone, torch imports its compiler, for a second."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else given["tensor"]
        return func(*args, **given)


def parameter_count(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
