"""The baseline network: a U-Net that predicts the noise in a map, given t and θ; it serves every method.

37,341,569 parameters at 64 base channels and 146,229,505 at 128 (θ of six, multiples 1, 2, 4, 8, embeddings of 256).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from focus_core.catalogue.unets import stages_refusal
from focus_core.config.experiment import ModelSection
from focus_core.diffusion.method import Start
from focus_core.errors import UserError
from focus_core.networks.group_norm import GroupNorm
from focus_core.networks.layers import Block, Convolution, Doubling, SinusoidalEmbedding, join, normalised


def build(model: ModelSection, periodic: bool, start: Start) -> SimpleUNet:
    return SimpleUNet(
        channels_in=model.in_channels,
        channels_out=model.out_channels,
        condition_size=model.cond_dim,
        base_channels=model.base_channels,
        channel_mults=model.channel_mults,
        embedding=model.time_dim,
        periodic=periodic,
        start=start,
    )


class ResidualBlock(Block):
    """convolution, norm, activation; plus the embeddings of t and θ; the same again; plus the input."""

    def __init__(self, channels_in: int, channels_out: int, embedding: int, periodic: bool) -> None:
        super().__init__()
        self.first = Convolution(channels_in, channels_out, periodic)
        self.first_norm = GroupNorm(channels_out)
        self.from_time = nn.Linear(embedding, channels_out)
        self.from_condition = nn.Linear(embedding, channels_out)
        self.second = Convolution(channels_out, channels_out, periodic)
        self.second_norm = GroupNorm(channels_out)
        self.shortcut = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)

    def compute(self, x: Tensor, time: Tensor, condition: Tensor) -> Tensor:  # type: ignore[override]
        """x (B, channels_in, n, n); time and condition (B, embedding), both already through their MLPs."""
        hidden = functional.silu(normalised(self.first, self.first_norm, x))
        hidden = hidden + (self.from_time(time) + self.from_condition(condition))[:, :, None, None]
        hidden = functional.silu(normalised(self.second, self.second_norm, hidden))
        return hidden + self.shortcut(x)


class SimpleUNet(nn.Module):
    """Down through one residual block per stage, one in the middle, up again with the kept outputs concatenated."""

    def __init__(
        self,
        channels_in: int = 1,
        channels_out: int = 1,
        condition_size: int = 6,
        base_channels: int = 64,
        channel_mults: Sequence[int] = (1, 2, 4, 8),
        embedding: int = 256,
        periodic: bool = True,
        start: Start = "input",
    ) -> None:
        super().__init__()
        self.time = nn.Sequential(SinusoidalEmbedding(embedding), *_mlp(embedding, embedding))
        self.condition = nn.Sequential(*_mlp(condition_size, embedding))
        self.inward = Convolution(channels_in, base_channels, periodic)

        widths = [base_channels * mult for mult in channel_mults]
        down = [
            ResidualBlock(before, stage, embedding, periodic)
            for before, stage in zip([base_channels, *widths], widths, strict=False)
        ]
        self.down, self.shrink = nn.ModuleList(down), nn.ModuleList()
        for stage in widths:
            self.shrink.append(Convolution(stage, stage, periodic, halve=True))
        self.middle = ResidualBlock(widths[-1], widths[-1], embedding, periodic)
        incoming = [widths[-1], *reversed(widths)]
        up = [
            ResidualBlock(before + stage, stage, embedding, periodic)
            for before, stage in zip(incoming, reversed(widths), strict=False)
        ]
        self.enlarge = nn.ModuleList(Doubling(before, periodic) for before in incoming[:-1])
        self.up = nn.ModuleList(up)

        self.last_convolution = Convolution(widths[0], base_channels, periodic)
        self.to_noise = nn.Conv2d(base_channels, channels_out, 1)
        if start == "input":
            self._carry_the_noise(channels_in, down[0], up[-1])
        else:
            _clear(self.to_noise, channels_out)

    @torch.no_grad()
    def _carry_the_noise(self, maps: int, first: ResidualBlock, last: ResidualBlock) -> None:
        """Start near ε = x, which the noise is at late times.

        The first channels of the full-resolution path start as x and −x, which the last activation recombines, since
        silu(x) − silu(−x) = x; their branches start at zero. Trained from any other start, a mode's noise is a few per
        cent too small at late times, where its share of the loss is a millionth; every step of a sampler adds to that,
        and maps have several times their power. Nothing is fixed: these are initial weights like all others.
        """
        carriers, centre = 2 * maps, 1
        if min(self.inward.out_channels, self.last_convolution.in_channels) < 2 * carriers:
            return  # too narrow to spare channels for it
        for convolution in (self.inward, first.shortcut, last.shortcut, self.last_convolution):
            if isinstance(convolution, nn.Conv2d):
                _clear(convolution, carriers)
        for block in (first, last):
            block.second_norm.weight[:carriers] = 0.0
            block.second_norm.bias[:carriers] = 0.0
        nn.init.uniform_(self.to_noise.weight, -0.02, 0.02)
        self.to_noise.weight[:, :carriers] = 0.0
        if self.to_noise.bias is not None:
            self.to_noise.bias.zero_()
        for channel in range(carriers):
            field, sign = channel // 2, 1.0 - 2.0 * (channel % 2)
            self.inward.weight[channel, field, centre, centre] = sign
            if isinstance(first.shortcut, nn.Conv2d):
                first.shortcut.weight[channel, channel] = 1.0
            if isinstance(last.shortcut, nn.Conv2d):
                kept = last.shortcut.in_channels - first.second.out_channels
                last.shortcut.weight[channel, kept + channel] = 1.0
            self.last_convolution.weight[channel, channel, centre, centre] = 1.0
            self.to_noise.weight[field, channel] = sign

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, drop: Tensor | None = None) -> Tensor:
        """The method's prediction, such as the noise in x (B, c, N, N) at times t (B,); of the shape of x.

        `condition` (B, d) is θ scaled to [−1, 1]. Where `drop` (B,) is true the condition's *embedding* is zero, which
        no θ produces: that is the null condition of classifier-free guidance (arXiv 2207.12598).
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
            x = block(join(enlarge(x), skips.pop()), time, embedded)
        noise: Tensor = self.to_noise(functional.silu(self.last_convolution(x)))
        return noise


@torch.no_grad()
def _clear(convolution: nn.Conv2d, rows: int) -> None:
    """Zero the first output channels, weights and biases."""
    for values in (convolution.weight, convolution.bias):
        if values is not None:
            values[:rows] = 0.0


def check_grid(grid: int, stages: int) -> None:
    """UserError for maps that these stages cannot halve."""
    refusal = stages_refusal(stages, grid)
    if refusal is not None:
        raise UserError(f"{refusal}.")


def _mlp(width_in: int, width: int) -> list[nn.Module]:
    return [nn.Linear(width_in, width), nn.SiLU(), nn.Linear(width, width)]
