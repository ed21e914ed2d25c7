"""From a name in a configuration to a network. Names, not import paths: a typo is answered, nothing foreign is run."""

from __future__ import annotations

from torch import nn

from focus_core.config import ModelSection
from focus_core.errors import UserError
from focus_core.networks.simple_unet import SimpleUNet


def build_network(model: ModelSection, periodic: bool) -> nn.Module:
    """The network of a configuration. `periodic` is a property of the maps: it decides the padding."""
    if model.network != "SimpleUNet":
        raise UserError(f"model.from: {model.network} belongs to flow matching, which FOCUS does not train yet.")
    if model.in_channels != model.out_channels:
        raise UserError(
            f"model.out_channels: is {model.out_channels}, but the noise has the {model.in_channels} channel(s) of "
            "model.in_channels; make them equal."
        )
    return SimpleUNet(
        channels_in=model.in_channels,
        channels_out=model.out_channels,
        condition_size=model.cond_dim,
        base_channels=model.base_channels,
        channel_mults=model.channel_mults,
        embedding=model.time_dim,
        periodic=periodic,
    )


def parameter_count(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
