"""Layers that respect a periodic box: what leaves a map on one side comes in on the other."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def group_count(channels: int) -> int:
    """Groups of the normalisation: max(1, min(8, C // 8)), reduced until it divides C.

    A group of one channel would erase θ and t: their embedding is a constant per channel, and normalising each
    channel by itself subtracts it.
    """
    groups = max(1, min(8, channels // 8))
    while channels % groups:
        groups -= 1
    return groups


def group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(group_count(channels), channels)


def convolution(channels_in: int, channels_out: int, periodic: bool) -> nn.Conv2d:
    """3×3, the size is kept."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1, padding_mode=_mode(periodic))


def halving(channels: int, periodic: bool) -> nn.Conv2d:
    """4×4 with stride 2: half as many pixels a side."""
    return nn.Conv2d(channels, channels, 4, stride=2, padding=1, padding_mode=_mode(periodic))


def _mode(periodic: bool) -> str:
    return "circular" if periodic else "zeros"


class Doubling(nn.ConvTranspose2d):
    """4×4 transposed convolution with stride 2: twice as many pixels a side.

    `ConvTranspose2d` knows zero padding only. Where the box is periodic the input is wrapped by one pixel and the two
    pixels a side that the wrapped ring adds to the output are cropped.
    """

    def __init__(self, channels: int, periodic: bool) -> None:
        super().__init__(channels, channels, 4, stride=2, padding=3 if periodic else 1)
        self.periodic = periodic

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        # padding = 3 is padding = 1 with a crop of 2: the transposed convolution's "padding" is a crop.
        return super().forward(functional.pad(x, (1, 1, 1, 1), mode="circular") if self.periodic else x)


class SinusoidalEmbedding(nn.Module):
    """t (B,) → (B, width): sines and cosines of width/2 frequencies from 1 down to 1/10 000."""

    frequencies: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        frequencies = torch.exp(-math.log(10_000.0) * torch.arange(half) / max(1, half - 1))
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, t: Tensor) -> Tensor:
        phase = t.to(self.frequencies.dtype)[:, None] * self.frequencies
        return torch.cat([phase.sin(), phase.cos()], dim=1)
