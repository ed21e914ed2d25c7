"""The optimisers of a training run, without torch's wrappers for its compiler."""

from __future__ import annotations

import inspect

import torch
from torch import nn

from focus_core.config.experiment import ExperimentConfig


def make_optimizer(config: ExperimentConfig, network: nn.Module) -> torch.optim.Optimizer:
    training = config.training
    if training.optimizer == "adam":
        return plain(torch.optim.Adam)(network.parameters(), lr=training.lr, fused=True)
    weight_decay = training.weight_decay
    return plain(torch.optim.AdamW)(network.parameters(), lr=training.lr, weight_decay=weight_decay, fused=True)


def plain(kind: type[torch.optim.Adam]) -> type[torch.optim.Adam]:
    """The same optimiser, whose methods are called without wrappers.

    torch wraps them for programs that are compiled with their optimiser, and the first call imports the compiler, which
    adds a second to every start. Here only the network is ever compiled.
    """
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    return type(kind.__name__, (kind,), {**methods, "step": torch.no_grad()(inspect.unwrap(kind.step))})
