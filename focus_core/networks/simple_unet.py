"""The baseline network: a U-Net that predicts the noise in a map, given t and θ.

37,341,569 parameters at 64 base channels and 146,229,505 at 128 (θ of six, multiples 1, 2, 4, 8, embeddings of 256).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from focus_core.errors import UserError
from focus_core.networks.layers import Convolution, Doubling, SinusoidalEmbedding, group_norm


class ResidualBlock(nn.Module):
    """convolution, norm, activation; plus the embeddings of t and θ; the same again; plus the input."""

    def __init__(self, channels_in: int, channels_out: int, embedding: int, periodic: bool) -> None:
        super().__init__()
        self.first = Convolution(channels_in, channels_out, periodic)
        self.first_norm = group_norm(channels_out)
        self.from_time = nn.Linear(embedding, channels_out)
        self.from_condition = nn.Linear(embedding, channels_out)
        self.second = Convolution(channels_out, channels_out, periodic)
        self.second_norm = group_norm(channels_out)
        self.shortcut = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """x (B, channels_in, n, n); time and condition (B, embedding), both already through their MLPs."""
        hidden = functional.silu(self.first_norm(self.first(x)))
        hidden = hidden + (self.from_time(time) + self.from_condition(condition))[:, :, None, None]
        hidden = functional.silu(self.second_norm(self.second(hidden)))
        return hidden + self.shortcut(x)


class SimpleUNet(nn.Module):
    """Down through one residual block a stage, one in the middle, up again with the kept outputs concatenated."""

    def __init__(
        self,
        channels_in: int = 1,
        channels_out: int = 1,
        condition_size: int = 6,
        base_channels: int = 64,
        channel_mults: Sequence[int] = (1, 2, 4, 8),
        embedding: int = 256,
        periodic: bool = True,
    ) -> None:
        super().__init__()
        self.time = nn.Sequential(SinusoidalEmbedding(embedding), *_mlp(embedding, embedding))
        self.condition = nn.Sequential(*_mlp(condition_size, embedding))
        self.inward = Convolution(channels_in, base_channels, periodic)

        widths = [base_channels * mult for mult in channel_mults]
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        width = base_channels
        for stage in widths:
            self.down.append(ResidualBlock(width, stage, embedding, periodic))
            self.shrink.append(Convolution(stage, stage, periodic, halve=True))
            width = stage
        self.middle = ResidualBlock(width, width, embedding, periodic)
        self.enlarge, self.up = nn.ModuleList(), nn.ModuleList()
        for stage in reversed(widths):
            self.enlarge.append(Doubling(width, periodic))
            self.up.append(ResidualBlock(width + stage, stage, embedding, periodic))
            width = stage

        self.outward = nn.Sequential(
            Convolution(width, base_channels, periodic), nn.SiLU(), nn.Conv2d(base_channels, channels_out, 1)
        )

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, drop: Tensor | None = None) -> Tensor:
        """The noise in x (B, c, N, N) at integer times t (B,), of the shape of x.

        `condition` (B, d) is θ scaled to [−1, 1]. Where `drop` (B,) is true the condition's *embedding* is zero, which
        no θ makes: that is the null condition of classifier-free guidance (arXiv 2207.12598).
        """
        check_grid(x.shape[-1], len(self.down))
        time, embedded = self.time(t), self.condition(condition)
        if drop is not None:
            embedded = embedded.masked_fill(drop[:, None], 0.0)
        x = self.inward(x)
        skips = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            x = block(x, time, embedded)
            skips.append(x)
            x = shrink(x)
        x = self.middle(x, time, embedded)
        for enlarge, block in zip(self.enlarge, self.up, strict=True):
            x = block(torch.cat([enlarge(x), skips.pop()], dim=1), time, embedded)
        return self.outward(x)


def check_grid(grid: int, stages: int) -> None:
    """Each stage halves the map, so N must be a multiple of 2^stages, and two pixels must be left to pad around."""
    if grid % 2**stages or grid < 2**stages:
        raise UserError(
            f"model.channel_mults: {stages} stages halve the map {stages} times, so its side must be a multiple of "
            f"{2**stages}, but the maps have {grid} pixels a side; use fewer stages or other maps."
        )


def _mlp(width_in: int, width: int) -> list[nn.Module]:
    return [nn.Linear(width_in, width), nn.SiLU(), nn.Linear(width, width)]
