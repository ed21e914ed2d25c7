"""A modern U-Net: norms before activations, adaptive group norm, attention at low resolution, preserved magnitudes.

Adaptive group norm and attention follow Dhariwal & Nichol (2021, arXiv 2105.05233), the care for magnitudes Karras et
al. (2024, arXiv 2312.02696): at the start every weight preserves the variance of its input, sums are divided by √2, and
the output is zero (or the input, if the method needs that).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from focus_core.config.experiment import ModelSection
from focus_core.diffusion.method import Start
from focus_core.networks.group_norm import GroupNorm
from focus_core.networks.layers import Block, Convolution, SinusoidalEmbedding, join, keep_layout, normalised
from focus_core.networks.simple_unet import check_grid

# √(1/E[silu(z)²]) for a standard normal z: compensates the loss of magnitude in an activation.
_SILU_GAIN = 1.0 / 0.596
# Of the scales and shifts of adaptive norms at the start: noticeable, but far from changing a scale's sign.
_ADAPTIVE_GAIN = 0.3
_HEAD = 32


def build(model: ModelSection, periodic: bool, start: Start) -> ModernUNet:
    return ModernUNet(
        channels=model.in_channels,
        condition_size=model.cond_dim,
        base_channels=model.base_channels,
        channel_mults=model.channel_mults,
        embedding=model.time_dim,
        periodic=periodic,
        start=start,
    )


class AdaptiveBlock(Block):
    """norm, activation, convolution; norm with scale and shift of t and θ; activation, convolution; plus the input."""

    def __init__(self, channels_in: int, channels_out: int, embedding: int, periodic: bool) -> None:
        super().__init__()
        self.first_norm = GroupNorm(channels_in)
        self.first = Convolution(channels_in, channels_out, periodic)
        self.adapt = nn.Linear(embedding, 2 * channels_out)
        self.second_norm = GroupNorm(channels_out, affine=False)
        self.second = Convolution(channels_out, channels_out, periodic)
        self.shortcut = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)
        for convolution in (self.first, self.second):
            keep_magnitude(convolution, _SILU_GAIN)
        keep_magnitude(self.adapt, _ADAPTIVE_GAIN)
        if isinstance(self.shortcut, nn.Conv2d):
            keep_magnitude(self.shortcut)

    def compute(self, x: Tensor, embedded: Tensor) -> Tensor:  # type: ignore[override]
        """x (B, channels_in, n, n); embedded (B, embedding), of t and θ together."""
        hidden = normalised(self.first, self.second_norm, functional.silu(self.first_norm(x)))
        scale, shift = self.adapt(embedded)[:, :, None, None].chunk(2, dim=1)
        hidden = hidden * (1.0 + scale) + shift
        hidden = self.second(functional.silu(hidden))
        return keep_layout((self.shortcut(x) + hidden) / math.sqrt(2.0))


class Attention(Block):
    """Every pixel attends to every other. No positional encoding: on a periodic map no position is special."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = attention_heads(channels)
        self.norm = GroupNorm(channels)
        self.queries_keys_values = nn.Conv2d(channels, 3 * channels, 1)
        self.outward = nn.Conv2d(channels, channels, 1)
        keep_magnitude(self.queries_keys_values)
        keep_magnitude(self.outward)

    def compute(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """x (B, C, n, n)."""
        batch, channels, side, _ = x.shape
        mixed = keep_layout(self.queries_keys_values(self.norm(x)))
        shape = (batch, 3, self.heads, channels // self.heads, side * side)
        q, k, v = (part.contiguous() for part in mixed.view(shape).transpose(-1, -2).unbind(dim=1))
        seen = functional.scaled_dot_product_attention(q, k, v)
        gathered = seen.transpose(-1, -2).reshape(batch, channels, side, side)
        return keep_layout((x + self.outward(gathered)) / math.sqrt(2.0))


class ModernUNet(nn.Module):
    """One block per stage on the way down and one on the way up, two in the middle; attention on the smallest maps."""

    def __init__(
        self,
        channels: int = 1,
        condition_size: int = 6,
        base_channels: int = 64,
        channel_mults: Sequence[int] = (1, 2, 4, 4),
        embedding: int = 256,
        periodic: bool = True,
        start: Start = "zero",
    ) -> None:
        super().__init__()
        self.time = nn.Sequential(SinusoidalEmbedding(embedding), *_mlp(embedding, embedding))
        self.condition = nn.Sequential(*_mlp(condition_size, embedding))
        self.inward = Convolution(channels, base_channels, periodic)
        keep_magnitude(self.inward)

        widths = [base_channels * mult for mult in channel_mults]
        last, self.stages = widths[-1], len(widths)
        down = zip([base_channels, *widths], widths, strict=False)
        self.down = nn.ModuleList(AdaptiveBlock(before, width, embedding, periodic) for before, width in down)
        self.middle = nn.ModuleList(AdaptiveBlock(last, last, embedding, periodic) for _ in range(2))
        rising = list(reversed(widths))
        up = zip([last, *rising], rising, strict=False)
        self.up = nn.ModuleList(AdaptiveBlock(before + width, width, embedding, periodic) for before, width in up)
        self.attention = nn.ModuleList(Attention(last) for _ in range(3))

        self.last_norm = GroupNorm(widths[0])
        self.outward = Convolution(widths[0], channels, periodic)
        self.carry = nn.Conv2d(channels, channels, 1, bias=False)
        for weights in (self.outward.weight, self.outward.bias, self.carry.weight):
            nn.init.zeros_(weights)  # type: ignore[arg-type]
        if start == "input":
            nn.init.dirac_(self.carry.weight)

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, drop: Tensor | None = None) -> Tensor:
        """See `focus_core.networks.building`. The null condition is a zeroed embedding of θ, which no θ produces."""
        check_grid(x.shape[-1], self.stages)
        of_theta = self.condition(condition)
        if drop is not None:
            of_theta = of_theta.masked_fill(drop[:, None], 0.0)
        embedded = functional.silu((self.time(t) + of_theta) / math.sqrt(2.0))

        hidden, skips = self.inward(x), []
        for stage, block in enumerate(self.down):
            hidden = block(hidden, embedded)
            if stage == self.stages - 1:
                hidden = self.attention[0](hidden)
            skips.append(hidden)
            if stage < self.stages - 1:
                hidden = functional.avg_pool2d(hidden, 2)
        hidden = self.middle[1](self.attention[1](self.middle[0](hidden, embedded)), embedded)
        for stage, block in zip(reversed(range(self.stages)), self.up, strict=True):
            hidden = block(join(hidden, skips.pop()), embedded)
            if stage == self.stages - 1:
                hidden = self.attention[2](hidden)
            if stage > 0:
                hidden = functional.interpolate(hidden, scale_factor=2.0, mode="nearest")
        output: Tensor = self.outward(functional.silu(self.last_norm(hidden))) + self.carry(x)
        return output


def attention_heads(channels: int) -> int:
    """Heads of 32 channels, or wider ones where 32 does not divide."""
    heads = max(1, channels // _HEAD)
    while channels % heads:
        heads -= 1
    return heads


@torch.no_grad()
def keep_magnitude(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> None:
    """Weights of variance gain²/fan-in, no bias: inputs of unit variance over `gain` come out with unit variance."""
    fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, std=gain / math.sqrt(fan_in))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _mlp(width_in: int, width: int) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Linear(width_in, width), nn.SiLU(), nn.Linear(width, width)]
    for layer, gain in ((layers[0], 1.0), (layers[2], _SILU_GAIN)):
        if isinstance(layer, nn.Linear):
            keep_magnitude(layer, gain)
    return layers
